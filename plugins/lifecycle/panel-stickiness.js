// Stickiness on screen: how many come once, twice, and how many always.
import { ColumnChart, DataTable, html, words } from "../../ui.js";
import { Form, Tools } from "./panel-form.js";

function Answer({ answer, pick }) {
  const { interval } = answer.definition;
  const title = (count) => words.plural(count, interval);
  const rows = answer.counts.map((row) =>
    ({ label: row.intervals, value: row.users, title: title(row.intervals) }));
  const columns = [
    { title: "Active in", isText: true, value: (row) => row.intervals, show: (row) => title(row.intervals) },
    {
      title: "People",
      value: (row) => row.users,
      onPick: (row) =>
        (row.users ? () => pick({ intervals: row.intervals }, `Active in ${title(row.intervals)}`) : null),
    },
    {
      title: "Share",
      value: (row) => (answer.users ? row.users / answer.users : null),
      show: (row) => words.percent(answer.users ? row.users / answer.users : null),
    },
  ];
  return html`<div class="figures">
      <p class="figure"><b>${words.number(answer.users)}</b><span>active people</span></p>
      <p class="figure"><b>${words.percent(answer.ratio)}</b><span>of them in a mean ${interval}</span></p>
    </div>
    <${ColumnChart} label=${`People by the number of ${interval}s in which they were active`} rows=${rows}
      height=${260} />
    <${DataTable} label="People by number of intervals" columns=${columns} rows=${answer.counts} />`;
}

export default {
  title: "Stickiness",
  icon: "sticky",
  initial: ({ range }) => ({ range, interval: range.last ? "day" : "week" }),
  sentence: ({ event, interval = "day" }) =>
    html`In how many ${interval}s people did ${words.eventName(event)}`,
  isEmpty: (answer) => !answer.users,
  Form,
  Tools,
  Answer,
  rows: (answer) => [["intervals", "people"], ...answer.counts.map((row) => [row.intervals, row.users])],
};
