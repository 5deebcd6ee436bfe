// The form of a funnel: its steps, what counts.
import {
  Choice,
  DurationInput,
  EventPicker,
  Field,
  FieldPicker,
  FilterEditor,
  html,
  Icon,
  NumberInput,
  Picker,
  Section,
  TextInput,
  useEvents,
  words,
} from "../../ui.js";

const ORDERS = [
  ["ordered", "In this order"],
  ["strict", "In this order, nothing between"],
  ["any", "In any order"],
];
const UNITS = [
  ["user", "People"],
  ["session", "Sessions"],
  ["", "A property …"],
];
const COUNTS = [
  ["unique", "Once"],
  ["total", "Every attempt"],
];
const ENTRIES = [
  ["latest", "Every first step (the latest wins)"],
  ["first", "The very first one only"],
];
const COMPLETIONS = [
  ["in_range", "In the range too"],
  ["anywhere", "Later, too"],
];
const SCOPES = [
  ["all", "All steps"],
  ["first_step", "The first step only"],
];

/** Drop a member's default, so that addresses stay short. */
export const unless = (normal) => (value) => (value === normal ? null : value);

function StepDetails({ step, index, isLast, set }) {
  const hint = [
    step.filter && "filtered",
    step.label && "named",
    step.within && `within ${words.span(step.within)}`,
    step.optional && "may be skipped",
  ].filter(Boolean);
  return html`<details class="details">
    <summary>${hint.length ? hint.join(", ") : "Filter, name, time"}</summary>
    <div>
      <${FilterEditor}
        value=${step.filter}
        event=${step.event}
        onPick=${(filter) => set({ ...step, filter })} />
      <${TextInput}
        label="Name of this step"
        value=${step.label}
        maxlength="200"
        onPick=${(label) => set({ ...step, label: label || undefined })} />
      ${
        index > 0 &&
        html`<${DurationInput}
            label="At most after the step before"
            value=${step.within}
            onPick=${(within) => set({ ...step, within })} />
          ${step.within &&
            html`<button type="button" class="text-button"
              onClick=${() => set({ ...step, within: undefined })}>No such limit</button>`}`
      }
      ${
        index > 0 &&
        !isLast &&
        html`<${Choice}
          label="This step"
          value=${step.optional ?? false}
          options=${[
            [false, "must be done"],
            [true, "may be skipped"],
          ]}
          onPick=${(optional) => set({ ...step, optional: optional || undefined })} />`
      }
    </div>
  </details>`;
}

function Step({ step, index, count, set, move, remove }) {
  const several = Array.isArray(step.event);
  return html`<li class="step">
    <div class="step-head">
      <span class="step-mark">${index + 1}</span>
      <${EventPicker}
        label=${`Step ${index + 1}`}
        value=${step.event}
        onPick=${(event) => set({ ...step, event })} />
      <button type="button" class="icon-button" aria-label=${`Remove step ${index + 1}`} onClick=${remove}>
        <${Icon} name="close" size="16" />
      </button>
    </div>
    <div class="step-tools">
      <${StepDetails} step=${step} index=${index} isLast=${index === count - 1} set=${set} />
      <span class="step-moves">
        ${step.event != null && !several &&
          html`<button type="button" class="text-button" title="Count another event as this step too"
            onClick=${() => set({ ...step, event: [step.event] })}>or …</button>`}
        <button
          type="button"
          class="icon-button"
          disabled=${index === 0}
          aria-label=${`Move step ${index + 1} up`}
          onClick=${() => move(-1)}>
          <${Icon} name="up" size="16" />
        </button>
        <button
          type="button"
          class="icon-button"
          disabled=${index === count - 1}
          aria-label=${`Move step ${index + 1} down`}
          onClick=${() => move(1)}>
          <${Icon} name="down" size="16" />
        </button>
      </span>
    </div>
  </li>`;
}

function AddStep({ count, onPick }) {
  const events = useEvents();
  const options = events && [
    { value: null, label: "Any event" },
    ...events.map((row) => ({ value: row.name, label: row.name, hint: words.compact(row.count) })),
  ];
  const label = ["First step", "Second step"][count] ?? "Add step";
  return html`<${Picker}
    label=${label}
    shown=${null}
    placeholder=${label}
    icon="plus"
    isQuiet=${count > 1}
    options=${options}
    onPick=${onPick}
    allowsOther=${(text) => text} />`;
}

