// Small inputs with their labels.
import { html, useEffect, useState } from "../vendor/htm-preact-3.1.1.js";
import { useId } from "./picker.js";

/** A heading with what belongs below it. */
export function Section({ title, action, children }) {
  return html`<section class="section">
    <header>
      <h3>${title}</h3>
      ${action}
    </header>
    ${children}
  </section>`;
}

/** A label beside something that is no input of its own. */
export const Field = ({ label, children, hint }) =>
  html`<div class="field">
    <span class="field-label">${label}</span>${children}${hint && html`<small>${hint}</small>`}
  </div>`;

/** Choose one of a few: `options` is `[[value, text], ...]`. */
export function Choice({ label, value, options, onPick, isHidden }) {
  const id = useId("choice");
  const pick = (event) => onPick(options[event.target.selectedIndex][0]);
  return html`<div class="field">
    <label class=${isHidden ? "unseen" : "field-label"} for=${id}>${label}</label>
    <select id=${id} onChange=${pick} value=${String(value)}>
      ${options.map(([key, text]) =>
        html`<option value=${String(key)} selected=${key === value}>${text}</option>`)}
    </select>
  </div>`;
}

/** Choose one of two or three that are all seen. */
export function Toggle({ label, value, options, onPick }) {
  return html`<div class="toggle" role="group" aria-label=${label}>
    ${options.map(([key, text]) =>
      html`<button type="button" aria-pressed=${key === value}
        onClick=${() => onPick(key)}>${text}</button>`)}
  </div>`;
}

function useDraft(value) {
  const [draft, setDraft] = useState(value ?? "");
  useEffect(() => setDraft(value ?? ""), [value]);
  return [draft, setDraft];
}

/** Type text; it counts on Enter or when the input is left. */
export function TextInput({ label, value, onPick, isHidden, ...rest }) {
  const id = useId("text");
  const [draft, setDraft] = useDraft(value);
  const commit = () => draft !== (value ?? "") && onPick(draft);
  return html`<div class="field">
    <label class=${isHidden ? "unseen" : "field-label"} for=${id}>${label}</label>
    <input
      id=${id}
      type="text"
      value=${draft}
      onInput=${(event) => setDraft(event.target.value)}
      onBlur=${commit}
      onKeyDown=${(event) => event.key === "Enter" && commit()}
      autocomplete="off"
      ...${rest} />
  </div>`;
}

/** Type a number; it counts on Enter, when the input is left, or by its arrows. */
export function NumberInput({ label, value, onPick, isHidden, ...rest }) {
  const id = useId("number");
  const [draft, setDraft] = useDraft(value);
  const commit = (text) => {
    const found = text === "" ? null : Number(text);
    if (found !== value && !Number.isNaN(found)) onPick(found);
  };
  return html`<div class="field">
    <label class=${isHidden ? "unseen" : "field-label"} for=${id}>${label}</label>
    <input
      id=${id}
      type="number"
      value=${draft}
      onInput=${(event) => setDraft(event.target.value)}
      onChange=${(event) => commit(event.target.value)}
      ...${rest} />
  </div>`;
}

const UNITS = [
  ["s", "seconds"],
  ["m", "minutes"],
  ["h", "hours"],
  ["d", "days"],
  ["w", "weeks"],
  ["mo", "months"],
];

/** Choose a duration such as `14d`. */
export function DurationInput({ label, value, onPick }) {
  const [, count, unit] = /^([\d.]+)\s*(mo|[smhdw])$/.exec(value ?? "") ?? [null, "", "d"];
  const give = (number, of) => number > 0 && onPick(`${number}${of}`);
  return html`<div class="field" role="group" aria-label=${label}>
    <span class="field-label">${label}</span>
    <div class="pair">
      <${NumberInput}
        label="Number"
        isHidden
        value=${count === "" ? null : Number(count)}
        min="1"
        onPick=${(number) => give(number, unit)} />
      <${Choice}
        label="Unit"
        isHidden
        value=${unit}
        options=${UNITS}
        onPick=${(of) => give(Number(count), of)} />
    </div>
  </div>`;
}
