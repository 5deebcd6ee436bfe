// Funnels on screen: steps as bars, where people leave, how long it takes.
import { BreakdownPicker, html, IntervalPicker, Section, Toggle, words } from "../../ui.js";
import { Exclusions } from "./panel-exclusions.js";
import { Counting, Steps } from "./panel-form.js";
import { GroupTable, Hops, OverTime, StepBars, TimeToConvert, unitName } from "./panel-answer.js";

const VIEWS = [
  ["steps", "Steps"],
  ["time", "Time to convert"],
  ["trend", "Over time"],
];

function Form({ question, change }) {
  const steps = question.steps ?? [];
  return html`<${Steps} steps=${steps} change=${change} question=${question} />
    <${Section} title="Break down by">
      <${BreakdownPicker} value=${question.breakdown} event=${steps[0]?.event}
        onPick=${(breakdown) => change({ breakdown })} />
    </${Section}>
    <${Counting} question=${question} change=${change} />
    <${Exclusions} question=${question} change=${change} />`;
}

function Tools({ question, change, view = "steps", setView }) {
  return html`<${Toggle} label="Show" value=${view} options=${VIEWS} onPick=${setView} /> ${
      view === "trend" &&
      html`<${IntervalPicker}
        value=${question.interval ?? null}
        hasNone=${!question.interval}
        onPick=${(interval) => change({ interval })} />`
    }`;
}

function Head({ question, answer }) {
  const [first, last] = [answer.steps[0], answer.steps.at(-1)];
  const unit = unitName(question, 2);
  const figure = (value, text) => html`<p class="figure"><b>${value}</b><span>${text}</span></p>`;
  return html`<div class="figures">
    ${figure(words.percent(answer.conversion), "reached the last step")}
    ${figure(words.number(first.count), `${unit} began`)}
    ${figure(words.number(last.count), `${unit} finished`)}
    ${last.from_first_s && figure(words.duration(last.from_first_s.median), "median time to finish")}
  </div>`;
}

function Answer({ question, answer, view = "steps", pick }) {
  const groups = answer.groups ?? [];
  if (view === "time")
    return html`<${Head} question=${question} answer=${answer} /><${TimeToConvert} answer=${answer} /><${Hops}
        answer=${answer} />`;
  if (view === "trend")
    return html`<${Head} question=${question} answer=${answer} /><${OverTime} answer=${answer} />`;
  return html`<${Head} question=${question} answer=${answer} />
    <${StepBars} question=${question} answer=${answer} groups=${groups} pick=${pick} />
    ${groups.length > 0 && html`<${GroupTable} answer=${answer} groups=${groups} pick=${pick} />`}`;
}

function sentence(question) {
  const steps = question.steps ?? [];
  if (!steps.length) return null;
  const joins = { ordered: " then ", strict: " then at once ", any: " and " };
  const part = (step, index) =>
    html`${index ? joins[question.order ?? "ordered"]
      : ""}${words.eventName(step.event)}${words.where(step.filter)}${step.optional ? " (or not)" : ""}`;
  const who =
    question.count === "total"
      ? "Attempts"
      : ({ user: "People", session: "Sessions" }[question.unit ?? "user"] ??
        `Values of ${words.fieldName(question.unit)}`);
  const order = question.order === "any" ? ", in any order" : "";
  return html`${who} that did ${steps.map(part)} ${`within ${words.span(question.window ?? "14d")}${order}`}`;
}

const rows = (answer) => [
  ["group", ...answer.steps.map((step) => step.label)],
  ["all", ...answer.steps.map((step) => step.count)],
  ...(answer.groups ?? []).map((row) => [
    words.groupName(row.value, row.other),
    ...row.steps.map((step) => step.count),
  ]),
];

function explain({ steps = [] }) {
  if (!steps.length) return "Choose what people do first";
  return steps.length < 2 ? "Choose what should follow" : null;
}

export default {
  title: "Funnel",
  icon: "funnel",
  initial: ({ range }) => ({ range, steps: [] }),
  isEmpty: (answer) => answer.steps[0].count === 0,
  explain,
  sentence,
  Form,
  Tools,
  Answer,
  rows,
};
