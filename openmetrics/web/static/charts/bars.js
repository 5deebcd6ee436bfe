// Bars: standing ones for a distribution, lying ones for a list of names.
import { html, useRef } from "../vendor/htm-preact-3.1.1.js";
import { compact, number } from "../words.js";
import { chooseStep, chooseTicks, color, useWidth } from "./scale.js";

const [TOP, BOTTOM, RIGHT] = [12, 28, 8];

/** Draw standing bars: `rows` is `[{label, value, title?, isOpen?}]`; `isOpen` ones are hatched. */
export function ColumnChart({ label, rows, height = 220, format = number }) {
  const box = useRef();
  const width = useWidth(box);
  const values = rows.map((row) => row.value ?? 0);
  const ticks = chooseTicks(Math.min(...values, 0), Math.max(...values, 0), 3);
  const short = (tick) => (format === number ? compact(tick) : format(tick));
  const left = Math.max(...ticks.map((tick) => short(tick).length)) * 7 + 14;
  const [low, high] = [ticks[0], ticks.at(-1)];
  const y = (value) => TOP + (1 - (value - low) / (high - low)) * (height - TOP - BOTTOM);
  const room = (width - left - RIGHT) / rows.length;
  const step = chooseStep(rows.length, width - left, 64);
  return html`<div class="chart" ref=${box}>
    <svg width=${width} height=${height} role="img" aria-label=${label}>
      <g class="axes">
        ${ticks.map(
          (tick) =>
            html`<line x1=${left} x2=${width - RIGHT} y1=${y(tick)} y2=${y(tick)} />
              <text x=${left - 8} y=${y(tick) + 4} text-anchor="end">${short(tick)}</text>`,
        )}
        ${rows.map((row, index) => index % step === 0 &&
          html`<text x=${left + (index + 0.5) * room} y=${height - 8}
            text-anchor="middle">${row.label}</text>`)}
      </g>
      ${rows.map(
        (row, index) =>
          html`<rect
            class=${row.isOpen ? "bar is-open" : "bar"}
            x=${left + index * room + room * 0.12}
            width=${room * 0.76}
            rx="3"
            y=${Math.min(y(row.value ?? 0), y(0))}
            height=${Math.abs(y(row.value ?? 0) - y(0))}
            ><title>${row.title ?? row.label}: ${format(row.value)}</title></rect
          >`,
      )}
    </svg>
  </div>`;
}

/** Draw lying bars with their names: `rows` is `[{label, value, color?, onPick?, hint?}]`. */
export function BarList({ label, rows, format = number }) {
  const most = Math.max(...rows.map((row) => Math.abs(row.value ?? 0)), 0) || 1;
  return html`<ul class="bar-list" aria-label=${label}>
    ${rows.map(
      (row, index) =>
        html`<li>
          <span class="bar-name" title=${row.label}>${row.label}</span>
          <span class="bar-track"
            ><i
              style=${{ width: `${(Math.abs(row.value ?? 0) / most) * 100}%`,
                background: row.color ?? color(index) }}
          /></span>
          ${row.onPick ? html`<button type="button" class="number-button"
            title=${row.hint ?? "Show the people"}
            onClick=${row.onPick}>${format(row.value)}</button>` : html`<b>${format(row.value)}</b>`}
        </li>`,
    )}
  </ul>`;
}
