// Speak to the server: JSON in and out, refusals as `Problem`, waiting where an answer is being prepared.

export const config = JSON.parse(document.querySelector("meta[name=openmetrics]").content);
const KEY = "openmetrics-key";

/** A refusal in the server's words: `code`, `message`, `errors` with pointers; all its members in `body`. */
export class Problem extends Error {
  constructor(status, body, retryAfterS = null) {
    super(body.detail ?? "The server cannot be reached.");
    Object.assign(this, {
      status,
      body,
      code: body.code ?? "unreachable",
      errors: body.errors ?? [],
      retryAfterS,
    });
  }
}

/** Take the key of a shared link out of the address: it counts for this tab, before the browser's own. */
function takeSharedKey() {
  const [, query] = location.hash.split(/\?(.*)/s);
  const key = new URLSearchParams(query ?? "").get("key");
  if (key) {
    const bare = location.href.replace(/([?&])key=[^&]*(&|$)/, (all, mark, end) => (end ? mark : ""));
    history.replaceState(null, "", bare);
    store("sessionStorage", (tab) => tab.setItem(KEY, key));
  }
  return key ?? store("sessionStorage", (tab) => tab.getItem(KEY));
}

/** Use what the browser keeps; null where it refuses, as in some frames. */
export function store(name, use) {
  try {
    return use(window[name]);
  } catch {
    return null;
  }
}

const shared = takeSharedKey();
const keyOf = () => shared ?? store("localStorage", (browser) => browser.getItem(KEY));

/** Remember the key that requests carry; it stands in no address but a shared link. */
export function saveKey(key) {
  sessionStorage.removeItem(KEY);
  if (key) localStorage.setItem(KEY, key);
  else localStorage.removeItem(KEY);
}

export const hasKey = () => Boolean(keyOf());

/** Send a request and return the response. Throws Problem. */
export async function send(path, { method, body, signal, headers } = {}) {
  const sent = { Accept: "application/json", ...headers };
  if (hasKey()) sent.Authorization = `Bearer ${keyOf()}`;
  if (body !== undefined) sent["Content-Type"] = "application/json";
  let response;
  try {
    const content = body === undefined ? undefined : JSON.stringify(body);
    response = await fetch(path, {
      method: method ?? (content ? "POST" : "GET"),
      body: content,
      signal,
      headers: sent,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, {
      detail: "The server cannot be reached. It may be restarting; try again in a moment.",
    });
  }
  if (response.ok) return response;
  const problem = new Problem(
    response.status,
    await response.json().catch(() => ({})),
    response.headers.get("Retry-After"),
  );
  if (problem.code === "unauthenticated")
    dispatchEvent(new CustomEvent("needs-key", { detail: problem.message }));
  throw problem;
}

/** Send a request and return the JSON of its answer, null where there is none. Throws Problem. */
export async function load(path, options) {
  const response = await send(path, options);
  return response.status === 204 ? null : response.json();
}

const sleep = (ms, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("no longer needed", "AbortError"));
    });
  });

/** Load an answer; while the server prepares it, tell `onProgress` (0 to 1) and ask again. Throws Problem. */
export async function loadReady(path, { body, signal, onProgress } = {}) {
  for (;;) {
    try {
      return await load(path, { body, signal });
    } catch (error) {
      if (error.code !== "preparing") throw error;
      onProgress?.(error.body.progress ?? 0);
      await sleep(Math.min(Number(error.retryAfterS) || 1, 5) * 1000, signal);
    }
  }
}

/** Ask an analysis, and wait until its answer is prepared. Throws Problem. */
export const ask = (name, question, options) =>
  loadReady(`/v1/analyses/${encodeURIComponent(name)}`, { body: question, ...options });

/** Say how far the columns are that questions about behaviour stand on: 0 to 1. */
export async function loadProgress(signal) {
  const { months } = await load("/v1/columns", { signal });
  const busy = months.filter((month) => month.state === "preparing");
  return busy.length ? busy.reduce((sum, month) => sum + month.progress, 0) / busy.length : 1;
}

/** Give the browser a file to save. */
export function saveFile(name, content, kind = "text/csv") {
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type: kind }));
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10_000);
}
