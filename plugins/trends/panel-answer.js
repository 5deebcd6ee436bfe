// The answer of trends: lines, bars, figures and tables.
import { BarList, color, DataTable, html, LineChart, useState, words } from "../../ui.js";

const MOST_LINES = 10;

/** Return rows as they are shown: with a name, a colour, and what picks the people behind them. */
function describe(question, answer) {
  const asked = question.series?.length ?? 1;
  const hasGroups = (question.breakdown ?? []).length > 0;
  const plain = answer.series.filter((row) => !row.formula);
  const each = Math.max(plain.length / asked, 1);
  return answer.series.map((row, index) => {
    const isMany = asked > 1 || row.formula || answer.series.some((other) => other.formula);
    const group = hasGroups ? words.groupName(row.group, row.other) : null;
    const name = !group ? row.label : isMany ? `${row.label}: ${group}` : group;
    const of = row.other ? { other: true } : hasGroups ? { group: row.group } : {};
    const series = row.series ?? Math.floor(plain.indexOf(row) / each);
    return { ...row, name, color: color(index, row.other), picks: row.formula ? null : { series, ...of } };
  });
}

const show = (question, pick, row, time, interval, zone) =>
  row.picks &&
  (() =>
    pick(
      { ...row.picks, ...(time && { time }) },
      time
        ? `${row.name}, ${words.time(time, interval === "hour" || interval === "minute" ? "full" : "date",
          zone)}`
        : row.name,
    ));

function Change({ row, isShort }) {
  const before = row.previous?.total;
  if (before == null || row.total == null) return null;
  if (!before) return html`<span class="quiet">before: ${words.number(before)}</span>`;
  const share = row.total / before - 1;
  const text = `${share < 0 ? "▼" : "▲"} ${words.percent(Math.abs(share))} `;
  return html`<span class=${`change ${share < 0 ? "is-down" : "is-up"}`}>${text}
    ${!isShort && html`<span class="quiet">from ${words.number(before)}</span>`}</span>`;
}

/** Show totals as large figures. */
export function Figures({ question, answer, pick }) {
  return html`<div class="figures">
    ${describe(question, answer).map(
      (row) =>
        html`<div class="figure">
          ${row.picks ? html`<button type="button" class="number-button" title="Show the people"
            onClick=${show(question, pick, row)}>${words.number(row.total)}</button>`
              : html`<b>${words.number(row.total)}</b>`}
          <span>${row.name}</span><${Change} row=${row} />
        </div>`,
    )}
  </div>`;
}

/** Show lines; of many groups the largest, until all are asked for. */
export function Lines({ question, answer, pick }) {
  const [isWhole, setIsWhole] = useState(false);
  const { interval, timezone } = answer.definition;
  const rows = describe(question, answer);
  const shown = isWhole ? rows : rows.slice(0, MOST_LINES);
  const lines = shown.flatMap((row) => [
    { label: row.name, color: row.color, points: row.points, row },
    ...(row.previous?.points
      ? [{ label: `${row.name}, before`, color: row.color, isDashed: true, points: row.previous.points }]
      : []),
  ]);
  const open = (index, at) =>
    lines[index].row &&
    show(question, pick, lines[index].row, lines[index].points[at].time, interval, timezone)?.();
  return html`<${LineChart}
      label=${`${rows
        .map((row) => row.name)
        .slice(0, 4)
        .join(", ")} by ${interval}`}
      series=${lines}
      interval=${interval}
      timezone=${timezone}
      onPick=${open} />
    ${rows.length > shown.length &&
      html`<p class="quiet">The ${MOST_LINES} largest of ${rows.length} are drawn. <button type="button"
        class="text-button" onClick=${() => setIsWhole(true)}>Draw all</button></p>`}`;
}

/** Show totals as bars. */
export function Bars({ question, answer, pick }) {
  const rows = describe(question, answer);
  return html`<${BarList}
    label="Totals"
    rows=${rows.map((row) =>
      ({ label: row.name, value: row.total, color: row.color, onPick: show(question, pick, row) }))} />`;
}

const named = (row) =>
  html`<span class="named"><i class="dot" style=${{ background: row.color }} />${row.name}</span>`;

/** Show totals as a table. */
export function Totals({ question, answer, pick }) {
  const columns = [
    { title: "Name", isText: true, value: (row) => row.name, show: named },
    { title: "Total", value: (row) => row.total, onPick: (row) => show(question, pick, row) },
    ...(question.compare
      ? [
          { title: "Before", value: (row) => row.previous?.total ?? null },
          {
            title: "Change",
            value: (row) => (row.previous?.total ? row.total / row.previous.total - 1 : null),
            show: (row) => html`<${Change} row=${row} isShort />`,
          },
        ]
      : []),
  ];
  return html`<${DataTable} label="Totals" columns=${columns} rows=${describe(question, answer)} />`;
}

/** Show every interval of every series. */
export function Points({ question, answer, pick }) {
  const { interval, timezone } = answer.definition;
  const rows = describe(question, answer);
  const times = rows[0].points.map((point) => point.time);
  const columns = [
    {
      title: "Time",
      isText: true,
      value: (row) => row.time,
      show: (row) =>
        words.time(row.time, interval === "hour" || interval === "minute" ? "full" : "date", timezone),
    },
    ...rows.map((row) => ({
      title: row.name,
      value: ({ at }) => row.points[at]?.value ?? null,
      onPick: ({ at, time }) =>
        row.points[at]?.value ? show(question, pick, row, time, interval, timezone) : null,
    })),
  ];
  return html`<${DataTable}
    label="By interval"
    columns=${columns}
    rows=${times.map((time, at) => ({ time, at }))} />`;
}
