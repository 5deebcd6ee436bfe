// The form that lifecycle and stickiness share: what counts as being active.
import { EventPicker, FilterEditor, html, IntervalPicker, Section } from "../../ui.js";

/** Choose the event and its filter. */
export function Form({ question, change }) {
  return html`<${Section} title="Active are those who do">
      <${EventPicker} value=${question.event ?? null} onPick=${(event) => change({ event })} /></${Section}>
    <${Section} title="Where">
      <${FilterEditor} value=${question.filter} event=${question.event}
        onPick=${(filter) => change({ filter })} />
    </${Section}>`;
}

/** Choose the interval. */
export const Tools = ({ question, change }) =>
  html`<${IntervalPicker} value=${question.interval ?? "day"} onPick=${(interval) => change({ interval })}
    />`;
