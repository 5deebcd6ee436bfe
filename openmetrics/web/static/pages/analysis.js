// The page of an analysis: its panel's form and answer, and all that every analysis has around them.
import { html, useEffect, useMemo, useState } from "../vendor/htm-preact-3.1.1.js";
import { chooseRange, useEvents, useSegments } from "../catalog.js";
import { saveFile } from "../api.js";
import { go } from "../router.js";
import { during, number, range as rangeInWords, time, where } from "../words.js";
import { Icon } from "../parts/icon.js";
import { Menu } from "../parts/dialog.js";
import { Section } from "../parts/inputs.js";
import { People } from "../parts/people.js";
import { SegmentPicker } from "../parts/pickers.js";
import { RangePicker } from "../parts/range-picker.js";
import { AddToDashboard, copy, SaveMetric, toCurl } from "../parts/saving.js";
import { Busy, Failure, Nothing, useAnswer, useLoad } from "../parts/states.js";
import { makeGenericPanel } from "./generic.js";

/** Follow the panel of an analysis: its own, or one made of its schemas; null until it is there. */
export function usePanel(analysis) {
  const [panel, setPanel] = useState(null);
  const { value } = useLoad(analysis.panel ? null : "/v1/analyses");
  useEffect(() => {
    if (analysis.panel) import(analysis.panel).then((found) => setPanel(found.default));
  }, [analysis.name]);
  return useMemo(() => {
    if (analysis.panel) return panel;
    const row = value?.analyses.find((found) => found.name === analysis.name);
    return row ? makeGenericPanel(row) : null;
  }, [panel, value]);
}

function readQuestion(text, first) {
  if (!text) return first;
  try {
    const found = JSON.parse(text);
    return found && typeof found === "object" && !Array.isArray(found) ? found : first;
  } catch {
    return first;
  }
}

/** Say whether question and answer stand side by side; else the question is folded away. */
function useIsWide() {
  const media = useMemo(() => matchMedia("(min-width: 901px)"), []);
  const [isWide, setIsWide] = useState(media.matches);
  useEffect(() => {
    const follow = () => setIsWide(media.matches);
    media.addEventListener("change", follow);
    return () => media.removeEventListener("change", follow);
  }, []);
  return isWide;
}

/** Drop members that are undefined or null, so that addresses stay short. */
const tidy = (question) => Object.fromEntries(Object.entries(question).filter(([, value]) => value != null));

function Compare({ sides, onPick }) {
  const [first, setFirst] = useState(sides?.[0] ?? null);
  const set = (left, right) => {
    setFirst(left);
    onPick(left && right ? [left, right] : null);
  };
  const second = sides?.[1];
  return html`<${Section} title="Side by side">
    <${SegmentPicker} label="First segment" value=${sides?.[0] ?? first} placeholder="Everybody"
      onPick=${(id) => set(id, second)} onClear=${() => set(null, null)} />
    ${(sides?.[0] ?? first) &&
      html`<${SegmentPicker} label="Second segment" value=${second} placeholder="Compare with …"
        onPick=${(id) => set(sides?.[0] ?? first, id)} onClear=${() => set(first, null)} />`}
  </${Section}>`;
}

function Actions({ analysis, question, csv }) {
  const [open, setOpen] = useState(null);
  const close = () => setOpen(null);
  const items = [
    { text: "Add to dashboard", icon: "dashboard", run: () => setOpen("dashboard") },
    { text: "Copy as curl", icon: "copy", run: () => copy(toCurl(analysis.name, question), "call") },
    csv && { text: "Download CSV", icon: "download", run: () => saveFile(`${analysis.name}.csv`, csv()) },
  ];
  return html`<div class="actions">
    <button type="button" class="button" onClick=${() => copy(location.href, "link")}>
      <${Icon} name="link" />Copy link
    </button>
    <button type="button" class="button" onClick=${() => setOpen("metric")}>
      <${Icon} name="save" />Save as metric
    </button>
    <${Menu} label="More" items=${items} />
    ${open === "metric" &&
      html`<${SaveMetric} analysis=${analysis.name} question=${question} onClose=${close} />`}
    ${open === "dashboard" &&
      html`<${AddToDashboard} analysis=${analysis.name} question=${question} onClose=${close} />`}
  </div>`;
}

function NoData({ question, events, onRange }) {
  const newest = events
    .map((row) => row.last_seen)
    .sort()
    .at(-1);
  const range = newest && chooseRange(events);
  const isThere = JSON.stringify(range) === JSON.stringify(question.range);
  return html`<${Nothing} title="No data in this range" icon="calendar">
    <p>Nothing ${during(question.range)} matches this question.</p>
    ${newest && html`<p class="quiet">The newest event is of ${time(newest)}.</p>`}
    ${range && !isThere &&
      html`<button type="button" class="button is-primary"
        onClick=${() => onRange(range)}>Show ${rangeInWords(range)}</button>`}
  </${Nothing}>`;
}

