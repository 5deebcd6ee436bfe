// Standing bars of several parts, those below zero hanging down.
import { html, useRef } from "../vendor/htm-preact-3.1.1.js";
import { compact, number } from "../words.js";
import { chooseStep, chooseTicks, useWidth } from "./scale.js";

const [TOP, BOTTOM, RIGHT] = [12, 28, 8];

/** Return the parts of a row with where each begins and ends; those below zero go down from it. */
function pile(parts) {
  let [up, down] = [0, 0];
  return parts.map((part) => {
    const value = part.value ?? 0;
    const from = value < 0 ? down : up;
    if (value < 0) down += value;
    else up += value;
    return { ...part, from, to: from + value };
  });
}

/**
 * Draw stacked bars: `rows` is `[{label, title, isOpen?, parts: [{name, value, color, onPick?}]}]`; `isOpen`
 * ones are pale.
 */
export function StackChart({ label, rows, height = 300 }) {
  const box = useRef();
  const width = useWidth(box);
  const piles = rows.map((row) => ({ ...row, parts: pile(row.parts) }));
  const ends = piles.flatMap((row) => row.parts.map((part) => part.to));
  const ticks = chooseTicks(Math.min(...ends, 0), Math.max(...ends, 0));
  const left = Math.max(...ticks.map((tick) => compact(tick).length)) * 7 + 14;
  const [low, high] = [ticks[0], ticks.at(-1)];
  const y = (value) => TOP + (1 - (value - low) / (high - low)) * (height - TOP - BOTTOM);
  const room = (width - left - RIGHT) / rows.length;
  const step = chooseStep(rows.length, width - left, 64);
  const bar = (row, index, part) =>
    html`<rect class=${part.onPick ? "part is-live" : "part"} x=${left + (index + 0.12) * room}
      width=${room * 0.76}
      y=${Math.min(y(part.from), y(part.to))} height=${Math.abs(y(part.from) - y(part.to))} fill=${part.color}
      opacity=${row.isOpen ? 0.5 : 1} onClick=${part.onPick}
      ><title>${`${row.title}, ${part.name}: ${number(Math.abs(part.value))}`}</title></rect>`;
  return html`<div class="chart" ref=${box}>
    <svg width=${width} height=${height} role="img" aria-label=${label}>
      <g class="axes">
        ${ticks.map((tick) =>
          html`<line x1=${left} x2=${width - RIGHT} y1=${y(tick)} y2=${y(tick)} />
            <text x=${left - 8} y=${y(tick) + 4} text-anchor="end">${compact(tick)}</text>`)}
        ${rows.map((row, index) => index % step === 0 &&
          html`<text x=${left + (index + 0.5) * room} y=${height - 8}
            text-anchor="middle">${row.label}</text>`)}
      </g>
      ${piles.map((row, index) => row.parts.map((part) => part.value ? bar(row, index, part) : null))}
    </svg>
  </div>`;
}
