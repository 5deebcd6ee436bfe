// One tile of a dashboard: a question, its answer drawn small.
import {
  ask, BarList, BusyLine, color, ColumnChart, config, DataTable, go, html, Icon, LineChart, link, usePolled,
  useState, words,
} from "../ui.js";
import { usePanel } from "./analysis.js";

export const KINDS = {
  trends: [
    ["line", "Lines"],
    ["bar", "Bars"],
    ["number", "Number"],
    ["table", "Table"],
  ],
  funnel: [
    ["bar", "Steps"],
    ["number", "Conversion"],
  ],
  retention: [
    ["line", "Curve"],
    ["table", "Table"],
  ],
};
const { number, percent } = words;

const nameOf = (row) =>
  [row.group.length ? words.groupName(row.group, row.other) : row.label, row.formula && "formula"]
    .filter(Boolean)
    .join(" · ");

function Change({ now, before }) {
  if (!before || now == null) return null;
  const share = now / before - 1;
  const kind = Math.abs(share) < 0.0005 ? "" : share > 0 ? "is-up" : "is-down";
  return html`<span class=${`change ${kind}`}
    >${share > 0 ? "+" : ""}${percent(share)} <span class="quiet">on the period before</span></span
  >`;
}

/** A line without axes: how a number came about. */
function Spark({ points }) {
  const values = points.map((point) => point.value ?? 0);
  const most = Math.max(...values, 0) || 1;
  if (values.length < 2) return null;
  const step = 100 / (values.length - 1);
  const path = values
    .map(
      (value, index) =>
        `${(index * step).toFixed(2)},${(29 - (Math.max(value, 0) / most) * 27).toFixed(2)}`,
    )
    .join("L");
  return html`<svg class="spark" viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true">
    <path class="line-area" d=${`M0,30L${path}L100,30Z`} />
    <path class="line-whole" d=${`M${path}`} vector-effect="non-scaling-stroke" />
  </svg>`;
}

function Figure({ value, change, points, format = number }) {
  return html`<div class="tile-figure">
    <b>${format(value)}</b>${change}${points && html`<${Spark} points=${points} />`}
  </div>`;
}

function Trend({ answer, kind, title, height }) {
  const rows = answer.series;
  const hasPoints = Boolean(rows[0]?.points);
  const { interval, timezone } = answer.definition;
  const form = kind ?? (hasPoints ? "line" : rows.length > 1 ? "bar" : "number");
  const tint = (row, index) => color(index, row.other);
  if (form === "number") {
    const row = rows.find((one) => one.formula) ?? rows[0];
    return html`<${Figure}
      value=${row?.total}
      points=${row?.points}
      change=${row?.previous && html`<${Change} now=${row.total} before=${row.previous.total} />`}
    />`;
  }
  if (form === "table") {
    const columns = [
      { title: "", isText: true, value: nameOf },
      { title: "Total", value: (row) => row.total },
    ];
    return html`<${DataTable} label=${title} columns=${columns} rows=${rows} />`;
  }
  if (form === "line" && hasPoints) {
    const series = rows
      .slice(0, 10)
      .map((row, index) => ({ label: nameOf(row), color: tint(row, index), points: row.points }));
    return html`<${LineChart}
        label=${title}
        series=${series}
        interval=${interval}
        timezone=${timezone}
        height=${height}
      />
      ${
        series.length > 1 &&
        html`<ul class="legend">
          ${series.map((row) => html`<li><i style=${{ background: row.color }} />${row.label}</li>`)}
        </ul>`
      }`;
  }
  if (hasPoints && rows.length === 1) {
    const bars = rows[0].points.map((point) => ({
      label: words.time(point.time, interval, timezone),
      value: point.value,
      isOpen: !point.complete,
    }));
    return html`<${ColumnChart} label=${title} rows=${bars} />`;
  }
  return html`<${BarList}
    label=${title}
    rows=${rows.map((row, index) => ({ label: nameOf(row), value: row.total, color: tint(row, index) }))}
  />`;
}

function Funnel({ answer, kind, title }) {
  const { steps, conversion } = answer;
  if (kind === "number")
    return html`<${Figure}
      value=${conversion}
      format=${percent}
      change=${html`<span class="quiet">${number(steps.at(-1).count)} of ${number(steps[0].count)}</span>`}
    />`;
  const first = steps[0].count;
  const rows = steps.map((step) => ({ label: step.label, value: step.count, color: "var(--s0)" }));
  return html`<p class="quiet">
      <b class="tile-share">${percent(conversion)}</b> of ${number(first)} people got through
    </p>
    <${BarList} label=${title} rows=${rows} />`;
}