/** Edit the steps; an exclusion that no longer fits is dropped with the step it needs. */
export function Steps({ steps, question, change }) {
  const put = (found) => {
    const exclusions = question.exclusions?.filter((row) => row.to_step <= found.length);
    change({ steps: found, exclusions: exclusions?.length ? exclusions : null });
  };
  const move = (index, by) => {
    const found = [...steps];
    [found[index], found[index + by]] = [found[index + by], found[index]];
    put(found);
  };
  return html`<${Section} title="Steps"><ol class="steps">${steps.map(
    (step, index) =>
      html`<${Step}
        key=${index}
        step=${step}
        index=${index}
        count=${steps.length}
        set=${(found) => put(steps.with(index, found))}
        move=${(by) => move(index, by)}
        remove=${() => put(steps.filter((_, other) => other !== index))} />`,
  )}</ol>
    ${steps.length < 50 &&
      html`<${AddStep} count=${steps.length} onPick=${(event) => put([...steps, { event }])}
        />`}</${Section}>`;
}

function Unit({ value = "user", onPick }) {
  const isProperty = !["user", "session"].includes(value);
  return html`<${Choice}
      label="What is counted"
      value=${isProperty ? "" : value}
      options=${UNITS}
      onPick=${(unit) => onPick(unit || "props.")} />
    ${isProperty &&
      html`<${FieldPicker} label="Counted by" value=${value === "props." ? null : value} onPick=${onPick}
        />`}`;
}

function attributions(steps) {
  const at = steps.map((step, index) => [`step:${index + 1}`, `of step ${index + 1}`]);
  return [["first", "first seen"], ["last", "last seen"], ...at, ["all", "a funnel for each"]];
}

/** Edit what counts as getting through. */
export function Counting({ question, change }) {
  const set = (name, normal) => (value) => change({ [name]: unless(normal)(value) });
  const isAny = question.order === "any";
  return html`<${Section} title="Conversion">
    <${DurationInput} label="All within" value=${question.window ?? "14d"} onPick=${set("window", "14d")} />
    <${Choice} label="Order of steps" value=${question.order ?? "ordered"} options=${ORDERS}
      onPick=${set("order", "ordered")} />
    <details class="details"><summary>More choices</summary><div>
      <${Unit} value=${question.unit} onPick=${set("unit", "user")} />
      ${
        !isAny &&
        html`<${Choice}
          label="Each counts"
          value=${question.count ?? "unique"}
          options=${COUNTS}
          onPick=${(count) => change({ count: unless("unique")(count), entry: null })} />`
      }
      ${!isAny && question.count !== "total" &&
        html`<${Choice} label="May begin with" value=${question.entry ?? "latest"} options=${ENTRIES}
          onPick=${set("entry", "latest")} />`}
      ${question.breakdown &&
        html`<${Choice} label="Value of the breakdown" value=${question.attribution ?? "first"}
          options=${attributions(question.steps)} onPick=${set("attribution", "first")} />`}
      <${Choice} label="Later steps count" value=${question.completion ?? "in_range"} options=${COMPLETIONS}
        onPick=${set("completion", "in_range")} />
      <${Field} label="Same in all steps" hint="Such as the item that was viewed and bought.">
        <${FieldPicker} label="Same in all steps" value=${question.hold?.[0]}
          onPick=${(path) => change({ hold: [path] })}
            onClear=${question.hold ? () => change({ hold: null }) : null} /></${Field}>
      ${question.order !== "strict" && !isAny &&
        html`<${NumberInput} label="Steps may swap within (ms)" value=${question.grace_ms ?? 0} min="0"
          onPick=${set("grace_ms", 0)} />`}
    </div></details></${Section}>
    <${Section} title="Everything where"><${FilterEditor} value=${question.filter}
      onPick=${(filter) => change({ filter })} />
      ${question.filter &&
        html`<${Choice} label="Holds for" value=${question.filter_scope ?? "all"} options=${SCOPES}
          onPick=${set("filter_scope", "all")} />`}</${Section}>`;
}