const quote = (cell) => (/[",\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
const toCsv = (rows) =>
  rows.map((row) => row.map((cell) => quote(String(cell ?? ""))).join(",")).join("\r\n");

function Sides({ panel, question, answer, state, pick }) {
  const view = (side, index) =>
    html`<${panel.Answer}
      question=${question}
      answer=${side}
      ...${state}
      pick=${(what, title) => pick(what, title, index)} />`;
  const segments = useSegments() ?? [];
  if (!answer.sides) return view(answer);
  const nameOf = (index) => {
    const id = question.compare_segments[index];
    return segments.find((row) => row.id === id)?.label ?? id;
  };
  return html`<div class="sides">
      ${answer.sides.map(
        (side, index) =>
          html`<section aria-label=${nameOf(index)}>
            <h2><${Icon} name="users" />${nameOf(index)}</h2>
            ${view(side, index)}
          </section>`,
      )}
    </div>
    <${Differences} rows=${answer.difference} />`;
}

function Differences({ rows }) {
  const sure = rows.filter((row) => row.p != null && row.p < 0.05);
  if (!rows.length) return null;
  const text = sure.length
    ? `${sure.length} of ${rows.length} shares differ by more than chance would explain (p below 0.05).`
    : "No share differs by more than chance may explain, or there are too few people to tell.";
  return html`<details class="differences">
    <summary>${text}</summary>
    <ul>
      ${rows.map((row) =>
        html`<li><code>${row.at}</code> ${row.p == null ? "fewer than 30"
          : `p = ${row.p < 0.001 ? "< 0.001" : row.p.toFixed(3)}`}</li>`)}
    </ul>
  </details>`;
}

function Result({ analysis, panel, question, events, state, change, setPicked }) {
  const missing = panel.explain?.(question);
  const found = useAnswer(analysis.name, missing ? null : question);
  const { value, error, isBusy, progress } = found;
  const first = value?.sides?.[0] ?? value;
  const isNothing = value && !value.sides && panel.isEmpty?.(value, question);
  const pick = analysis.has_people ? setPicked : null;
  const csv = panel.rows && first && !value.sides && (() => toCsv(panel.rows(first, question)));
  const body = missing
    ? html`<${Nothing} title=${missing} icon=${panel.icon ?? "question"} />`
    : error
      ? html`<${Failure} error=${error} again=${found.again} />`
      : !value
        ? html`<${Busy} progress=${progress} />`
        : isNothing
          ? html`<${NoData} question=${question} events=${events} onRange=${(range) => change({ range })} />`
          : html`<${Sides}
              panel=${panel}
              question=${question}
              answer=${value}
              state=${state}
              pick=${pick ?? (() => null)} />`;
  return html`<section class="card result" aria-label="Answer" aria-busy=${isBusy}>
    <div class="toolbar">
      ${panel.hasRange !== false &&
        html`<${RangePicker} value=${question.range} onPick=${(range) => change({ range })}
          zone=${question.timezone}
          onZone=${panel.hasZone === false ? null : (timezone) => change({ timezone })} />`}
      ${panel.Tools &&
        html`<${panel.Tools} question=${question} answer=${first} change=${change} ...${state} />`}
    </div>
    ${isBusy && value && html`<div class="progress" role="status"><span class="unseen">Counting</span></div>`}
    <div class=${isBusy && value ? "answer is-stale" : "answer"}>${body}</div>
    ${
      first &&
      !missing &&
      html`<footer class="quiet">
        <span>${first.exact === false ? "Approximate" : "Exact"} · ${number(first.took_ms)} ms</span>
        <${Actions} analysis=${analysis} question=${question} csv=${csv} />
      </footer>`
    }
    ${(first?.warnings ?? []).map((row) =>
      html`<p class="hint" role="note"><${Icon} name="warning" size="16" /> ${row.detail}</p>`)}
  </section>`;
}

function askedOf(picked, question) {
  const { compare_segments: sides, ...rest } = question;
  if (!sides || picked.side == null) return { ...rest, pick: picked.what };
  const inside = { segment: sides[picked.side] };
  return { ...rest, filter: rest.filter ? { all: [inside, rest.filter] } : inside, pick: picked.what };
}

/** Show an analysis: the question stands in the address as `q`, the view as `view`. */
export function AnalysisPage({ analysis, query }) {
  const events = useEvents();
  const panel = usePanel(analysis);
  const [picked, setPicked] = useState(null);
  const isWide = useIsWide();
  if (!panel || !events) return html`<main class="page"><${Busy} /></main>`;
  const question = readQuestion(query.q, null) ?? panel.initial({ range: chooseRange(events), events });
  const put = (found, view = query.view) => go(analysis.name, { q: JSON.stringify(tidy(found)), view });
  const change = (patch) => put({ ...question, ...patch });
  const state = { view: query.view, setView: (view) => put(question, view) };
  const sentence = panel.sentence?.(question);
  return html`<main class="page" id="main">
    <header class="page-head">
      <h1>${panel.title}</h1>
      ${sentence &&
        html`<p class="sentence">${sentence}${where(question.filter)}${question.range &&
          `, ${during(question.range)}`}.</p>`}
    </header>
    <div class="split">
      <details class="card builder" open=${isWide}>
        <summary>Change the question</summary>
        <${panel.Form} question=${question} change=${change} events=${events} />
        ${panel.hasSides !== false &&
          html`<${Compare} sides=${question.compare_segments}
            onPick=${(sides) => change({ compare_segments: sides })} />`}
      </details>
      <${Result}
        analysis=${analysis}
        panel=${panel}
        question=${question}
        events=${events}
        state=${state}
        change=${change}
        setPicked=${(what, title, side) => setPicked({ what, title, side })} />
    </div>
    ${picked && html`<${People} analysis=${analysis.name} title=${picked.title}
      question=${askedOf(picked, question)} onClose=${() => setPicked(null)} />`}
  </main>`;
}
