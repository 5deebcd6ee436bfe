// What happens now: events as they arrive, who is active, what is most frequent.
import {
  ask, BarList, Choice, color, colorOf, config, EventPicker, Failure, go, html, link, SegmentPicker,
  usePolled, useRef, useSegments, useState, words,
} from "../ui.js";
import { Pulse } from "../charts/pulse.js";
import { SPAN_S, Stream, useStream } from "./live-stream.js";

const COUNT_MS = 5_000;
const RATE_MS = 10_000;
const WINDOW = "30m";

/** Return what trends are asked of the last half hour, for an event's name and a segment. */
function questionOf({ name, segment }, more) {
  return {
    range: { last: WINDOW },
    ...(segment && { filter: { segment } }),
    series: [{ event: name ?? null }],
    ...more,
  };
}

const hasTrends = config.analyses.some((row) => row.name === "trends");
const useTrend = (question) =>
  usePolled(
    hasTrends && question ? JSON.stringify(question) : null,
    (signal) => ask("trends", question, { signal }),
    COUNT_MS,
  );

function Figures({ stream, filter }) {
  const question = questionOf(filter, {
    series: [{ event: filter.name ?? null }, { event: filter.name ?? null, measure: "users" }],
  });
  const { value } = useTrend(question);
  const now = Date.now();
  const span = Math.min(now - (stream.began ?? now), RATE_MS);
  const recent = stream.beats.filter((beat) => beat.at > Math.max(now - RATE_MS, stream.began ?? now));
  const rate = span < 900 ? null : recent.reduce((total, beat) => total + beat.count, 0) / (span / 1000);
  const [events, users] = value?.series.map((row) => row.total) ?? [null, null];
  const shown = rate == null ? "–" : rate >= 10 || !rate ? words.number(Math.round(rate)) : rate.toFixed(1);
  return html`<div class="figures live-figures">
    <div class=${stream.active ? "figure is-now" : "figure"} id="active-now">
      <b>${words.number(stream.active)}</b><span>active in the last 5 minutes</span>
    </div>
    <div class="figure" id="rate"><b>${shown}</b><span>events a second</span></div>
    ${
      hasTrends &&
      html`<div class="figure" id="recent-events">
          <b>${words.number(events)}</b><span>events in the last 30 minutes</span>
        </div>
        <div class="figure" id="recent-users">
          <b>${words.number(users)}</b><span>people in the last 30 minutes</span>
        </div>`
    }
  </div>`;
}

function Top({ title, question, toRow, children }) {
  const { value, error } = useTrend(question);
  const rows = (value?.series ?? []).filter((row) => row.total > 0).map(toRow);
  return html`<section class="card live-top">
    <header class="card-head">
      <h2>${title}</h2>
      ${children}
    </header>
    ${
      error
        ? html`<p class="hint is-bad" role="alert">${error.message}</p>`
        : rows.length
          ? html`<${BarList} label=${title} rows=${rows} />`
          : html`<p class="quiet">${value || !question ? "Nothing in half an hour." : "Counting…"}</p>`
    }
  </section>`;
}

function TopEvents({ filter }) {
  const question = questionOf(filter, { breakdown: ["name"], limit: 8 });
  const pick = (row) => (row.other ? undefined : () => go("live", { ...filter, name: row.group[0] }));
  const toRow = (row) => ({
    label: words.groupName(row.group, row.other),
    value: row.total,
    color: row.other ? color(0, true) : colorOf(row.group[0]),
    onPick: pick(row),
    hint: "Show only these",
  });
  return html`<${Top} title="Top events" question=${question} toRow=${toRow}><span
    class="quiet">30 minutes</span></${Top}>`;
}

/** List the properties of the newest events that can be broken down by, the most frequent first. */
function listNames(rows) {
  const counts = new Map();
  for (const event of rows)
    for (const [name, value] of Object.entries(event.properties ?? {}))
      if (value !== null && (typeof value !== "object" || Array.isArray(value)))
        counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort(([, one], [, other]) => other - one).map(([name]) => name);
}

function TopValues({ filter, rows }) {
  const [chosen, setChosen] = useState(null);
  const known = useRef([]);
  known.current = [...new Set([...known.current, ...listNames(rows)])].slice(0, 50);
  const names = known.current;
  const name = chosen ?? names[0];
  if (!name) return null;
  const question = questionOf(filter, { breakdown: [`props.${name}`], limit: 6 });
  const toRow = (row) => ({
    label: words.groupName(row.group, row.other),
    value: row.total,
    color: row.other ? color(0, true) : "var(--s0)",
  });
  return html`<${Top} title="Top values" question=${question} toRow=${toRow}>
    <${Choice} label="Property" isHidden value=${name} options=${names.map((one) => [one, one])}
      onPick=${setChosen} /></${Top}>`;
}

/** Show what happens now: `name` and `segment` of the address choose among the events. */
export function LivePage({ query: { name, segment } }) {
  const filter = { name, segment };
  const [isPaused, setIsPaused] = useState(false);
  const stream = useStream(filter, isPaused);
  const segments = useSegments();
  const set = (patch) => go("live", { ...filter, ...patch });
  if (stream.error && !stream.isBegun && stream.error.code !== "unreachable")
    return html`<main class="page" id="main">
      <header class="page-head"><h1>Live</h1></header>
      <section class="card">
        <${Failure} error=${stream.error} />
        <p class="centred"><a class="button" href=${link("live")}>Show all events</a></p>
      </section>
    </main>`;
  const label = segments?.find((row) => row.id === segment)?.label ?? segment;
  return html`<main class="page" id="main">
    <header class="page-head">
      <h1>Live</h1>
      <p class="sentence">
        ${name ? html`<b>${name}</b> events` : "All events"}${segment && html` of people in <b>${label}</b>`},
        as they arrive.
      </p>
    </header>
    <section class="card live-now">
      <div class="toolbar">
        <${EventPicker} label="Event" value=${name ?? null} onPick=${(found) => set({ name: found })} />
        <${SegmentPicker}
          value=${segment ?? null}
          placeholder="Everybody"
          onPick=${(found) => set({ segment: found })}
          onClear=${segment ? () => set({ segment: null }) : null}
        />
      </div>
      <${Figures} stream=${stream} filter=${filter} />
      <${Pulse} label="Events by second, the last two minutes" beats=${stream.beats} span=${SPAN_S} />
    </section>
    <div class="live-grid">
      <${Stream}
        stream=${stream}
        filter=${filter}
        isPaused=${isPaused}
        turn=${() => setIsPaused(!isPaused)}
      />
      ${hasTrends && html`<div class="live-side"><${TopEvents} filter=${filter} /><${TopValues}
        filter=${filter} rows=${stream.rows} /></div>`}
    </div>
  </main>`;
}
