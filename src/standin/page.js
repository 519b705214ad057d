"use strict";
// Asks once a second for what changed. All text goes in as text, never as markup.

const KINDS = { consultation: "咨询", help: "求助", complaint: "投诉", report: "举报", suggestion: "意见建议", praise: "表扬", other: "其他" };
const STATES = { accepted: "受理", dispatched: "派单", in_progress: "办理", returned: "退单", replied: "答复", closed: "办结", reopened: "重新办理" };
const EVENTS = {
  "ticket.created": "新工单", "ticket.supplemented": "补充", "ticket.repeated": "重复诉求", "ticket.urged": "催办",
  "ticket.joined": "同一事件", "ticket.updated": "更新", "ticket.rated": "评价", "ticket.withdrawn": "撤回",
};
const FATES = { pending: "待送达", delivered: "已送达", partial: "部分送达", refused: "被拒收", expired: "已过期", unknown: "送达不明" };
const MAX = 500;

const at = (id) => document.getElementById(id);
const cards = new Map();
let run = "";
let version = 0;
let failed = false;
let state = {};

async function look() {
  try {
    const response = await fetch(`/tickets?after=${version}&run=${encodeURIComponent(run)}`);
    if (!response.ok) throw new Error(response.status);
    show(await response.json());
    if (failed) notice("");
    failed = false;
  } catch {
    if (!failed) notice("替身系统没有应答：可能已经停止。恢复后本页会自动更新。", true);
    failed = true;
  }
  setTimeout(look, document.hidden ? 5000 : 1000);
}

function show({ state: now, board }) {
  const first = run === "";
  if (!first && now.run !== run) {
    cards.clear();
    at("tickets").replaceChildren();
  }
  ({ run } = now);
  state = now;
  version = board.version;
  for (const [name, count] of Object.entries(board.counts)) at(`count-${name}`).textContent = count.toLocaleString("zh-CN");
  at("signed").textContent = state.signed ? "已启用" : "未启用";
  at("down").setAttribute("aria-pressed", String(state.down));
  at("down").textContent = state.down ? "恢复接收" : "模拟故障";
  // Oldest first, each put on top: the newest ends up highest.
  for (const entry of board.tickets.reverse()) place(entry, !first);
  for (const [number, card] of cards) {
    if (cards.size <= MAX) break;
    card.remove();
    cards.delete(number);
  }
  at("empty").hidden = cards.size > 0;
}

function place({ ticket, events }, fresh) {
  let card = cards.get(ticket.number);
  if (!card) {
    card = at("card").content.firstElementChild.cloneNode(true);
    card.querySelector(".answer").addEventListener("click", () => open(ticket.number));
    cards.set(ticket.number, card);
    at("tickets").prepend(card);
    card.firstElementChild.classList.toggle("fresh", fresh);
  }
  fill(card, ticket, events);
}

function fill(card, ticket, events) {
  const find = (selector) => card.querySelector(selector);
  find("h3").textContent = ticket.title || ticket.content || "（无标题）";
  const named = (one) => one && (one.name || one.code);
  const meta = [
    ticket.number, STATES[ticket.status] || ticket.status, KINDS[ticket.kind] || ticket.kind, named(ticket.category),
    named(ticket.hotline), ticket.channel && ticket.channel.id && `渠道 ${ticket.channel.id}`, time(ticket.received_at),
    ticket.location && ticket.location.text, ticket.repeat && ticket.repeat.count && `重复 ${ticket.repeat.count} 次`,
  ];
  find(".meta").textContent = meta.filter(Boolean).join(" · ");
  find(".content").textContent = ticket.content || "";
  find(".content").hidden = !ticket.content || ticket.content === find("h3").textContent;
  find(".demand").textContent = ticket.demand || "";
  find(".demand").hidden = !ticket.demand;
  find(".steps").replaceChildren(...events.map((event) => item(`${EVENTS[event.type] || event.type} ${time(event.time, true)}`)));
  const replies = (ticket.replies || []).map((reply) => {
    const fate = [FATES[reply.state] || reply.state, reply.reason].filter(Boolean).join("：");
    return item(`${reply.text || ""}${fate ? `（${fate}）` : ""}`);
  });
  find(".replies").replaceChildren(...replies);
  find(".replies").hidden = replies.length === 0;
  const button = find(".answer");
  button.hidden = !state.answers;
  button.setAttribute("aria-label", `答复工单 ${ticket.number}`);
}

function item(text) {
  const element = document.createElement("li");
  element.textContent = text;
  return element;
}

// As written, on the clock of the city that wrote it, wherever this browser is.
function time(text, short) {
  const parts = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)/.exec(text || "");
  if (!parts) return "";
  return short ? parts[2] : `${parts[1]} ${parts[2]}`;
}

function notice(text, bad) {
  at("notice").textContent = text;
  at("notice").hidden = text === "";
  at("notice").classList.toggle("bad", Boolean(bad));
}

// One name per opened form: sending it again after a broken connection makes no second answer.
let draft = "";

function open(number) {
  draft = `standin-${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
  at("dialog-number").textContent = number;
  at("text").value = "";
  at("fault").textContent = "";
  at("dialog").showModal();
  at("text").focus();
}

async function send(event) {
  event.preventDefault();
  at("send").disabled = true;
  at("fault").textContent = "";
  const body = {
    id: draft, number: at("dialog-number").textContent, text: at("text").value, unit: at("unit").value, ask_rating: at("rating").checked,
  };
  try {
    const response = await post("/answer", body);
    const answer = await response.json().catch(() => ({}));
    if (response.ok) {
      at("dialog").close();
      notice(`${body.number}：${answer.message}`);
    } else {
      at("fault").textContent = answer.message || `提交失败（${response.status}）`;
    }
  } catch {
    at("fault").textContent = "替身系统没有应答，请稍后再试";
  }
  at("send").disabled = false;
}

function post(path, body) {
  return fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

at("form").addEventListener("submit", send);
at("cancel").addEventListener("click", () => at("dialog").close());
at("down").addEventListener("click", async () => {
  const down = !state.down;
  try {
    await post("/down", { down });
    notice(down ? "正在模拟故障：所有事件都答 503。网关会留着事件，恢复后一件不少地送来。" : "已恢复接收。");
  } catch {
    notice("替身系统没有应答", true);
  }
});
look();
