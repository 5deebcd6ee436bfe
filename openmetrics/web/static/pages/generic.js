// A form and a picture for any analysis, made of its schemas: for those that bring no panel of their own.
import { html } from "../vendor/htm-preact-3.1.1.js";
import { number, time } from "../words.js";
import { LineChart } from "../charts/line.js";
import { BarList } from "../charts/bars.js";
import { Choice, Field, NumberInput, Section, TextInput } from "../parts/inputs.js";
import { BreakdownPicker, EventPicker } from "../parts/pickers.js";
import { FilterEditor } from "../parts/filter-editor.js";
import { DataTable } from "../parts/table.js";

const HEAD = ["definition", "exact", "engine", "took_ms", "range", "warnings"];
const AROUND = ["range", "timezone", "compare_segments", "pick"];
const inWords = (name) => name[0].toUpperCase() + name.slice(1).replaceAll("_", " ");

function JsonInput({ label, value, hint, onPick }) {
  const read = (text) => {
    try {
      onPick(text.trim() ? JSON.parse(text) : null);
    } catch {
      onPick(text);
    }
  };
  return html`<${Field} label=${label} hint=${hint}><${TextInput} label=${`${label}, as JSON`} isHidden
    value=${value == null ? "" : JSON.stringify(value)} onPick=${read} /></${Field}>`;
}

/** Return the input that fits a member of the question. */
function Input({ name, schema, value, onPick }) {
  const label = schema.title ?? inWords(name);
  const hint = schema.description;
  if (["event", "from_event", "to_event", "start_event"].includes(name))
    return html`<${Field} label=${label} hint=${hint}><${EventPicker} label=${label} value=${value}
      hasAny=${false} onPick=${onPick} /></${Field}>`;
  if (name === "filter")
    return html`<${Field} label=${label} hint=${hint}><${FilterEditor} value=${value}
      onPick=${(found) => onPick(found ?? null)} /></${Field}>`;
  if (name === "breakdown" && schema.type !== "array")
    return html`<${Field} label=${label} hint=${hint}><${BreakdownPicker} value=${value} onPick=${onPick}
      /></${Field}>`;
  if (schema.enum)
    return html`<${Choice}
      label=${label}
      value=${value ?? schema.default ?? null}
      options=${[...(schema.default === undefined ? [[null, "–"]] : []),
        ...schema.enum.map((one) => [one, String(one).replaceAll("_", " ")])]}
      onPick=${onPick} />`;
  if (schema.type === "boolean")
    return html`<${Choice}
      label=${label}
      value=${value ?? schema.default ?? false}
      options=${[
        [false, "no"],
        [true, "yes"],
      ]}
      onPick=${onPick} />`;
  if (["integer", "number"].includes(schema.type))
    return html`<${NumberInput}
      label=${label}
      value=${value ?? schema.default}
      min=${schema.minimum}
      max=${schema.maximum}
      step=${schema.type === "integer" ? 1 : "any"}
      onPick=${onPick} />`;
  if (schema.type === "string")
    return html`<${TextInput}
      label=${label}
      value=${value ?? schema.default}
      onPick=${(text) => onPick(text || null)} />`;
  return html`<${JsonInput} label=${label} hint=${hint} value=${value} onPick=${onPick} />`;
}

const isScalar = (value) => value == null || typeof value !== "object";
const isTime = (value) => typeof value === "string" && /^\d{4}-\d\d-\d\dT/.test(value);

/** Return a table's columns: the members of its rows that are no objects. */
function columnsOf(rows) {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row).filter((name) => isScalar(row[name]))))];
  return names.map((name) => ({
    title: inWords(name),
    value: (row) => (typeof row[name] === "boolean" ? (row[name] ? "yes" : "no") : row[name]),
    show: (row) =>
      isTime(row[name])
        ? time(row[name])
        : typeof row[name] === "number"
          ? number(row[name])
          : String(row[name] ?? "–"),
    isText: rows.some((row) => typeof row[name] === "string"),
  }));
}

function Rows({ name, rows }) {
  const columns = columnsOf(rows);
  const figures = columns.filter((column) => !column.isText);
  const names = columns.filter((column) => column.isText);
  const at = Object.keys(rows[0]).find((member) => isTime(rows[0][member]));
  const lines = figures.map((column) => ({
    label: column.title,
    points: rows.map((row) => ({ time: row[at], value: column.value(row), complete: row.complete })),
  }));
  const bars = rows.map((row) => ({ label: names[0]?.show(row) ?? "", value: figures[0]?.value(row) }));
  return html`<${Section} title=${inWords(name)}>
    ${at && lines.length > 0 && rows.length > 1 &&
      html`<${LineChart} label=${inWords(name)} series=${lines} interval="day" />`}
    ${!at && names.length > 0 && figures.length > 0 && rows.length <= 50 &&
      html`<${BarList} label=${inWords(name)} rows=${bars} />`}
    <${DataTable} label=${inWords(name)} columns=${columns} rows=${rows} /></${Section}>`;
}

function Member({ name, value }) {
  if (
    Array.isArray(value) &&
    value.length &&
    value.every((row) => row && typeof row === "object" && !Array.isArray(row))
  )
    return html`<${Rows} name=${name} rows=${value} />`;
  if (typeof value === "number")
    return html`<p class="figure"><b>${number(value)}</b><span>${inWords(name)}</span></p>`;
  return html`<${Section} title=${inWords(name)}><pre>${typeof value === "string" ? value
    : JSON.stringify(value, null, 2)}</pre></${Section}>`;
}

function Answer({ answer }) {
  const members = Object.entries(answer).filter(([name]) => !HEAD.includes(name));
  return html`${members.map(([name, value]) => html`<${Member} name=${name} value=${value} />`)}`;
}

/** Return a panel made of the schemas of an analysis, a row of `GET /v1/analyses`. */
export function makeGenericPanel({ title, params_schema: schema }) {
  const members = Object.entries(schema.properties ?? {}).filter(([name]) => !AROUND.includes(name));
  const needed = schema.required ?? [];
  const Form = ({
    question,
    change,
  }) => html`<${Section} title="Question">${schema.description &&
    html`<p class="quiet">${schema.description}</p>`}
    ${members.map(([name, row]) =>
      html`<${Input} key=${name} name=${name} schema=${row} value=${question[name]}
        onPick=${(value) => change({ [name]: value })} />`)}</${Section}>`;
  return {
    title,
    icon: "question",
    hasRange: "range" in (schema.properties ?? {}),
    hasZone: "timezone" in (schema.properties ?? {}),
    hasSides: "filter" in (schema.properties ?? {}),
    initial: ({ range, events }) => ({
      ...(schema.properties?.range && { range }),
      ...(needed.includes("event") && events.length && { event: events[0].name }),
    }),
    explain: (question) => {
      const missing = needed.find((name) => question[name] == null);
      return missing && `Fill in: ${inWords(missing)}`;
    },
    sentence: () => null,
    Form,
    Answer,
  };
}
