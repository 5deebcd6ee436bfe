// What is shown while, before and instead of an answer.
import { html, useEffect, useState } from "../vendor/htm-preact-3.1.1.js";
import { ask, load, loadProgress } from "../api.js";
import { percent } from "../words.js";
import { Icon } from "./icon.js";

const SLOW_MS = 1_500;

/** Run `work(signal)` when `key` changes: `{value, error, isBusy, again}`; the last value stays meanwhile. */
export function useWork(key, work) {
  const [state, setState] = useState({ value: null, error: null, isBusy: true, key: null });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const controller = new AbortController();
    if (key == null) return setState({ value: null, error: null, isBusy: false, key });
    setState((before) => ({ ...before, isBusy: true }));
    work(controller.signal).then(
      (value) => setState({ value, error: null, isBusy: false, key }),
      (error) => error.name !== "AbortError" && setState({ value: null, error, isBusy: false, key }),
    );
    return () => controller.abort();
  }, [key, turn]);
  return { ...state, again: () => setTurn(turn + 1) };
}

/** Load a path: `{value, error, isBusy, again}`. */
export const useLoad = (path) => useWork(path, (signal) => load(path, { signal }));

/** Ask an analysis, null asks nothing: `{value, error, isBusy, progress, again}`. */
export function useAnswer(name, question) {
  const [progress, setProgress] = useState(null);
  const key = question && `${name} ${JSON.stringify(question)}`;
  const state = useWork(key ?? null, (signal) => {
    setProgress(null);
    // NOTE: a slow answer is nearly always one whose columns are being prepared, so say how far they are.
    const timer = setInterval(
      () =>
        loadProgress(signal).then(
          (done) => done < 1 && setProgress(done),
          () => {},
        ),
      SLOW_MS,
    );
    return ask(name, question, { signal, onProgress: setProgress }).finally(() => clearInterval(timer));
  });
  return { ...state, progress };
}

/** Say that an answer is on its way; with `progress`, how far it is prepared. */
export function Busy({ progress }) {
  const [isSlow, setIsSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setIsSlow(true), SLOW_MS);
    return () => clearTimeout(timer);
  }, []);
  return html`<div class="state" role="status" aria-live="polite">
    <div class="skeleton" aria-hidden="true">
      ${[70, 45, 85, 60, 95, 75].map((height) => html`<i style=${{ height: `${height}%` }} />`)}
    </div>
    ${
      progress != null
        ? html`<p><b>Getting ready</b></p>
            <p>Your events are prepared once, longest after an installation. Later answers are instant.</p>
            <progress max="1" value=${progress || undefined} aria-label="Prepared" />
            <p class="quiet">${progress ? percent(progress, 0) : "This can take a minute."}</p>`
        : html`<p class="quiet">
            ${isSlow ? "Still counting. The first question after a start takes longest." : "Counting…"}
          </p>`
    }
  </div>`;
}

/** Say in one line that something is on its way. */
export const BusyLine = () => html`<p class="busy-line" role="status"><i />Loading …</p>`;

const HEADINGS = {
  unreachable: "The server cannot be reached",
  "query-timeout": "This took too long",
  "query-too-large": "This asks for too much at once",
  "invalid-query": "This question is not complete yet",
  forbidden: "This is not allowed",
  "not-found": "This is not here",
};

/** Show a refusal in the server's words, with a way on. */
export function Failure({ error, again }) {
  return html`<div class="state is-bad" role="alert">
    <${Icon} name="warning" size="32" />
    <h2>${HEADINGS[error.code] ?? error.body?.title ?? "Something went wrong"}</h2>
    <p>${error.message}</p>
    ${
      error.errors?.length > 1 &&
      html`<ul>
        ${error.errors.map((row) => html`<li><code>${row.pointer}</code> ${row.detail}</li>`)}
      </ul>`
    }
    ${again && error.code !== "invalid-query" &&
      html`<button type="button" class="button" onClick=${again}>Try again</button>`}
  </div>`;
}

/** Say that there is nothing to show, and what helps. */
export function Nothing({ title, icon = "search", children }) {
  return html`<div class="state">
    <${Icon} name=${icon} size="32" />
    <h2>${title}</h2>
    ${children}
  </div>`;
}
