// The picture of the line: received → accepted → issued → delivered, with today's counts.

import { at, count, el, fault, mark, said, time } from "./page.js";

const SVG = "http://www.w3.org/2000/svg";

export function draw(overview) {
  const { today, backlog } = overview;
  const sums = today.total;
  at("line-day").textContent = today.day;
  put("received", sums.received);
  put("accepted", sums.received - sums.rejected - sums.redelivery);
  put("rejected", sums.rejected);
  put("redelivery", sums.redelivery);
  put("ticketed", sums.ticketed);
  put("backlog", backlog.messages);
  put("quarantined", overview.quarantined);
  const added = [[sums.repeat, "重复诉求"], [sums.supplement, "补充"]].filter(([number]) => number > 0);
  at("n-added").textContent = added.map(([number, words]) => `${words} ${count(number)}`).join(" · ");
  const waits = backlog.oldest_at ? (Date.parse(overview.at) - Date.parse(backlog.oldest_at)) / 1000 : 0;
  at("issue").classList.toggle("late", waits > 60);
  at("issue").classList.toggle("some", overview.quarantined > 0);
  sparkline(overview.arrivals);
  at("lanes").replaceChildren(...inOrder(overview.destinations).map((one) => lane(one, today.day)));
  if (overview.destinations.length === 0) at("lanes").append(el("li.lane.none", {}, "没有配置核心或订阅方：工单只留在网关里"));
  balance(at("balance"), today, "今天");
  if (!today.balanced) at("balance").append(" ", el("a", { href: "#reconciliation" }, "看对账"));
  const dead = overview.destinations.reduce((sum, destination) => sum + destination.dead, 0);
  badge("count-dead", dead);
  badge("count-quarantine", overview.quarantined);
}

// The core first: it is what the citizen waits for.
const inOrder = (destinations) => [...destinations].sort((one, other) => (other.name === "core") - (one.name === "core"));

function put(name, number) {
  at(`n-${name}`).textContent = count(number);
}

function badge(id, number) {
  at(id).textContent = number > 0 ? count(number) : "";
  at(id).hidden = number === 0;
}

function lane(destination, today) {
  const { name, up, behind, dead, since, last_error: error } = destination;
  const state = up ? "good" : "bad";
  const details = [
    el("span", {}, "滞后 ", el("b", {}, count(behind)), " 件"),
    dead > 0 ? el("a.dead", { href: "#dead" }, `死信 ${count(dead)} 件`) : el("span", {}, "死信 0 件"),
  ];
  const why = up ? null : el("p.small", {}, `自 ${time(since, since.slice(0, 10) === today)} 起`, error ? "：" : "", error ? said(fault(error)) : null, "；正在自动重试，诉求都已存好");
  return el(`li.lane.${state}`, {},
    el("p.name", {}, el("strong", {}, name === "core" ? "核心派单系统" : said(name)), mark(state, up ? "通" : "中断")),
    el("p.small.figures", {}, details), why);
}

function sparkline(minutes) {
  const most = Math.max(...minutes, 0);
  const sum = minutes.reduce((one, other) => one + other, 0);
  const words = `近 60 分钟 ${count(sum)} 件，最多每分钟 ${count(most)} 件`;
  at("n-rate").textContent = `近 60 分钟 ${count(sum)} 件`;
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 240 36");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", words);
  minutes.forEach((number, index) => {
    const bar = document.createElementNS(SVG, "rect");
    const height = number === 0 ? 1 : 3 + (31 * number) / most;
    for (const [key, value] of Object.entries({ x: index * 4, y: 36 - height, width: 3, height })) bar.setAttribute(key, value);
    if (number === 0) bar.classList.add("none");
    svg.append(bar);
  });
  at("spark").replaceChildren(svg);
}

/** Whether a day adds up, clearly. */
export function balance(place, { total, balanced, day }, name = `${day} `) {
  const sum = `收到 ${count(total.received)} = 成单 ${count(total.ticketed)} + 补充 ${count(total.supplement)} + 重复诉求 ${count(total.repeat)} + 重复推送 ${count(total.redelivery)} + 拒收 ${count(total.rejected)} + 待处理 ${count(total.pending)}`;
  const verdict = balanced ? mark("good", `${name}账平`) : mark("bad", `${name}账不平`);
  place.replaceChildren(verdict, " ", balanced ? sum : sum.replace("=", "≠"));
}
