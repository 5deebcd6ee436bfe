// The form of trends: what is counted, and how.
import {
  Choice,
  EventPicker,
  FieldPicker,
  FilterEditor,
  html,
  Icon,
  Section,
  TextInput,
  words,
} from "../../ui.js";

const COUNTS = [
  ["count", "Total events"],
  ["users", "People"],
  ["sessions", "Sessions"],
  ["active", "Active people"],
  ["per_user", "Average per person"],
];
const FIGURES = {
  sum: "Sum",
  avg: "Average",
  min: "Least",
  max: "Most",
  median: "Median",
  p75: "75th percentile",
  p90: "90th percentile",
  p95: "95th percentile",
  p99: "99th percentile",
};
const MEASURES = [...COUNTS, ...Object.entries(FIGURES).map(([key, text]) => [key, `${text} of …`])];
const EACH = [
  ["count", "events"],
  ["sessions", "sessions"],
  ...Object.entries(FIGURES).map(([key, text]) => [key, `${text.toLowerCase()} of …`]),
];
const MOST = 26;

const SAID = {
  count: (event) => html`How often ${event} happened`,
  users: (event) => html`How many people did ${event}`,
  sessions: (event) => html`In how many sessions ${event} happened`,
  active: (event) => html`How many active people did ${event}`,
};

/** Say what a series measures. */
export function sayMeasure({ measure = "count", each = "count", of = "value", event: name }) {
  const event = words.eventName(name);
  const figure = FIGURES[measure === "per_user" ? each : measure];
  if (measure in SAID) return SAID[measure](event);
  if (measure === "per_user" && !figure) return html`How often a person did ${event} on average`;
  return html`${figure} of ${words.fieldName(of)} of ${event}${measure === "per_user" ? " per person" : ""}`;
}

function Series({ row, index, isAlone, set, remove }) {
  const letter = String.fromCharCode(65 + index);
  const { measure = "count", each = "count" } = row;
  const hasOf = measure in FIGURES || (measure === "per_user" && each in FIGURES);
  const change = (patch) =>
    set(
      Object.fromEntries(
        Object.entries({ ...row, ...patch }).filter(([name, value]) => name === "event" || value != null),
      ),
    );
  const pickMeasure = (found) =>
    change({ measure: found, each: null, of: found in FIGURES ? (row.of ?? "value") : null });
  return html`<li class="step">
    <div class="step-head">
      <span class="step-mark">${letter}</span>
      <${EventPicker}
        label=${`Event ${letter}`}
        value=${row.event ?? null}
        onPick=${(event) => change({ event })} />
      ${!isAlone &&
        html`<button type="button" class="icon-button" aria-label=${`Remove ${letter}`}
          onClick=${remove}><${Icon} name="close" size="16" /></button>`}
    </div>
    <${Choice}
      label=${`Count ${letter} as`}
      isHidden
      value=${measure}
      options=${MEASURES}
      onPick=${pickMeasure} />
    ${measure === "per_user" &&
      html`<${Choice} label=${`Each person's, ${letter}`} isHidden value=${each} options=${EACH}
        onPick=${(found) => change({ each: found, of: found in FIGURES ? (row.of ?? "value") : null })} />`}
    ${hasOf && html`<${FieldPicker} label=${`Number of ${letter}`} value=${row.of ?? "value"}
      event=${row.event} extra=${["value"]} isNumeric onPick=${(of) => change({ of })} />`}
    <div class="step-tools">
      <details class="details">
        <summary>${row.filter ? "Filtered" : "Filter, name"}</summary>
        <div>
          <${FilterEditor} value=${row.filter} event=${row.event} onPick=${(filter) => change({ filter })} />
          <${TextInput}
            label="Name"
            value=${row.label}
            maxlength="200"
            onPick=${(label) => change({ label: label || null })} />
        </div>
      </details>
      <span class="step-moves"
        >${row.event != null && !Array.isArray(row.event) &&
          html`<button type="button" class="text-button" title="Count another event with this one"
            onClick=${() => change({ event: [row.event] })}>or …</button>`}</span
      >
    </div>
  </li>`;
}

/** Edit the series. */
export function SeriesList({ series, onPick }) {
  return html`<${Section} title="What is counted"><ol class="steps">${series.map(
    (row, index) =>
      html`<${Series}
        key=${index}
        row=${row}
        index=${index}
        isAlone=${series.length === 1}
        set=${(found) => onPick(series.with(index, found))}
        remove=${() => onPick(series.filter((_, at) => at !== index))} />`,
  )}</ol>
    ${series.length < MOST &&
      html`<button type="button" class="text-button is-add"
        onClick=${() => onPick([...series, { event: null, measure: "count" }])}><${Icon} name="plus" size="16"
          />Add another</button>`}</${Section}>`;
}
