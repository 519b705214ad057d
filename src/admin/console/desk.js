// What operators look after: dead letters, quarantine, channels, the day's sums, the audit trail.

import { get, post } from "./api.js";
import { EVENTS, at, button, busy, cell, count, el, fault, fill, mark, said, say, sure, time } from "./page.js";
import { balance } from "./picture.js";
import { offer, read } from "./tickets.js";

const view = (name) => at(`view-${name}`);
const numbered = (number) => {
  const open = button(number, () => read(number));
  open.className = "link";
  return open;
};

/** Asks, does it, says so, and looks again. */
function act(words, path, question, look) {
  return async () => {
    if (question && !(await sure(question))) return;
    const done = await post(path);
    say(words(done.requeued ?? done.released ?? 1));
    await look();
  };
}

const resent = (number) => `${count(number)} 件已交去重发，结果几秒内可见`;
const released = (number) => `${count(number)} 件已放回，正在重新解析`;

export async function dead() {
  const { deliveries } = await get("deliveries?limit=200");
  const open = deliveries.filter((letter) => letter.state !== "delivered");
  at("retry-all").hidden = !open.some((letter) => letter.state === "dead");
  fill(view("dead"), open.map((letter) => el("tr", { "data-key": letter.id },
    cell("去向", said(letter.destination)), cell("工单", numbered(letter.subject)), cell("事件", EVENTS[letter.type] ?? letter.type),
    el("td.words", { "data-label": "原因" }, said(fault(letter.reason))), cell("试过", `${letter.attempts} 次`), cell("时间", time(letter.at)),
    cell("状态", letter.state === "dead" ? mark("bad", "待处理") : mark("warn", "重发中")),
    cell("操作", button("重发", act(resent, `deliveries/${encodeURIComponent(letter.id)}/retry`, null, dead), letter.subject)))));
}

export async function quarantine() {
  const { quarantine: messages } = await get("quarantine?limit=200");
  at("release-all").hidden = messages.length === 0;
  fill(view("quarantine"), messages.map((one) => el("tr", { "data-key": one.message },
    cell("回执号", one.number), cell("渠道", said(one.channel)), el("td.words", { "data-label": "原因" }, said(one.reason)), cell("时间", time(one.at)),
    cell("操作", button("放回", act(released, `quarantine/${one.message}/release`, null, quarantine), one.number)))));
}

const DIRECTIONS = { push: "对方推送", pull: "网关收取", listen: "网关监听" };

export async function channels() {
  const { channels: all } = await get("channels");
  offer(all);
  fill(view("channels"), all.map(({ id, paused, ...channel }) => el("tr", { "data-key": id },
    cell("渠道", said(id)), cell("类型", channel.type), cell("热线", channel.hotline), cell("方向", DIRECTIONS[channel.direction] ?? channel.direction),
    cell("能否回复", channel.replies ? "能" : "否"), cell("最近来件", channel.last_received_at ? time(channel.last_received_at) : "启动以来没有"),
    cell("状态", paused ? mark("warn", "已暂停") : mark("good", "受理中")), cell("操作", toggle(CHANNEL, id, paused)))));
}

export async function destinations() {
  const { destinations: all } = await get("destinations");
  const state = ({ paused, up }) => (paused ? mark("warn", "已暂停") : up ? mark("good", "通畅") : mark("bad", "中断"));
  fill(view("destinations"), all.map((one) => el("tr", { "data-key": one.name },
    cell("去向", said(one.name)), cell("状态", state(one)), cell("自", time(one.since)), el("td.figure", { "data-label": "未送达" }, count(one.behind)),
    el("td.figure", { "data-label": "死信" }, count(one.dead)), cell("最近的故障", said(fault(one.last_error ?? ""))),
    cell("操作", toggle(DESTINATION, one.name, one.paused)))));
}

