// Tickets: searched and listed masked, read one at a time in full.

import { get, post } from "./api.js";
import { KINDS, MODES, PARTS, REPLIES, STATES, at, button, busy, cell, count, el, fault, fill, mark, said, say, time } from "./page.js";

const PAGE = 30;
const NUMBER = /^\d{8}-\d{6,}-\d$/;
const section = at("view-tickets");
const form = at("search");

let listed = null;
let next = null;
let paged = false;
let asked = 0;

for (const [name, words] of [["kind", KINDS], ["status", STATES]]) {
  form.elements[name].append(...Object.entries(words).map(([value, text]) => el("option", { value }, text)));
}

/** The channels to choose from. */
export function offer(channels) {
  const select = form.elements.channel;
  const known = new Set([...select.options].map((option) => option.value));
  for (const { id } of channels) if (!known.has(id)) select.append(el("option", { value: id }, id));
}

function query(before) {
  const filters = [...new FormData(form)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value !== "");
  return new URLSearchParams([...filters, ["limit", PAGE], ...(before ? [["before", before]] : [])]);
}

/** The newest page; left alone while older ones are being read, but said that there is news. */
export async function refresh(force = false) {
  const turn = ++asked;
  const page = await get(`tickets?${query()}`);
  if (turn !== asked) return;
  const changed = JSON.stringify(page.tickets) !== JSON.stringify(listed?.slice(0, PAGE));
  if (paged && !force) {
    at("fresh").hidden = at("fresh").hidden && !changed;
    return;
  }
  paged = false;
  at("fresh").hidden = true;
  next = page.next;
  if (changed || force) show(page.tickets);
  at("more").hidden = next === null;
}

function show(tickets) {
  listed = tickets;
  fill(section, tickets.map(row));
  const filtered = [...query()].length > 1;
  at("no-tickets").textContent = filtered ? "没有符合条件的工单。放宽条件，或清除后再看。" : "还没有工单。来了第一件诉求，一秒内就会出现在这里。";
}

function row(ticket) {
  const { number, appellant = {}, hotline = {}, channel = {} } = ticket;
  const open = button(number, () => read(number));
  open.className = "link";
  open.setAttribute("aria-haspopup", "dialog");
  const who = appellant.anonymous ? "匿名" : [appellant.name, appellant.phone].filter(Boolean).join(" ") || "–";
  return el("tr", { "data-key": number },
    cell("工单号", open), cell("收到", time(ticket.received_at)), cell("类型", KINDS[ticket.kind] ?? ticket.kind),
    el("td.words", { "data-label": "标题" }, said(ticket.title || ticket.content)),
    cell("诉求人", said(who), appellant.confidential ? " " : null, appellant.confidential ? mark("warn", "保密") : null),
    cell("渠道 · 热线", `${channel.id ?? ""} · ${hotline.code ?? ""}`), cell("状态", mark("plain", STATES[ticket.status] ?? ticket.status)));
}

/** Opens one ticket: all of it. The gateway writes to the audit trail that it was read. */
export async function read(number) {
  const [ticket, fates] = await Promise.all([
    get(`tickets/${encodeURIComponent(number)}`),
    get(`tickets/${encodeURIComponent(number)}/deliveries`).catch((error) => error),
  ]);
  const of = ticket.similar?.of;
  const other = of ? await get(`tickets/${encodeURIComponent(of)}`).catch((error) => error) : null;
  at("ticket-title").textContent = `工单 ${ticket.number}`;
  at("ticket-body").replaceChildren(...parts(ticket, fates, other));
  if (!at("ticket").open) at("ticket").showModal();
  at("ticket-body").scrollTop = 0;
}

const part = (title, ...children) => el("section", {}, el("h3", {}, title), ...children);
const list = (pairs) => el("dl", {}, pairs.filter(([, value]) => value != null && value !== "").map(([name, value]) =>
  el("div", {}, el("dt", {}, name), el("dd", {}, value instanceof Node ? value : said(value)))));

