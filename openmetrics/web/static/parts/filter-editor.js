// Build a condition: properties, what people did, segments, joined by and/or, in groups.
import { html, useEffect, useState } from "../vendor/htm-preact-3.1.1.js";
import { useProperties, useValues } from "../catalog.js";
import { fieldName, OPERATORS } from "../words.js";
import { Icon } from "./icon.js";
import { Choice, NumberInput, TextInput, Toggle } from "./inputs.js";
import { Picker } from "./picker.js";
import { EventPicker, SegmentPicker } from "./pickers.js";
import { RangePicker } from "./range-picker.js";

const LIMITED = ["eq", "ne", "in", "not_in", "exists", "missing"];
const NUMERIC = ["gt", "gte", "lt", "lte"];
const LISTS = ["in", "not_in"];
const BARE = ["exists", "missing"];
const JOINS = [
  ["all", "all of"],
  ["any", "any of"],
];
const DID = [
  ["did", "did"],
  ["not", "did not"],
];

const joinOf = (node) => (node.any ? "any" : node.all ? "all" : null);

/** Take away what is not filled in yet; undefined where nothing is left. */
export function clean(node) {
  const join = node && joinOf(node);
  if (join) {
    const rows = node[join].map(clean).filter(Boolean);
    return rows.length ? { [join]: rows } : undefined;
  }
  if (!node) return undefined;
  if (node.not) return clean(node.not) && { not: clean(node.not) };
  if ("segment" in node) return node.segment ? node : undefined;
  if (node.did) {
    const { filter, ...did } = node.did;
    return "event" in did ? { did: { ...did, ...(clean(filter) && { filter: clean(filter) }) } } : undefined;
  }
  if (BARE.includes(node.op)) return { field: node.field, op: node.op };
  const values = Array.isArray(node.value) ? node.value : [node.value];
  const isWhole =
    values.length >= (node.op === "between" ? 2 : 1) &&
    values.every((value) => value != null && value !== "");
  return isWhole ? { field: node.field, op: node.op, value: node.value } : undefined;
}

function ValueInput({ node, event, onChange }) {
  const [text, setText] = useState("");
  const values = useValues(node.field, event, text.length > 2 ? text : "");
  const isList = LISTS.includes(node.op);
  const give = (value) => onChange({ ...node, value });
  if (BARE.includes(node.op)) return null;
  if (node.op === "between") {
    const [from, to] = node.value ?? [];
    return html`<div class="pair">
      <${NumberInput} label="From" isHidden value=${from} step="any" onPick=${(found) => give([found, to])} />
      <span>and</span
      ><${NumberInput} label="To" isHidden value=${to} step="any" onPick=${(found) => give([from, found])} />
    </div>`;
  }
  if (NUMERIC.includes(node.op))
    return html`<${NumberInput} label="Value" isHidden value=${node.value} step="any" onPick=${give} />`;
  if (!["eq", "ne", ...LISTS].includes(node.op))
    return html`<${TextInput}
      label="Value"
      isHidden
      value=${node.value}
      onPick=${give}
      placeholder="Text" />`;
  const options = values?.map((row) => ({
    value: String(row.value),
    label: row.value === "" ? "(empty)" : String(row.value),
    hint: row.count,
  }));
  const chosen = isList ? (node.value ?? []) : node.value;
  const toggle = (value) =>
    give(chosen.includes(value) ? chosen.filter((other) => other !== value) : [...chosen, value]);
  const isListed = node.field.startsWith("props.") || ["name", "source", "value"].includes(node.field);
  return html`<${Picker}
    label="Value"
    value=${isList ? chosen : String(chosen ?? "")}
    isMultiple=${isList}
    shown=${isList ? chosen.join(", ") : chosen == null ? null : chosen === "" ? "(empty)" : String(chosen)}
    placeholder="Choose a value"
    options=${isListed ? options : []}
    onSearch=${setText}
    allowsOther=${(found) => found}
    onPick=${isList ? toggle : give} />`;
}

function Condition({ node, event, onChange }) {
  const isLimited = /^(fields|context)\./.test(node.field);
  const names = Object.keys(OPERATORS).filter((op) => !isLimited || LIMITED.includes(op));
  const pick = (op) => {
    const isSame =
      LISTS.includes(op) === LISTS.includes(node.op) && (op === "between") === (node.op === "between");
    onChange({
      ...node,
      op,
      value: isSame ? node.value : op === "between" || LISTS.includes(op) ? [] : undefined,
    });
  };
  return html`<span class="condition-name">${fieldName(node.field)}</span>
    <${Choice}
      label="Condition"
      isHidden
      value=${node.op}
      options=${names.map((op) => [op, OPERATORS[op]])}
      onPick=${pick} />
    <${ValueInput} node=${node} event=${event} onChange=${onChange} />`;
}

