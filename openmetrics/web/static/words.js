// Numbers, times and conditions as people write them.
import { html } from "./vendor/htm-preact-3.1.1.js";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const number = (value) =>
  value == null
    ? "–"
    : Number.isInteger(value) || Math.abs(value) >= 10_000
      ? whole.format(value)
      : fine.format(value);
export const compact = (value) =>
  value == null ? "–" : Math.abs(value) < 10_000 ? number(value) : short.format(value);
export const percent = (share, digits = 1) => (share == null ? "–" : `${(share * 100).toFixed(digits)}%`);
export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** Write a span of seconds in its two largest units. */
export function duration(seconds) {
  if (seconds == null) return "–";
  if (seconds < 1) return seconds === 0 ? "0 s" : "< 1 s";
  const units = [
    ["d", 86_400],
    ["h", 3_600],
    ["min", 60],
    ["s", 1],
  ];
  const first = units.findIndex(([, size]) => seconds >= size);
  const [unit, size] = units[first];
  const next = units[first + 1];
  const count = next ? Math.floor(seconds / size) : Math.round(seconds);
  const rest = next ? Math.floor((seconds - count * size) / next[1]) : 0;
  return `${count} ${unit}${rest ? ` ${rest} ${next[0]}` : ""}`;
}

const FORMS = {
  minute: { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" },
  hour: { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" },
  day: { month: "short", day: "numeric" },
  week: { month: "short", day: "numeric" },
  month: { month: "short", year: "numeric" },
  long: { weekday: "short", year: "numeric", month: "short", day: "numeric" },
  full: { dateStyle: "medium", timeStyle: "short" },
  date: { dateStyle: "medium" },
};
const formats = new Map();

/** Write a time for an axis or a heading; `form` is an interval, `long`, `date` or `full`. */
export function time(text, form = "full", timezone = "UTC") {
  const key = `${form} ${timezone}`;
  if (!formats.has(key))
    formats.set(
      key,
      new Intl.DateTimeFormat("en-GB", { ...FORMS[form], timeZone: timezone, hourCycle: "h23" }),
    );
  return formats.get(key).format(new Date(text));
}

const UNITS = { s: "second", m: "minute", h: "hour", d: "day", w: "week", mo: "month" };

/** Write a duration such as `14d` in words. */
export function span(text) {
  const [, count, unit] = /^([\d.]+)\s*(mo|[smhdw])$/.exec(text ?? "") ?? [];
  return unit ? plural(Number(count), UNITS[unit]) : text;
}

/** Write a range in words: `the last 30 days`, `1 Mar 2024 to 30 Jun 2024`. */
export function range(found) {
  if (!found) return "all time";
  if (found.last) return `the last ${span(found.last).replace(/^1 /, "")}`;
  const day = (value, shift = 0) => {
    const isDay = /^\d{4}-\d\d-\d\d$/.test(value);
    return time(Date.parse(value) + (isDay ? shift : 0), isDay ? "date" : "full");
  };
  if (!found.to) return found.from ? `${day(found.from)} to now` : "all time";
  const [first, last] = [found.from ? day(found.from) : "the beginning", day(found.to, -86_400_000)];
  if (first === last) return first;
  const year = / \d{4}$/.exec(last)?.[0];
  return `${year && first.endsWith(year) ? first.slice(0, -year.length) : first} to ${last}`;
}

/** Write a range as the end of a sentence: `in the last 30 days`, `from 1 Mar 2024 to 30 Jun 2024`. */
export function during(found) {
  const text = range(found);
  return `${!found || found.last ? "in" : text.includes(" to ") ? "from" : "on"} ${text}`;
}

/** Write a group of a breakdown; `group` is a text, null for missing, or a list of those. */
export function groupName(group, isOther = false) {
  if (isOther) return "Other";
  const names = (Array.isArray(group) ? group : [group]).map((value) => value ?? "(missing)");
  return names.map((value) => (value === "" ? "(empty)" : value)).join(" · ");
}

export const OPERATORS = {
  eq: "is",
  ne: "is not",
  in: "is one of",
  not_in: "is none of",
  contains: "contains",
  not_contains: "does not contain",
  starts_with: "begins with",
  ends_with: "ends with",
  gt: "is more than",
  gte: "is at least",
  lt: "is less than",
  lte: "is at most",
  between: "is between",
  exists: "is there",
  missing: "is missing",
};

/** Write any value that was sent: lists of plain values as people do, objects as JSON. */
export function anything(found) {
  if (Array.isArray(found) && found.every((part) => part === null || typeof part !== "object"))
    return found.map(String).join(", ");
  return found && typeof found === "object" ? JSON.stringify(found) : String(found);
}

/** Write a field's path as people call it: `plan`, `plan (profile)`, `user id`. */
export function fieldName(path) {
  if (path && typeof path === "object") return `segment ${path.segment}`;
  const [, kind, name] = /^(props|user|fields|context)\.(.*)$/s.exec(path ?? "") ?? [];
  if (!kind) return { name: "event name", session_id: "session id", user_id: "user id" }[path] ?? path ?? "";
  return kind === "props"
    ? name
    : `${name} (${{ user: "profile", fields: "field", context: "context" }[kind]})`;
}

/** Write an event, a list of them, or any event. */
export function eventName(event) {
  if (event == null) return html`<b>any event</b>`;
  const names = Array.isArray(event) ? event : [event];
  return names.map((name, index) => html`${index ? " or " : ""}<b>${name}</b>`);
}

const value = (found) => (Array.isArray(found) ? found.join(", ") : String(found ?? ""));

/** Write a condition in words. */
export function filter(found) {
  if (!found) return null;
  if (found.all || found.any) {
    const rows = (found.all ?? found.any).map(filter).filter(Boolean);
    return rows.map((row, index) => html`${index ? (found.all ? " and " : " or ") : ""}${row}`);
  }
  if (found.not) return html`not (${filter(found.not)})`;
  if (found.segment) return html`in segment <b>${found.segment}</b>`;
  if (found.did) {
    const { event, at_least: least, within } = found.did;
    const times = least > 1 ? ` at least ${least} times` : "";
    return html`did ${eventName(event)}${times}${within ? ` ${during(within)}` : ""}`;
  }
  if (["exists", "missing"].includes(found.op))
    return html`<b>${fieldName(found.field)}</b> ${OPERATORS[found.op]}`;
  const shown = found.op === "between" ? (found.value ?? []).join(" and ") : value(found.value);
  return html`<b>${fieldName(found.field)}</b> ${OPERATORS[found.op]} <b>${shown || "…"}</b>`;
}

/** Write ` where …`, or nothing. */
export const where = (found) => (isEmpty(found) ? null : html` where ${filter(found)}`);

/** Say whether a condition asks for nothing. */
export const isEmpty = (found) => !found || (found.all && !found.all.length);
