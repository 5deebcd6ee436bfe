// A button that opens a list to search as you type: mouse, keyboard and screen reader alike.
import { html, useEffect, useMemo, useRef, useState } from "../vendor/htm-preact-3.1.1.js";
import { Icon } from "./icon.js";

const SHOWN = 200;
let count = 0;

/** Give an id that no other element of the page has. */
export const useId = (name) => useState(() => `${name}-${++count}`)[0];

const normalise = (text) => String(text ?? "").toLowerCase();

function findRows(options, text, allowsOther) {
  const words = normalise(text).split(/\s+/).filter(Boolean);
  const fits = (row) =>
    words.every((word) => normalise(row.label).includes(word) || normalise(row.group).includes(word));
  const rows = (options ?? []).filter(fits).slice(0, SHOWN);
  const given = text.trim();
  const isKnown = (options ?? []).some((row) => row.label === given || row.value === given);
  return allowsOther && given && !isKnown
    ? [...rows, { value: allowsOther(given), label: `Use “${given}”`, isOther: true }]
    : rows;
}

function Rows({ id, rows, active, chosen, pick, isLoading }) {
  if (isLoading) return html`<p class="picker-note">Loading…</p>`;
  if (!rows.length) return html`<p class="picker-note">Nothing is called so.</p>`;
  let group;
  return html`<ul role="listbox" id=${id} aria-label="Choices">
    ${rows.map((row, index) => {
      const heading =
        row.group !== group ? html`<li class="picker-group" role="presentation">${row.group}</li>` : null;
      group = row.group;
      return html`${row.group && heading}
        <li
          id=${`${id}-${index}`}
          key=${index}
          role="option"
          class=${index === active ? "is-active" : ""}
          aria-selected=${chosen(row.value)}
          onMouseDown=${(event) => event.preventDefault()}
          onClick=${() => pick(row)}>
          <span class="picker-label">${row.label}</span>
          ${row.hint != null && html`<span class="picker-hint">${row.hint}</span>`}
          ${chosen(row.value) && html`<${Icon} name="check" size="16" />`}
        </li>`;
    })}
  </ul>`;
}

function Popover({ label, options, allowsOther, isMultiple, value, onPick, onSearch, close }) {
  const [text, setText] = useState("");
  const [active, setActive] = useState(0);
  const input = useRef();
  const id = useId("list");
  const rows = useMemo(() => findRows(options, text, allowsOther), [options, text]);
  useEffect(() => input.current?.focus({ preventScroll: true }), []);
  useEffect(() => document.getElementById(`${id}-${active}`)?.scrollIntoView({ block: "nearest" }), [active]);
  const isSame = (one) => JSON.stringify(one);
  const chosen = (one) =>
    isMultiple ? (value ?? []).some((other) => isSame(other) === isSame(one)) : isSame(value) === isSame(one);
  const pick = (row) => {
    if (!isMultiple) close();
    else setText("");
    onPick(row.value, row);
  };
  const press = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (step) setActive(Math.min(Math.max(active + step, 0), rows.length - 1));
    else if (event.key === "Enter" && rows[active]) pick(rows[active]);
    else if (event.key === "Tab" && !isMultiple) close();
    else return;
    if (event.key !== "Tab") event.preventDefault();
  };
  const search = (event) => {
    setText(event.target.value);
    setActive(0);
    onSearch?.(event.target.value);
  };
  return html`<div class="popover picker-pop">
    <div class="picker-search">
      <${Icon} name="search" size="16" />
      <input
        ref=${input}
        type="text"
        role="combobox"
        aria-label=${label}
        aria-expanded="true"
        aria-controls=${id}
        aria-autocomplete="list"
        aria-activedescendant=${rows[active] ? `${id}-${active}` : undefined}
        placeholder=${allowsOther && !options?.length ? "Type a value" : "Search"}
        value=${text}
        onInput=${search}
        onKeyDown=${press}
        autocomplete="off"
        spellcheck=${false} />
    </div>
    <${Rows}
      id=${id}
      rows=${rows}
      active=${active}
      chosen=${chosen}
      pick=${pick}
      isLoading=${options == null} />
  </div>`;
}

/**
 * Choose one of `options` (`[{value, label, hint?, group?}]`, null while they load).
 * `allowsOther(text)` makes a value of text that is not listed; `isMultiple` keeps a list of values.
 */
export function Picker({ label, value, shown, icon, placeholder = "Choose…", isQuiet, onClear, ...rest }) {
  const [isOpen, setIsOpen] = useState(false);
  const box = useRef();
  const close = (isRefocused = true) => {
    setIsOpen(false);
    if (isRefocused) box.current?.querySelector(".picker-button")?.focus({ preventScroll: true });
  };
  const leave = (event) => !box.current.contains(event.relatedTarget) && setIsOpen(false);
  const press = (event) => {
    if (event.key === "Escape" && isOpen) {
      event.stopPropagation();
      close();
    } else if (event.key === "ArrowDown" && !isOpen) {
      event.preventDefault();
      setIsOpen(true);
    }
  };
  const isEmpty = shown == null || shown === "";
  return html`<div
    class=${`picker ${isQuiet ? "is-quiet" : ""}`}
    ref=${box}
    onFocusOut=${leave}
    onKeyDown=${press}>
    <button
      type="button"
      class="picker-button"
      aria-haspopup="listbox"
      aria-expanded=${isOpen}
      aria-label=${`${label}: ${isEmpty ? placeholder : shown}`}
      onClick=${() => setIsOpen(!isOpen)}>
      ${icon && html`<${Icon} name=${icon} size="16" />`}
      <span class=${isEmpty ? "picker-value is-empty" : "picker-value"}
        >${isEmpty ? placeholder : shown}</span
      >
      <${Icon} name="down" size="14" />
    </button>
    ${
      onClear &&
      !isEmpty &&
      html`<button
        type="button"
        class="icon-button"
        aria-label=${`Remove ${label.toLowerCase()}`}
        onClick=${onClear}>
        <${Icon} name="close" size="16" />
      </button>`
    }
    ${isOpen && html`<${Popover} label=${label} value=${value} close=${close} ...${rest} />`}
  </div>`;
}