function Did({ node, isNot, onChange }) {
  const did = node.did;
  const change = (patch) => onChange(wrap({ did: { ...did, ...patch } }, isNot));
  const wrap = (found, not) => (not ? { not: found } : found);
  return html`<${Toggle}
      label="Did it or not"
      value=${isNot ? "not" : "did"}
      options=${DID}
      onPick=${(key) => onChange(wrap(node, key === "not"))} />
    <${EventPicker} value=${did.event} onPick=${(event) => change({ event })} />
    <div class="pair">
      <span>at least</span
      ><${NumberInput}
        label="Times"
        isHidden
        min="1"
        value=${did.at_least ?? 1}
        onPick=${(count) => change({ at_least: count || 1 })} /><span>times, in</span>
    </div>
    <${RangePicker} value=${did.within} onPick=${(within) => change({ within })} />`;
}

function Row({ node, event, depth, onChange, onRemove }) {
  const isNot = Boolean(node.not);
  const inner = isNot ? node.not : node;
  const body = joinOf(inner)
    ? html`<${Group} node=${inner} event=${event} depth=${depth + 1} onChange=${onChange} />`
    : inner.did
      ? html`<${Did} node=${inner} isNot=${isNot} onChange=${onChange} />`
      : "segment" in inner
        ? html`<span class="condition-name">${isNot ? "not in segment" : "in segment"}</span>
            <${SegmentPicker}
              value=${inner.segment}
              onPick=${(segment) => onChange(isNot ? { not: { segment } } : { segment })} />`
        : html`<${Condition}
            node=${inner}
            event=${event}
            onChange=${(found) => onChange(isNot ? { not: found } : found)} />`;
  return html`<div class="condition">
    ${body}
    <button type="button" class="icon-button" aria-label="Remove this condition" onClick=${onRemove}>
      <${Icon} name="close" size="16" />
    </button>
  </div>`;
}

const OTHERS = [
  { value: { did: {} }, label: "Did an event …", group: "People" },
  { value: { segment: null }, label: "Is in a segment …", group: "People" },
  { value: { not: { segment: null } }, label: "Is not in a segment …", group: "People" },
  { value: { all: [] }, label: "A group of conditions …", group: "Logic" },
];
const PATHS = ["value", "name", "source", "user_id", "session_id"];

function AddRow({ event, label, onPick }) {
  const properties = useProperties(typeof event === "string" ? event : null);
  const field = (path, group) => ({ value: { field: path, op: "eq" }, label: fieldName(path), group });
  const options = properties && [
    ...properties.map((row) => field(`props.${row.name}`, "Properties")),
    ...PATHS.map((path) => field(path, "Event")),
    ...OTHERS,
  ];
  const parse = (text) => ({
    field: /^(props|user|fields|context)\./.test(text) ? text : `props.${text}`,
    op: "eq",
  });
  return html`<${Picker}
    label=${label}
    shown=${null}
    placeholder=${label}
    icon="plus"
    isQuiet
    options=${options}
    onPick=${onPick}
    allowsOther=${parse} />`;
}

function Group({ node, event, depth, label = "Add condition", onChange }) {
  const join = joinOf(node);
  const rows = node[join];
  const set = (found) => onChange({ [join]: found });
  return html`<div class=${depth ? "group is-inner" : "group"}>
    ${
      rows.length > 1 &&
      html`<div class="join">
        <span>Where</span>
        <${Toggle}
          label="Join conditions by"
          value=${join}
          options=${JOINS}
          onPick=${(key) => onChange({ [key]: rows })} /><span>these hold</span>
      </div>`
    }
    ${rows.map(
      (row, index) =>
        html`<${Row}
          key=${index}
          node=${row}
          event=${event}
          depth=${depth}
          onChange=${(found) => set(rows.with(index, found))}
          onRemove=${() => set(rows.filter((_, other) => other !== index))} />`,
    )}
    <${AddRow} event=${event} label=${label} onPick=${(found) => set([...rows, structuredClone(found)])} />
  </div>`;
}

/** Edit a condition, undefined being none; what is not filled in yet is kept here and not given on. */
export function FilterEditor({ value, event, label = "Add filter", onPick }) {
  const root = (found) => (found && joinOf(found) ? found : { all: found ? [found] : [] });
  const [draft, setDraft] = useState(() => root(value));
  const text = JSON.stringify(value);
  useEffect(() => {
    if (JSON.stringify(clean(draft)) !== JSON.stringify(clean(root(value)))) setDraft(root(value));
  }, [text]);
  const change = (found) => {
    setDraft(found);
    if (JSON.stringify(clean(found)) !== JSON.stringify(clean(root(value)))) onPick(clean(found));
  };
  return html`<${Group} node=${draft} event=${event} depth=${0} label=${label} onChange=${change} />`;
}