/** What can be paused: where, what is said of it, what is asked before, and what shows it. */
const CHANNEL = { path: "channels", name: "渠道", paused: "暂停，来件会得到 503", resumed: "恢复受理", asked: "来件会被要求稍后再试。", look: channels };
const DESTINATION = { path: "destinations", name: "去向", paused: "暂停，事件留在原位", resumed: "恢复送达", asked: "事件会留在原位，恢复后再送。", look: destinations };

function toggle(kind, id, paused) {
  const [words, action, done] = paused ? ["恢复", "resume", kind.resumed] : ["暂停", "pause", kind.paused];
  const question = paused ? null : `暂停${kind.name} ${id}？${kind.asked}`;
  return button(words, act(() => `${kind.name} ${id} 已${done}`, `${kind.path}/${encodeURIComponent(id)}/${action}`, question, kind.look), id);
}

const COLUMNS = [["收到", "received"], ["成单", "ticketed"], ["补充", "supplement"], ["重复诉求", "repeat"], ["重复推送", "redelivery"], ["拒收", "rejected"], ["待处理", "pending"]];
const BECAME = COLUMNS.slice(1).map(([, name]) => name);

export async function reconciliation() {
  const chosen = at("day").value;
  const day = await get(`reconciliation${chosen ? `?day=${chosen}` : ""}`);
  if (!chosen) at("day").value = day.day;
  const figures = (row) => COLUMNS.map(([label, name]) => el("td.figure", { "data-label": label }, count(row[name])));
  fill(view("reconciliation"), day.rows.map((row) => {
    const even = row.received === BECAME.reduce((sum, name) => sum + row[name], 0);
    return el("tr", { "data-key": `${row.channel} ${row.hotline}` }, cell("渠道", said(row.channel)), cell("热线", row.hotline), figures(row),
      cell("账", even ? mark("good", "平") : mark("bad", "不平")));
  }));
  certificate(day.certificate);
  const verdict = day.balanced ? mark("good", "平") : mark("bad", "不平");
  view("reconciliation").querySelector("tfoot").replaceChildren(
    el("tr", {}, el("th", { scope: "row", colspan: 2 }, "合计"), figures(day.total), cell("账", verdict)));
  balance(at("day-balance"), day);
}

const STATES = { open: ["warn", "当日未封账"], closed: ["good", "已封账，全部转接"], incomplete: ["bad", "已封账，仍有待处理"], broken: ["bad", "证明与记录不符"] };

/** The day's certificate: its hash, and the one that it follows. */
function certificate({ state, hash, previous, closed_at, amended }) {
  const [level, words] = STATES[state] ?? ["warn", state];
  const short = (text) => el("code", { title: text }, text.slice(0, 16));
  at("certificate").replaceChildren(...[mark(level, words), closed_at ? ` ${time(closed_at)} ` : null, hash ? "哈希 " : null, hash ? short(hash) : null,
    hash ? " 上一日 " : null, hash ? short(previous) : null, amended ? " 封账后有变动" : null].filter((part) => part != null));
}

const ACTIONS = { "ticket.read": "查看工单（含联系方式）", "parity.read": "并轨核对（含联系方式）" };

export async function audit() {
  const { audit: entries } = await get("audit?limit=200");
  fill(view("audit"), entries.map((entry, index) => el("tr", { "data-key": index },
    cell("时间", time(entry.at)), cell("来自", said(entry.who)), cell("做了什么", ACTIONS[entry.action] ?? said(entry.action)), cell("工单", entry.number))));
}

at("day").addEventListener("change", (event) => event.target.value && busy(at("day-form"), reconciliation));
at("day-form").addEventListener("submit", (event) => event.preventDefault());
at("retry-all").addEventListener("click", (event) => busy(event.currentTarget, act(resent, "deliveries/retry", "重发全部死信？各接收方会再收到一次。", dead)));
at("release-all").addEventListener("click", (event) => busy(event.currentTarget, act(released, "quarantine/release", "放回全部隔离的来件？", quarantine)));
