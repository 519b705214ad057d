// The admin API: the token, errors in words, and the stream of events.

const at = (id) => document.getElementById(id);
const KEY = "jiesu-token";

/** What a request failed with, in words that say what to do. `status` is 0 when nobody answered. */
export class Failure extends Error {
  constructor(status, words) {
    super(words);
    this.status = status;
  }
}

const WORDS = {
  403: "网关不许本页这样做：请从本机（localhost）打开，或在配置里设置 admin.token",
  404: "已经不在了：可能别人刚处理过，请刷新看看",
  429: "请求太密，请稍等几秒再试",
  503: "网关暂时做不了：存储写不进去，或正在重启。请稍后再试；已受理的不会丢",
};

async function failure(response) {
  const problem = await response.json().catch(() => ({}));
  const detail = problem.detail ? `（${String(problem.detail).slice(0, 300)}）` : "";
  const fields = (problem.errors ?? []).map((fault) => fault.field).join("、");
  const words = WORDS[response.status] ?? (fields ? `请检查：${fields}` : `网关答复 ${response.status}，请看网关日志`);
  return new Failure(response.status, words + detail);
}

function headers(more) {
  const token = sessionStorage.getItem(KEY);
  return { ...more, ...(token ? { authorization: `Bearer ${token}` } : {}) };
}

/** Asks for the token, once however many requests want it; closed without one, the dialog opens again. */
let asking = null;
function ask(wrong) {
  const dialog = at("login");
  at("login-fault").textContent = wrong ? "这个令牌不对，请核对后再输入" : "";
  asking ??= new Promise((resolve) => {
    const open = () => {
      at("token").value = "";
      dialog.returnValue = "";
      dialog.showModal();
    };
    const closed = () => {
      if (dialog.returnValue !== "in") return open();
      dialog.removeEventListener("close", closed);
      sessionStorage.setItem(KEY, at("token").value.trim());
      asking = null;
      return resolve();
    };
    dialog.addEventListener("close", closed);
    open();
  });
  return asking;
}

/** Longer than the gateway ever takes, in milliseconds. */
const PATIENCE = 30_000;

/** Sends a request, with the token if there is one; asks for it on a 401. Answers 2xx; else throws a Failure. */
async function send(path, options = {}) {
  for (;;) {
    const token = sessionStorage.getItem(KEY);
    let response;
    try {
      const signal = options.signal ?? AbortSignal.timeout(PATIENCE);
      response = await fetch(path, { ...options, signal, headers: headers(options.headers), cache: "no-store" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Failure(0, "网关没有应答：可能正在重启，或网络不通。本页会自动重连");
    }
    if (response.status !== 401) return response;
    // Another request may have asked meanwhile.
    if (token === sessionStorage.getItem(KEY)) await ask(token !== null);
  }
}

/** GET as JSON. */
export async function get(path) {
  const response = await send(`/api/v1/${path}`);
  if (!response.ok) throw await failure(response);
  return response.json();
}

/** POST, with a JSON body if there is one. */
export async function post(path, body) {
  const json = body && { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const response = await send(`/api/v1/${path}`, { method: "POST", ...json });
  if (!response.ok) throw await failure(response);
  return response.json();
}

/** Whether accepting ends in delivery, and what stands in the way. */
export async function readiness() {
  return (await send("/readyz")).json();
}

// The gateway sends a comment every 15 s: silence for longer means that the connection is gone.
const SILENCE = 45_000;
const COLON = 0x3a;

/** Reads the stream after `cursor` until it ends, calling `news` for each event. EventSource can send no token. */
export async function stream(cursor, opened, news) {
  const stop = new AbortController();
  let watchdog = setTimeout(() => stop.abort(), SILENCE);
  try {
    const response = await send(`/api/v1/events/stream?heads=true&after=${cursor}`, { signal: stop.signal });
    if (!response.ok) throw await failure(response);
    opened();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(watchdog);
      watchdog = setTimeout(() => stop.abort(), SILENCE);
      // A keep-alive is a line of its own that begins with a colon; all else is news, and is then asked for.
      if (value[0] !== COLON) news();
    }
  } finally {
    clearTimeout(watchdog);
    stop.abort();
  }
}