function Retention({ answer, kind, title, height }) {
  if (kind === "table") {
    const columns = [
      {
        title: "Began",
        isText: true,
        value: (row) => row.time,
        show: (row) => words.time(row.time, answer.definition.interval, answer.definition.timezone),
      },
      { title: "People", value: (row) => row.size },
      ...answer.labels
        .slice(0, 9)
        .map((label, index) => ({
          title: label,
          value: (row) => row.cells[index]?.share ?? null,
          show: (row) => percent(row.cells[index]?.share, 0),
        })),
    ];
    return html`<${DataTable} label=${title} columns=${columns} rows=${answer.cohorts} />`;
  }
  const points = answer.average.map((cell) => ({ time: null, value: cell.share, complete: true }));
  return html`<${LineChart}
    label=${title}
    names=${answer.average.map((cell) => answer.labels[cell.period])}
    series=${[{ label: "Came back", points }]}
    format=${(share) => percent(share, 0)}
    height=${height}
  />`;
}

/** Draw an analysis that has no small picture as its own page does. */
function Drawn({ analysis, question, answer }) {
  const panel = usePanel(config.analyses.find((row) => row.name === analysis));
  const [view, setView] = useState(null);
  if (!panel) return html`<${BusyLine} />`;
  const pick = () => go(analysis, { q: JSON.stringify(question) });
  const state = { question, answer, view, setView, pick };
  return html`<${panel.Answer} ...${state} />`;
}

const PICTURES = { trends: Trend, funnel: Funnel, retention: Retention };
const isEmpty = {
  trends: (answer) => answer.series.every((row) => !row.total),
  funnel: (answer) => !answer.steps[0].count,
  retention: (answer) => answer.average.slice(1).every((cell) => cell.share == null),
};

function Picture({ analysis, question, answer, kind, title, height, names }) {
  if (answer.sides)
    return html`${answer.sides.map(
      (side, index) =>
        html`<section class="tile-side">
          <h3>${names?.[index]}</h3>
          <${Picture} ...${{ analysis, question, kind, title, height }} answer=${side} />
        </section>`,
    )}`;
  if (isEmpty[analysis]?.(answer) && kind !== "number")
    return html`<p class="tile-none quiet">No data in this range.</p>`;
  const Shown = PICTURES[analysis];
  if (!Shown) return html`<${Drawn} analysis=${analysis} question=${question} answer=${answer} />`;
  return html`<${Shown} answer=${answer} kind=${kind} title=${title} height=${height} />`;
}

/** Return what a tile asks: its own question, of another range where one is chosen. */
export const questionOf = ({ params }, range) => ({
  ...params,
  range: range ?? params?.range ?? { last: "30d" },
});

/** Show the answer of a tile (`{title, kind, analysis, params}`); `ms` is how often it is asked again. */
export function TileBody({ tile, range, ms, onLoaded }) {
  const question = questionOf(tile, range);
  const key = tile.analysis ? JSON.stringify([tile.analysis, question]) : null;
  const { value, error, again } = usePolled(
    key,
    async (signal) => {
      const found = await ask(tile.analysis, question, { signal });
      onLoaded?.(Date.now());
      return found;
    },
    ms,
  );
  if (error && !value)
    return html`<div class="tile-none" role="alert">
      <p class="hint is-bad"><${Icon} name="warning" size="16" /><span>${error.message}</span></p>
      <button type="button" class="button" onClick=${again}>Try again</button>
    </div>`;
  if (!value) return html`<${BusyLine} />`;
  return html`<${Picture}
    analysis=${tile.analysis}
    question=${question}
    answer=${value}
    kind=${tile.kind}
    title=${tile.title}
    height=${tile.width > 6 ? 264 : 220}
    names=${tile.params.compare_segments}
  />`;
}

/** Return where a tile's question is asked on its own page. */
export const addressOf = (tile, range) =>
  config.analyses.some((row) => row.name === tile.analysis)
    ? link(tile.analysis, { q: JSON.stringify(questionOf(tile, range)) })
    : null;
