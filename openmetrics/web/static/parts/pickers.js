// Pickers that know the catalog: events, fields, breakdowns, segments.
import { html } from "../vendor/htm-preact-3.1.1.js";
import { useEvents, useProperties, useSegments } from "../catalog.js";
import { compact, fieldName } from "../words.js";
import { Picker } from "./picker.js";

const same = (text) => text;

/** Choose an event, a list of events, or null for any. */
export function EventPicker({
  label = "Event",
  value,
  onPick,
  hasAny = true,
  placeholder = "Choose an event",
}) {
  const events = useEvents();
  const rows = events?.map(({ name, count }) => ({ value: name, label: name, hint: compact(count) }));
  const any = hasAny ? [{ value: null, label: "Any event" }] : [];
  const isList = Array.isArray(value);
  const shown = isList ? value.join(" or ") : value === null && hasAny ? "Any event" : value;
  const pick = (name) => {
    if (!isList) return onPick(name);
    const names = value.includes(name) ? value.filter((other) => other !== name) : [...value, name];
    onPick(names.length > 1 ? names : (names[0] ?? null));
  };
  return html`<${Picker}
    label=${label}
    value=${value}
    shown=${shown}
    placeholder=${placeholder}
    isMultiple=${isList}
    options=${rows && (isList ? rows : [...any, ...rows])}
    onPick=${pick}
    allowsOther=${same} />`;
}

const KINDS = {
  text: "text",
  number: "number",
  boolean: "yes / no",
  list: "list",
  object: "object",
  null: "empty",
};

/** Return the fields that can be chosen: `props.X` first, then what every event has. */
function listFields(properties, extra) {
  const rows = properties.map(({ name, kinds }) => ({
    value: `props.${name}`,
    label: name,
    hint: kinds.map((kind) => KINDS[kind] ?? kind).join(", "),
    group: "Properties",
  }));
  return [...rows, ...extra.map((path) => ({ value: path, label: fieldName(path), group: "Event" }))];
}

const parsePath = (text) => (/^(props|user|fields|context)\../.test(text) ? text : `props.${text}`);

/** Choose a field such as `props.plan`; `extra` are fields beside the properties. */
export function FieldPicker({ label = "Property", value, onPick, event, extra = [], isNumeric, ...rest }) {
  const properties = useProperties(typeof event === "string" ? event : null);
  const fits = (row) => !isNumeric || row.kinds.includes("number") || row.kinds.includes("text");
  return html`<${Picker}
    label=${label}
    value=${value}
    shown=${value && fieldName(value)}
    placeholder="Choose a property"
    options=${properties && listFields(properties.filter(fits), extra)}
    onPick=${onPick}
    allowsOther=${parsePath}
    ...${rest} />`;
}

/** Choose what to break down by: a field, or a saved segment; null takes it away. */
export function BreakdownPicker({ label = "Break down by", value, onPick, event, hasSegments = true }) {
  const properties = useProperties(typeof event === "string" ? event : null);
  const segments = useSegments();
  const inSegments = hasSegments ? (segments ?? []) : [];
  const options = properties && [
    ...listFields(properties, ["name", "source"]),
    ...inSegments.map((row) => ({ value: { segment: row.id }, label: row.label, group: "Segments" })),
  ];
  return html`<${Picker}
    label=${label}
    icon="split"
    value=${value}
    shown=${value && fieldName(value)}
    placeholder="No breakdown"
    options=${options}
    onPick=${onPick}
    onClear=${value ? () => onPick(null) : null}
    allowsOther=${parsePath} />`;
}

/** Choose a saved segment by its id. */
export function SegmentPicker({
  label = "Segment",
  value,
  onPick,
  onClear,
  placeholder = "Choose a segment",
}) {
  const segments = useSegments();
  const options = segments?.map((row) => ({ value: row.id, label: row.label }));
  const shown = options?.find((row) => row.value === value)?.label ?? value;
  return html`<${Picker}
    label=${label}
    icon="users"
    value=${value}
    shown=${shown}
    placeholder=${placeholder}
    options=${options}
    onPick=${onPick}
    onClear=${onClear} />`;
}
