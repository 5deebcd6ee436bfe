// Lifecycle on screen: who is new, stays, comes back or leaves, stacked by interval.
import { DataTable, html, StackChart, words } from "../../ui.js";
import { Form, Tools } from "./panel-form.js";

const KINDS = [
  ["new", "New", "var(--s0)"],
  ["returning", "Stayed", "var(--s2)"],
  ["resurrected", "Came back", "var(--s5)"],
  ["dormant", "Left", "var(--s7)"],
];

function Answer({ answer, pick }) {
  const { interval, timezone } = answer.definition;
  const form = ["hour", "minute"].includes(interval) ? "full" : "date";
  const begun = (row) => words.time(row.time, form, timezone);
  const open = (row, status, name) =>
    row[status] ? () => pick({ time: row.time, status }, `${name}, ${begun(row)}`) : null;
  const rows = answer.points.map((row) => ({
    label: words.time(row.time, interval, timezone),
    title: begun(row),
    isOpen: !row.complete,
    parts: KINDS.map(([status, name, color]) =>
      ({ name, value: row[status], color, onPick: open(row, status, name) })),
  }));
  const columns = [
    { title: "Began", isText: true, value: (row) => row.time, show: begun },
    ...KINDS.map(([status, title]) => ({
      title,
      value: (row) => (row[status] == null ? null : Math.abs(row[status])),
      onPick: (row) => open(row, status, title),
    })),
  ];
  return html`<ul class="legend">${KINDS.map(([, name, color]) =>
      html`<li><i style=${{ background: color }} />${name}</li>`)}</ul>
    <${StackChart} label=${`People by ${interval}: new, stayed, came back, left`} rows=${rows} />
    <${DataTable} label="By interval" columns=${columns} rows=${answer.points} />`;
}

export default {
  title: "Lifecycle",
  icon: "lifecycle",
  initial: ({ range }) => ({ range, interval: range.last ? "day" : "week" }),
  sentence: ({ event, interval = "day" }) =>
    html`People who did ${words.eventName(event)}: in each ${interval} new, as before, back again, or gone`,
  isEmpty: (answer) => answer.points.every((row) => KINDS.every(([status]) => !row[status])),
  Form,
  Tools,
  Answer,
  rows: (answer) => [
    ["began", ...KINDS.map(([status]) => status)],
    ...answer.points.map((row) => [row.time, ...KINDS.map(([status]) => row[status])]),
  ],
};
