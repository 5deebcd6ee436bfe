// Trends on screen: how much of what happens, over time and by group.
import {
  BreakdownPicker,
  Choice,
  FilterEditor,
  html,
  IntervalPicker,
  Section,
  TextInput,
  Toggle,
  words,
} from "../../ui.js";
import { sayMeasure, SeriesList } from "./panel-form.js";
import { Bars, Figures, Lines, Points, Totals } from "./panel-answer.js";

const VIEWS = [
  ["line", "Lines"],
  ["bars", "Bars"],
  ["table", "Table"],
];
const COMPARES = [
  [null, "no comparison"],
  ["previous_period", "period before"],
  ["previous_year", "year before"],
];
const MOST_BREAKDOWNS = 3;

function Breakdowns({ question, change }) {
  const rows = question.breakdown ?? [];
  const put = (found) => change({ breakdown: found.length ? found : null });
  const event = question.series?.[0]?.event;
  return html`<${Section} title="Break down by">
    ${rows.map((row, index) =>
      html`<${BreakdownPicker} key=${index} value=${row} event=${event}
        onPick=${(found) => put(found ? rows.with(index, found) : rows.filter((_, at) => at !== index))} />`)}
    ${rows.length < MOST_BREAKDOWNS &&
      html`<${BreakdownPicker} key=${`add-${rows.length}`} label=${rows.length ? "And by" : "Break down by"}
        value=${null} event=${event} onPick=${(found) => put([...rows, found])} />`}
  </${Section}>`;
}

function Form({ question, change }) {
  const series = question.series ?? [];
  const letters = series.map((_, index) => String.fromCharCode(65 + index)).join(", ");
  return html`<${SeriesList} series=${series} onPick=${(found) => change({ series: found })} />
    <${Section} title="Formula"><${TextInput} label=${`A sum with ${letters}`} isHidden
      placeholder=${series.length > 1 ? "Such as A / B * 100" : "Such as A / 7"} value=${question.formula}
        onPick=${(formula) => change({ formula: formula.trim() || null })} /></${Section}>
    <${Breakdowns} question=${question} change=${change} />
    <${Section} title="Everything where"><${FilterEditor} value=${question.filter}
      onPick=${(filter) => change({ filter })} /></${Section}>`;
}

function Tools({ question, change, view = "line", setView }) {
  return html`<${IntervalPicker}
      value=${question.interval ?? null}
      hasNone
      onPick=${(interval) => change({ interval })} />
    <${Toggle} label="Show as" value=${view} options=${VIEWS} onPick=${setView} />
    <${Choice}
      label="Compare with"
      value=${question.compare ?? null}
      options=${COMPARES}
      onPick=${(compare) => change({ compare })} />`;
}

function Answer({ question, answer, view = "line", pick }) {
  const rows = answer.series;
  const hasPoints = rows.some((row) => row.points);
  const chosen =
    view === "table" ? (hasPoints ? Points : Totals) : view === "bars" || !hasPoints ? Bars : Lines;
  const isFew = rows.length <= 4;
  return html`${isFew && view !== "table" &&
    html`<${Figures} question=${question} answer=${answer} pick=${pick} />`}
    <${chosen} question=${question} answer=${answer} pick=${pick} />
    ${view === "line" && hasPoints && (!isFew || rows.length > 1) &&
      html`<${Totals} question=${question} answer=${answer} pick=${pick} />`}`;
}

function sentence(question) {
  const series = question.series ?? [];
  const mark = (index) => (series.length > 1 ? `${String.fromCharCode(65 + index)}: ` : "");
  const part = (row, index) =>
    html`${index ? ", " : ""}${mark(index)}${sayMeasure(row)}${words.where(row.filter)}`;
  const by = (question.breakdown ?? []).map(
    (row, index) => html`${index ? " and " : " by "}<b>${words.fieldName(row)}</b>`,
  );
  return html`${series.map(part)}${question.formula && html`, and <b>${question.formula}</b>`}${by}`;
}

function rows(answer, question) {
  const times = answer.series[0]?.points?.map((point) => point.time) ?? [];
  const depth = question.breakdown?.length ?? 0;
  return [
    [
      "series",
      ...Array.from({ length: depth }, (_, index) => words.fieldName(question.breakdown[index])),
      "total",
      ...times,
    ],
    ...answer.series.map((row) => [
      row.label,
      ...Array.from({ length: depth }, (_, index) => (row.other ? "(other)" : (row.group[index] ?? ""))),
      row.total,
      ...(row.points ?? []).map((point) => point.value),
    ]),
  ];
}

export default {
  title: "Explore",
  icon: "explore",
  initial: ({ range, events }) => ({
    range,
    interval: range.last === "30d" ? "day" : "week",
    series: [{ event: events[0]?.name ?? null, measure: "count" }],
  }),
  explain: ({ series = [] }) => (series.length ? null : "Choose what to count"),
  isEmpty: (answer) => answer.series.every((row) => !row.total),
  sentence,
  Form,
  Tools,
  Answer,
  rows,
};
