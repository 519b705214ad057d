// The operators' console: looks again every few seconds, at once when the stream tells of news, and after each restart.

import { get, readiness, stream } from "./api.js";
import * as desk from "./desk.js";
import { at, el, fault, said, say, time } from "./page.js";
import { draw } from "./picture.js";
import { refresh as tickets } from "./tickets.js";

const VIEWS = { tickets, dead: desk.dead, quarantine: desk.quarantine, channels: desk.channels, destinations: desk.destinations, reconciliation: desk.reconciliation, audit: desk.audit };
const EVERY = 3000;
const HIDDEN = 20_000;
/** After a slow look the page rests longer, but no longer than this. */
const REST = 10_000;
/** News within this time is looked at together. */
const GATHER = 400;

let overview = null;
let failed = false;
let looking = false;
let again = false;
let timer = 0;
let due = Infinity;
let notBefore = 0;

const current = () => (location.hash.slice(1) in VIEWS ? location.hash.slice(1) : "tickets");

/** Looks again after `wait` milliseconds, or earlier if that is planned already. */
function plan(wait) {
  const now = performance.now();
  const when = Math.max(now + wait, notBefore);
  if (when >= due) return;
  due = when;
  clearTimeout(timer);
  timer = setTimeout(look, when - now);
}

/** Looks at everything on the page: one look at a time, and mostly at most a tenth of the time, to spare the gateway. */
async function look() {
  due = Infinity;
  looking = true;
  again = false;
  const began = performance.now();
  try {
    const [now, ready] = await Promise.all([get("overview"), readiness(), show()]);
    overview = now;
    draw(now);
    tell(ready);
    at("clock").textContent = `数据时间 ${time(now.at)}`;
    if (failed) say("已重新连上网关");
    failed = false;
  } catch (error) {
    failed = true;
    pill("ready", "bad", error.status === 0 ? "网关没有应答" : "读取失败");
    banner([error.message]);
  }
  looking = false;
  notBefore = performance.now() + Math.min(9 * (performance.now() - began), REST);
  plan(again ? GATHER : document.hidden ? HIDDEN : EVERY);
}

/** The chosen section. What is wrong with it alone does not spoil the picture. */
async function show() {
  try {
    await VIEWS[current()]();
  } catch (error) {
    if (error.status === 0) throw error;
    say(error.message, true);
  }
}

function tell({ ready, faults, notices = [] }) {
  pill("ready", ready ? "good" : "bad", ready ? "就绪：可以受理" : "未就绪");
  const down = overview.destinations.filter((destination) => !destination.up && !destination.paused);
  const names = down.map((one) => (one.name === "core" ? "核心派单系统" : one.name)).join("、");
  banner([...faults.map(fault), ...notices.map(fault), ...(down.length ? [`${names} 中断：诉求照常受理并存好，恢复后自动补送`] : [])]);
}

function pill(id, state, words) {
  at(id).className = `pill ${state}`;
  if (at(id).textContent !== words) at(id).textContent = words;
}

function banner(lines) {
  const words = lines.join("\n");
  // Said again only when it changes.
  if (at("banner").dataset.words === words) return;
  at("banner").dataset.words = words;
  at("banner").replaceChildren(...lines.map((line) => el("p", {}, said(line))));
  at("banner").hidden = lines.length === 0;
}

/** Follows the stream for ever; without it the page still looks every few seconds. */
async function follow() {
  for (let wait = 1000; ; wait = Math.min(wait * 2, 15_000)) {
    if (overview) {
      const opened = () => {
        wait = 1000;
        pill("live", "good", "实时");
      };
      await stream(overview.newest, opened, news).catch(() => {});
      pill("live", "warn", "每 3 秒刷新");
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

function news() {
  if (looking) again = true;
  else plan(GATHER);
}

function turn() {
  const name = current();
  for (const one of Object.keys(VIEWS)) at(`view-${one}`).hidden = one !== name;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  say("");
}

addEventListener("hashchange", () => {
  turn();
  show().catch((error) => say(error.message, true));
});
document.addEventListener("visibilitychange", () => document.hidden || news());
turn();
look();
desk.channels().catch(() => {});
follow();
