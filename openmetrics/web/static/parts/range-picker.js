// When: a range of time, its time zone, and the interval of points.
import { html, useRef, useState } from "../vendor/htm-preact-3.1.1.js";
import { config } from "../api.js";
import { range as inWords } from "../words.js";
import { Icon } from "./icon.js";
import { Choice } from "./inputs.js";
import { Picker, useId } from "./picker.js";

const PRESETS = [
  ["24h", "24 hours"],
  ["7d", "7 days"],
  ["30d", "30 days"],
  ["90d", "90 days"],
  ["6mo", "6 months"],
  ["12mo", "12 months"],
];
const DAY_MS = 86_400_000;
const shift = (day, days) => new Date(Date.parse(day) + days * DAY_MS).toISOString().slice(0, 10);
const dayOf = (text) => String(text ?? "").slice(0, 10);

function Days({ value, onPick }) {
  const ids = [useId("from"), useId("to")];
  const [from, setFrom] = useState(dayOf(value?.from));
  const [to, setTo] = useState(value?.to ? shift(dayOf(value.to), -1) : "");
  const isWrong = from && to && from > to;
  const use = (event) => {
    event.preventDefault();
    if (from && !isWrong) onPick({ from, ...(to && { to: shift(to, 1) }) });
  };
  return html`<form class="days" onSubmit=${use}>
    <label for=${ids[0]}
      >From<input id=${ids[0]} type="date" value=${from} onInput=${(event) => setFrom(event.target.value)}
    /></label>
    <label for=${ids[1]}
      >to, included<input
        id=${ids[1]}
        type="date"
        value=${to}
        onInput=${(event) => setTo(event.target.value)}
    /></label>
    <button class="button is-primary" disabled=${!from || isWrong}>Use these days</button>
    ${isWrong && html`<p class="hint is-bad">The last day lies before the first.</p>`}
  </form>`;
}

const ZONES = ["UTC", ...Intl.supportedValuesOf("timeZone").filter((zone) => zone !== "UTC")];

function ZonePicker({ value, onPick }) {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const options = [
    { value: null, label: `${config.timezone} (the project's)` },
    ...(own === config.timezone ? [] : [{ value: own, label: `${own} (yours)` }]),
    ...ZONES.map((zone) => ({ value: zone, label: zone, group: "All" })),
  ];
  return html`<${Picker}
    label="Time zone"
    value=${value ?? null}
    shown=${value ?? config.timezone}
    options=${options}
    onPick=${onPick} />`;
}

/**
 * Choose a range: `{last: "30d"}` or `{from, to}` in days. With `onZone`, the time zone is chosen in it, too;
 * null is the project's. `none` is what stands where there is no range.
 */
export function RangePicker({ value, none, onPick, zone, onZone }) {
  const [isOpen, setIsOpen] = useState(false);
  const box = useRef();
  const close = () => {
    setIsOpen(false);
    box.current.querySelector("button").focus({ preventScroll: true });
  };
  const pick = (found) => {
    close();
    onPick(found);
  };
  const press = (event) => {
    if (event.key !== "Escape" || !isOpen) return;
    event.stopPropagation();
    close();
  };
  const leave = (event) => !box.current.contains(event.relatedTarget) && setIsOpen(false);
  const days = !value && none ? none : inWords(value).replace(/^the last/, "last");
  const text = `${days[0].toUpperCase()}${days.slice(1)}${zone ? `, ${zone}` : ""}`;
  return html`<div class="picker" ref=${box} onFocusOut=${leave} onKeyDown=${press}>
    <button type="button" class="picker-button" aria-expanded=${isOpen} aria-label=${`Range: ${text}`}
      onClick=${() => setIsOpen(!isOpen)}>
      <${Icon} name="calendar" size="16" /><span class="picker-value">${text}</span>
      <${Icon} name="down" size="14" />
    </button>
    ${isOpen &&
      html`<div class="popover range-pop" tabindex="-1">
        <div class="presets" role="group" aria-label="Back from now">
          ${PRESETS.map(([last, name]) =>
            html`<button type="button" aria-pressed=${value?.last === last} onClick=${() => pick({ last })}>
              Last ${name}</button>`)}
        </div>
        <div class="days-side"><${Days} value=${value} onPick=${pick} />
          ${onZone && html`<${ZonePicker} value=${zone} onPick=${onZone} />`}</div>
      </div>`}
  </div>`;
}

const INTERVALS = [
  ["minute", "by minute"],
  ["hour", "by hour"],
  ["day", "by day"],
  ["week", "by week"],
  ["month", "by month"],
];

/** Choose the interval of points or rows. */
export function IntervalPicker({ value, onPick, hasNone, label = "Interval" }) {
  return html`<${Choice}
    label=${label}
    value=${value ?? null}
    options=${hasNone ? [[null, "one number"], ...INTERVALS] : INTERVALS}
    onPick=${onPick} />`;
}
