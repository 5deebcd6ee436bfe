// Lines over time, with a cursor for the mouse and the arrow keys.
import { html, useRef, useState } from "../vendor/htm-preact-3.1.1.js";
import { compact, number, time } from "../words.js";
import { chooseStep, chooseTicks, color, useWidth } from "./scale.js";

const TOP = 12;
const BOTTOM = 28;
const RIGHT = 14;

/** Return the paths of a line: `whole` through what is over, `open` to what is not yet. */
function drawLine(points, x, y) {
  let [whole, open, isDown] = ["", "", false];
  points.forEach((point, index) => {
    if (point.value == null) return void (isDown = false);
    const here = `${x(index).toFixed(1)},${y(point.value).toFixed(1)}`;
    const before = points[index - 1];
    if (!isDown) whole += `M${here}`;
    else if (point.complete === false || before.complete === false) {
      open += `M${x(index - 1).toFixed(1)},${y(before.value).toFixed(1)}L${here}`;
      whole += `M${here}`;
    } else whole += `L${here}`;
    isDown = true;
  });
  return { whole, open };
}

function Line({ series, index, x, y, bottom, isAlone }) {
  const { whole, open } = drawLine(series.points, x, y);
  const stroke = series.color ?? color(index);
  const values = series.points.map((point) => point.value);
  const isArea = isAlone && !series.isDashed && !values.includes(null) && values.length > 1;
  const last = values.length - 1;
  const edge = values.map((value, at) => `${x(at).toFixed(1)},${y(value ?? 0).toFixed(1)}`).join("L");
  const lone =
    series.points.length === 1 ||
    series.points.every((_, at) => values[at - 1] == null && values[at + 1] == null);
  return html`<g class=${series.isDashed ? "line is-before" : "line"} style=${{ color: stroke }}>
    ${isArea && html`<path class="line-area" d=${`M${edge}L${x(last)},${bottom}L${x(0)},${bottom}Z`} />`}
    <path class="line-whole" d=${whole} /><path class="line-open" d=${open} />
    ${lone && series.points.map((point, at) => point.value != null &&
      html`<circle cx=${x(at)} cy=${y(point.value)} r="4" fill="currentColor" />`)}
  </g>`;
}

function Axes({ ticks, labels, x, y, left, width, height, format }) {
  const step = chooseStep(labels.length, width - left, 76);
  return html`<g class="axes">
    ${ticks.map(
      (tick) =>
        html`<line x1=${left} x2=${width - RIGHT} y1=${y(tick)} y2=${y(tick)} />
          <text x=${left - 8} y=${y(tick) + 4} text-anchor="end">${format(tick)}</text>`,
    )}
    ${labels.map((label, index) => index % step === 0 &&
      html`<text x=${Math.min(x(index), width - 26)} y=${height - 8}
        text-anchor=${index ? "middle" : "start"}>${label}</text>`)}
  </g>`;
}

function Tip({ title, series, at, left, width, format }) {
  const isRight = left > width / 2;
  const rows = series
    .map((row, index) => ({ ...row, index, value: row.points[at]?.value, before: row.points[at] }))
    .filter((row) => row.before)
    .sort((one, other) => (other.value ?? -1) - (one.value ?? -1))
    .slice(0, 12);
  const place = isRight ? { right: `${width - left + 12}px` } : { left: `${left + 12}px` };
  return html`<div class="tip" style=${place}>
    <b>${title}</b>
    ${rows.map((row) =>
      html`<p><i style=${{ background: row.color ?? color(row.index) }}
        class=${row.isDashed ? "is-before" : ""} /><span>${row.label}</span><b>${format(row.value)}</b></p>`)}
  </div>`;
}

/**
 * Draw lines: `series` is `[{label, color?, isDashed?, points: [{time, value, complete}]}]`, all at the times
 * of the first. `onPick(seriesIndex, pointIndex)` is called for a click, or Enter on the cursor.
 */