function* parts(ticket, fates, other) {
  const { hotline = {}, channel = {}, appellant = {}, location, category, priority, due, repeat, incident } = ticket;
  yield list([
    ["状态", mark("plain", STATES[ticket.status] ?? ticket.status)], ["类型", KINDS[ticket.kind] ?? ticket.kind],
    ["热线", [hotline.code, hotline.name, MODES[hotline.mode]].filter(Boolean).join(" ")],
    ["渠道", [channel.id, channel.type && `（${channel.type}）`].filter(Boolean).join("")],
    ["收到", time(ticket.received_at)], ["发生", ticket.occurred_at && time(ticket.occurred_at)], ["承办单位", ticket.unit],
    ["分类", category && [category.code, category.name].filter(Boolean).join(" ")],
    ["紧急程度", priority && [priority.level, priority.reason].filter(Boolean).join("：")],
    ["标记", ticket.flags?.join("、")], ["答复时限", due?.reply_by && time(due.reply_by)],
    ["重复诉求", repeat && `第 ${repeat.count ?? "?"} 次，同 ${repeat.of ?? "本单"}；${repeat.reason ?? ""}`],
    ["同一事件", incident && `${incident.id}（${count(incident.size)} 件）；${incident.reason ?? ""}`],
  ]);
  if (ticket.similar) yield question(ticket, other);
  yield part("诉求内容", ticket.title ? el("p.title", {}, said(ticket.title)) : null, said(ticket.content, true));
  if (ticket.demand) yield part("办理要求", said(ticket.demand, true));
  yield part("诉求人", list([
    ["姓名", appellant.name], ["电话", appellant.phone], ["邮箱", appellant.email], ["微信", appellant.wechat_openid],
    ["身份", [appellant.anonymous && "匿名", appellant.confidential && "保密：不告诉承办单位"].filter(Boolean).join("、")],
    ["公开", ticket.publish ? "同意公开这件诉求和答复" : ""], ["标识", same(appellant.key)],
  ]));
  if (location && Object.values(location).some((value) => value != null)) yield part("地点", list([["地址", location.text], ["行政区划", location.region], ["坐标", location.lat != null ? `${location.lat}, ${location.lon}` : ""]]));
  if (ticket.attachments?.length) yield part("附件", el("ul", {}, ticket.attachments.map(attachment)));
  if (ticket.transcript?.length) yield part("来件记录", el("ol.transcript", {}, ticket.transcript.map((one) =>
    el("li", {}, el("p.small", {}, `${time(one.at)} · ${PARTS[one.type] ?? one.type}${one.attachment ? "（见附件）" : ""}`), one.text ? said(one.text, true) : null))));
  if (ticket.replies?.length) yield part("答复", el("ol.transcript", {}, ticket.replies.map((reply) =>
    el("li", {}, el("p.small", {}, [time(reply.at), REPLIES[reply.state] ?? reply.state, fault(reply.reason)].filter(Boolean).join(" · ")), said(reply.text, true)))));
  yield part("送达", fates instanceof Error ? el("p.fault", {}, fates.message) : el("ul.fates", {}, fates.deliveries.map(fate)));
  yield el("details", {}, el("summary", {}, "完整数据（JSON）"), el("pre", { dir: "ltr", tabindex: "0" }, JSON.stringify(ticket, null, 2)));
}

/** The gateway is not sure whether it is the same matter as another ticket: a person decides. */
function question(ticket, other) {
  const { of, reason, score, same_citizen: same } = ticket.similar;
  const decided = (what, body, words) => async () => {
    await post(`tickets/${encodeURIComponent(ticket.number)}/${what}`, body);
    await read(ticket.number);
    say(words);
  };
  const link = button("是同一事项，关联", decided("link", { to: of }, `已与 ${of} 关联`), of);
  const dismiss = button("不是，各办各的", decided("dismiss", undefined, `已确认与 ${of} 无关`), of);
  const shown = other instanceof Error ? el("p.fault", {}, other.message) : el("blockquote", {}, said(other?.content ?? "", true));
  const asked = part(`是否与 ${of} 为同一${same ? "诉求（重复）" : "事件"}？`, el("p", {}, said(`${reason}（${Math.round(score * 100)}%）`)), shown, el("p.actions", {}, link, " ", dismiss));
  asked.id = "question";
  return asked;
}

function fate({ destination, state, waiting, dead }) {
  const name = destination === "core" ? "核心派单系统" : destination;
  const shown = {
    done: mark("good", destination === "core" ? "已送达" : "已送达，或不在其订阅范围"),
    waiting: mark("warn", `待送达 ${count(waiting)} 个事件`),
    dead: mark("bad", `死信 ${count(dead)} 个事件`),
  }[state];
  return el("li", {}, said(name), " ", shown);
}

function attachment({ name, media_type: type, bytes, url }) {
  const label = said(name || type || "附件");
  const safe = /^https?:\/\//.test(url ?? "");
  const size = bytes == null ? "" : ` ${count(Math.max(1, Math.round(bytes / 1024)))} KB`;
  return el("li", {}, safe ? el("a", { href: url, rel: "noreferrer noopener", target: "_blank" }, label) : label, el("span.small", {}, ` ${type ?? ""}${size}`, safe ? "" : "（还没有存下）"));
}

/** All tickets of the same citizen. */
function same(key) {
  if (!key) return null;
  const find = button("查找此人的全部诉求", async () => {
    at("ticket").close();
    form.reset();
    form.elements.appellant.value = key;
    location.hash = "#tickets";
    await refresh(true);
  });
  return el("span", {}, said(key), " ", find);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const typed = form.elements.q.value.trim();
  if (NUMBER.test(typed)) return busy(event.submitter ?? form.querySelector("button"), () => read(typed));
  return busy(form.querySelector("button"), async () => {
    await refresh(true);
    say(listed.length === 0 ? "没有符合条件的工单" : `列出 ${listed.length} 张工单${next ? "，还有更早的" : ""}`);
  });
});
form.addEventListener("reset", () => setTimeout(() => refresh(true).catch((error) => say(error.message, true))));
at("fresh").addEventListener("click", (event) => busy(event.currentTarget, () => refresh(true)));
at("more").addEventListener("click", (event) => busy(event.currentTarget, async () => {
  const page = await get(`tickets?${query(next)}`);
  paged = true;
  next = page.next;
  show([...listed, ...page.tickets]);
  at("more").hidden = next === null;
}));
at("ticket-close").addEventListener("click", () => at("ticket").close());
at("ticket").addEventListener("click", (event) => event.target === at("ticket") && at("ticket").close());
at("ticket").addEventListener("close", () => at("ticket-body").replaceChildren());
