// Small parts of the page: elements, words for codes, times, what is said to the operator.

export const at = (id) => document.getElementById(id);

export const KINDS = { consultation: "咨询", help: "求助", complaint: "投诉", report: "举报", suggestion: "意见建议", praise: "表扬", other: "其他" };
export const STATES = { accepted: "受理", dispatched: "派单", in_progress: "办理", returned: "退单", replied: "答复", closed: "办结", reopened: "重新办理" };
export const EVENTS = {
  "ticket.created": "新工单", "ticket.supplemented": "补充", "ticket.repeated": "重复诉求", "ticket.urged": "催办",
  "ticket.joined": "同一事件", "ticket.updated": "更新", "ticket.rated": "评价", "ticket.withdrawn": "撤回",
};
export const REPLIES = { pending: "待送达", delivered: "已送达", partial: "部分送达", refused: "被拒收", expired: "已过期", unknown: "送达不明" };
export const MODES = { absorbed: "整体并入", parallel: "双号并行", subcentre: "设分中心" };
export const PARTS = { text: "文字", image: "图片", voice: "语音", video: "视频", location: "位置", link: "链接", file: "文件", menu: "菜单", call: "通话" };

/** What the gateway says is wrong, in the operator's language where the words are known. */
const FAULTS = [
  [/^the gateway is stopping$/, "网关正在停止"],
  [/^the store cannot write: /, "存储写不进去，暂不受理新诉求："],
  [/^attachments cannot be written: /, "附件写不进去，带附件的诉求在等："],
  [/^no ticket was issued for (\d+) s$/, "已经 $1 秒没有成单"],
  [/^(\d+) messages of (\S+) wait for their ticket before the day ends/, "$2 还有 $1 件待处理，请在当日转接"],
  [/^nobody delivers to (.*)$/, "没有任务在向 $1 送达，请重启网关"],
  [/^not delivered within (\d+) s; last: /, "$1 秒内没有送达；最后一次："],
  [/^shown at the status look-up$/, "在进度查询页可见"],
  [/\bno connection$/, "连不上"],
  [/\btimed out$/, "超时未答"],
  [/\bconnection broken$/, "连接中断"],
  [/\banswered (\d{3})\b/, "对方答复 $1"],
  [/\banswer denied by the success predicate/, "对方的答复不算成功"],
];
export const fault = (text) => FAULTS.reduce((words, [pattern, chinese]) => words.replace(pattern, chinese), String(text ?? ""));

/** An element with classes, attributes and children; strings become text, never markup. */
export function el(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  element.classList.add(...classes);
  for (const [key, value] of Object.entries(attributes)) if (value != null) element.setAttribute(key, value);
  element.append(...children.flat().filter((child) => child != null));
  return element;
}

/** Text from outside, isolated: whatever directions it switches to end with it. */
export function said(text, block) {
  return el(block ? "p.said-by" : "bdi", { dir: "auto" }, String(text ?? ""));
}

/** A table cell with the column's name, for narrow pages. */
export function cell(label, ...children) {
  return el("td", { "data-label": label }, ...children);
}

export function button(words, action, name) {
  const element = el("button", { type: "button", "aria-label": name && `${words}：${name}` }, words);
  element.addEventListener("click", () => busy(element, action));
  return element;
}

/** Runs `action` with the button disabled; a failure is said in words. */
export async function busy(element, action) {
  element.disabled = true;
  try {
    await action();
  } catch (error) {
    say(error.message, true);
  } finally {
    element.disabled = false;
  }
}

export function mark(state, words) {
  return el(`span.mark.${state}`, {}, words);
}

/** In the city's own time, as the gateway tells it. */
export function time(text, short) {
  if (!text) return "–";
  const [day, clock = ""] = String(text).split("T");
  return short ? clock.slice(0, 8) : `${day} ${clock.slice(0, 8)}`;
}

export const count = (number) => Number(number ?? 0).toLocaleString("zh-CN");

let hush = 0;

/** Says what was done, or what went wrong; readers are told without losing their place. */
export function say(words, bad = false) {
  at("said").textContent = words;
  at("said").classList.toggle("bad", bad);
  clearTimeout(hush);
  if (words && !bad) hush = setTimeout(() => say(""), 8000);
}

/** Puts rows into a section's table; keeps the focus where it was if its row is still there. */
export function fill(section, rows) {
  const body = section.querySelector("tbody");
  const held = body.contains(document.activeElement) ? document.activeElement : null;
  const place = held && [held.closest("tr")?.dataset.key, held.textContent];
  body.replaceChildren(...rows);
  if (place) {
    const row = rows.find((row) => row.dataset.key === place[0]);
    [...(row?.querySelectorAll("button") ?? [])].find((one) => one.textContent === place[1])?.focus();
  }
  section.querySelector(".scroll").hidden = rows.length === 0;
  section.querySelector(".empty").hidden = rows.length > 0;
}

/** Asks before something that reaches many. */
export function sure(question) {
  const dialog = at("confirm");
  at("confirm-title").textContent = question;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