export function LineChart({
  label,
  series,
  interval = "day",
  timezone = "UTC",
  height = 300,
  format = number,
  onPick,
  names,
}) {
  const box = useRef();
  const width = useWidth(box);
  const [at, setAt] = useState(null);
  const longest = series.reduce((one, other) => (other.points.length > one.points.length ? other : one));
  const labels = names ?? longest.points.map((point) => time(point.time, interval, timezone));
  const titles =
    names ??
    longest.points.map((point) =>
      time(point.time, interval === "day" ? "long" : interval === "week" ? "long" : interval, timezone),
    );
  const values = series.flatMap((row) => row.points.map((point) => point.value ?? 0));
  const ticks = chooseTicks(Math.min(...values, 0), Math.max(...values, 0));
  const short = (tick) => (format === number ? compact(tick) : format(tick));
  const left = Math.max(...ticks.map((tick) => short(tick).length)) * 7 + 14;
  const [low, high] = [ticks[0], ticks.at(-1)];
  const y = (value) => TOP + (1 - (value - low) / (high - low)) * (height - TOP - BOTTOM);
  const x = (index) =>
    left + (labels.length < 2 ? 0.5 : index / (labels.length - 1)) * (width - left - RIGHT);
  const move = (event) => {
    const place = event.clientX - box.current.getBoundingClientRect().left;
    const share = (place - left) / Math.max(width - left - RIGHT, 1);
    setAt(Math.min(Math.max(Math.round(share * (labels.length - 1)), 0), labels.length - 1));
  };
  const nearest = (place) =>
    series
      .map((row, index) => ({
        index,
        gap: row.isDashed ? Infinity : Math.abs(y(row.points[at]?.value ?? Infinity) - place),
      }))
      .sort((one, other) => one.gap - other.gap)[0].index;
  const click = (event) =>
    at != null && onPick?.(nearest(event.clientY - box.current.getBoundingClientRect().top), at);
  const press = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) setAt(Math.min(Math.max((at ?? (step > 0 ? -1 : labels.length)) + step, 0), labels.length - 1));
    else if (event.key === "Enter" && at != null) onPick?.(0, at);
    else return;
    event.preventDefault();
  };
  const said =
    at == null
      ? ""
      : `${titles[at]}: ${series
          .slice(0, 8)
          .map((row) => `${row.label} ${format(row.points[at]?.value)}`)
          .join(", ")}`;
  return html`<div
    class=${`chart ${onPick ? "is-live" : ""}`}
    ref=${box}
    tabindex="0"
    role="group"
    aria-roledescription="chart"
    aria-label=${`${label}. Arrow keys move along the line.`}
    onKeyDown=${press}
    onPointerMove=${move}
    onPointerLeave=${() => setAt(null)}
    onBlur=${() => setAt(null)}
    onClick=${click}>
    <svg width=${width} height=${height} role="img" aria-label=${label}>
      <${Axes}
        ticks=${ticks}
        labels=${labels}
        x=${x}
        y=${y}
        left=${left}
        width=${width}
        height=${height}
        format=${short} />
      ${series.map((row, index) =>
        html`<${Line} series=${row} index=${index} x=${x} y=${y} bottom=${y(Math.max(low, 0))}
          isAlone=${series.filter((one) => !one.isDashed).length === 1} />`)}
      ${
        at != null &&
        html`<line class="cursor" x1=${x(at)} x2=${x(at)} y1=${TOP} y2=${height - BOTTOM} />
          ${series.map((row, index) => row.points[at]?.value != null &&
            html`<circle class="cursor-dot" cx=${x(at)} cy=${y(row.points[at].value)} r="4.5"
              fill=${row.color ?? color(index)} />`)}`
      }
    </svg>
    ${at != null &&
      html`<${Tip} title=${titles[at]} series=${series} at=${at} left=${x(at)} width=${width} format=${format}
        />`}
    <span class="unseen" aria-live="polite">${said}</span>
  </div>`;
}
