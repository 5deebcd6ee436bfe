// What must not happen between the steps of a funnel.
import {
  Choice, EventPicker, FilterEditor, html, Icon, Picker, Section, useEvents, words,
} from "../../ui.js";
import { unless } from "./panel-form.js";

const MODES = [
  ["remove", "Leave the funnel"],
  ["drop", "Keep earlier steps"],
];

function Exclusion({ row, steps, isAny, set, remove }) {
  const numbers = steps.map((_, index) => index + 1);
  const at = (list) => list.map((number) => [number, `step ${number}`]);
  return html`<li class="step">
    <div class="step-head">
      <${EventPicker}
        label="Must not happen"
        value=${row.event}
        onPick=${(event) => set({ ...row, event })} />
      <button type="button" class="icon-button" aria-label="Remove this exclusion" onClick=${remove}>
        <${Icon} name="close" size="16" />
      </button>
    </div>
    ${
      !isAny &&
      html`<div class="pair">
          <span>between</span
          ><${Choice}
            label="From step"
            isHidden
            value=${row.from_step}
            options=${at(numbers.slice(0, -1))}
            onPick=${(from) => set({ ...row, from_step: from, to_step: Math.max(row.to_step, from + 1) })} />
          <span>and</span
          ><${Choice}
            label="To step"
            isHidden
            value=${row.to_step}
            options=${at(numbers.filter((number) => number > row.from_step))}
            onPick=${(to) => set({ ...row, to_step: to })} />
        </div>
        <${Choice}
          label="Who does it will"
          value=${row.mode ?? "remove"}
          options=${MODES}
          onPick=${(mode) => set({ ...row, mode: unless("remove")(mode) ?? undefined })} />`
    }
    <${FilterEditor} value=${row.filter} event=${row.event} onPick=${(filter) => set({ ...row, filter })} />
  </li>`;
}

/** Edit what must not happen between steps. */
export function Exclusions({ question, change }) {
  const { steps = [], exclusions: rows = [], order } = question;
  const events = useEvents();
  const put = (found) => change({ exclusions: found.length ? found : null });
  const add = (event) => put([...rows, { event, from_step: 1, to_step: steps.length }]);
  if (steps.length < 2) return null;
  return html`<${Section} title="Must not happen"><ul class="steps">${rows.map(
    (row, index) =>
      html`<${Exclusion}
        key=${index}
        row=${row}
        steps=${steps}
        isAny=${order === "any"}
        set=${(found) => put(rows.with(index, found))}
        remove=${() => put(rows.filter((_, other) => other !== index))} />`,
  )}</ul>
    <${Picker} label="Add exclusion" shown=${null} placeholder="Add exclusion" icon="plus" isQuiet
      onPick=${add} allowsOther=${(text) => text}
      options=${events?.map((row) => ({ value: row.name, label: row.name, hint: words.compact(row.count) }))}
        /></${Section}>`;
}
