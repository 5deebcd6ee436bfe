// The stream of the page Live: asked for each second, bounded, to be held still.
import {
  BusyLine, EventMark, html, Icon, link, load, untilSeen, useEffect, useRef, useState, words,
} from "../ui.js";

const POLL_MS = 1_000;
const SHOWN = 100;
const FAST = 20;
const MOST_NEW = 200;
/** How far back the beats go. */
export const SPAN_S = 120;

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const sum = (counts) => Object.values(counts).reduce((total, count) => total + count, 0);
const query = (pairs) => new URLSearchParams(Object.entries(pairs).filter(([, value]) => value));

/** Count events by the second in which they came, from what the first answer shows. */
function seed(events) {
  return events.length < MOST_NEW
    ? events.map((event) => ({ at: Date.parse(event.received), count: 1 }))
    : [];
}

/** Take an answer in: newest rows first, at most `SHOWN`; while paused, they stay and the rest is counted. */
function takeIn(state, found, now, isPaused) {
  const count = sum(found.counts);
  const beats = [
    ...(state.isBegun ? state.beats : seed(found.events)),
    ...(state.isBegun ? [{ at: now, count }] : []),
  ];
  const known = new Set(state.rows.map((event) => event.event_id));
  const fresh = found.events.filter((event) => !known.has(event.event_id));
  return {
    isBegun: true,
    error: null,
    active: found.active_users,
    began: state.began ?? now,
    // PERF: at 500 events a second all rows are new; to reuse their elements takes a third of the time.
    isFast: fresh.length > FAST,
    beats: beats.filter((beat) => beat.at > now - SPAN_S * 1000),
    rows: isPaused && state.isBegun ? state.rows : [...fresh, ...state.rows].slice(0, SHOWN),
    missed: isPaused && state.isBegun ? state.missed + count : 0,
    unseen: isPaused || !state.isBegun ? 0 : Math.max(count - fresh.length, 0),
  };
}

const NOTHING = {
  isBegun: false,
  error: null,
  active: null,
  began: null,
  isFast: false,
  beats: [],
  rows: [],
  missed: 0,
  unseen: 0,
};

/** Follow the events of a name and a segment: the newest rows, and how many came when. */
export function useStream(filter, isPaused) {
  const [state, setState] = useState(NOTHING);
  const paused = useRef(isPaused);
  paused.current = isPaused;
  const key = JSON.stringify(filter);
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    let [cursor, timer] = [null, null];
    setState(NOTHING);
    const look = async () => {
      await untilSeen(signal);
      const began = performance.now();
      try {
        const found = await load(`/v1/live?${query({ ...filter, after: cursor })}`, { signal });
        cursor = found.next;
        setState((before) => takeIn(before, found, Date.now(), paused.current));
      } catch (error) {
        if (signal.aborted) return;
        setState((before) => ({ ...before, error }));
      }
      const took = performance.now() - began;
      timer = setTimeout(look, Math.max(POLL_MS - took, took));
    };
    look();
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  }, [key]);
  return state;
}

const text = words.anything;

function Row({ event }) {
  const who = event.user_id ?? event.session_id;
  const address = event.user_id ? link("users", { id: who }) : who ? link("users", { session: who }) : null;
  const properties = Object.entries(event.properties ?? {})
    .slice(0, 3)
    .map(([name, value]) => `${name}: ${text(value)}`);
  const body = html`<${EventMark} name=${event.name} /><b class="live-name">${event.name}</b>
    <span class="live-who">${event.user_id ?? (who ? `anonymous · ${who}` : "nobody")}</span>
    <span class="live-what">${properties.join(" · ")}</span>
    <time datetime=${event.time} title=${`Happened ${event.time}`}
      >${clock.format(new Date(event.received))}</time
    >`;
  return html`<li>
    ${address ? html`<a class="live-row" href=${address}>${body}</a>` : html`<div class="live-row">${body}
      </div>`}
  </li>`;
}

function Waiting({ filter }) {
  const isFiltered = filter.name || filter.segment;
  return html`<div class="state live-wait">
    <span class="radar" aria-hidden="true"><i /><i /></span>
    <h2>Waiting for events</h2>
    <p>
      ${isFiltered ? "Nothing like this" : "Nothing"} has arrived in the last 5 minutes.
      New ones appear by themselves.
    </p>
    ${!isFiltered && html`<a class="button" href=${link("start")}>How to send events</a>`}
  </div>`;
}

/** Show the newest events, each of which leads to its person. */
export function Stream({ stream, filter, isPaused, turn }) {
  const note = isPaused
    ? stream.missed
      ? `${words.number(stream.missed)} new`
      : "Paused"
    : stream.unseen
      ? `${words.number(stream.unseen)} more, too fast to list`
      : "";
  return html`<section class="card live-stream" aria-label="Newest events">
    <header class="card-head">
      <h2>Newest events</h2>
      <span class="quiet" id="stream-note" role="status">${note}</span>
      <button
        type="button"
        class=${isPaused ? "button is-primary" : "button"}
        aria-pressed=${isPaused}
        onClick=${turn}
      >
        <${Icon} name=${isPaused ? "start" : "pause"} size="16" />${isPaused ? "Go on" : "Pause"}
      </button>
    </header>
    ${stream.error && html`<p class="hint is-bad" role="alert">${stream.error.message}</p>`}
    ${
      !stream.isBegun && !stream.error
        ? html`<${BusyLine} />`
        : stream.rows.length
          ? html`<ul class=${stream.isFast ? "live-rows is-fast" : "live-rows"}>
              ${stream.rows.map(
                (row, index) => html`<${Row} key=${stream.isFast ? index : row.event_id} event=${row} />`,
              )}
            </ul>`
          : stream.isBegun && html`<${Waiting} filter=${filter} />`
    }
  </section>`;
}
