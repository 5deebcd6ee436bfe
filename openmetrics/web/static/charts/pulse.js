// Bars that move: how much came in each of the last seconds.
import { html, useEffect, useRef, useState } from "../vendor/htm-preact-3.1.1.js";
import { compact } from "../words.js";
import { chooseTicks, useWidth } from "./scale.js";

const [HEIGHT, TOP, BOTTOM] = [120, 8, 20];

/** Draw `beats` (`[{at, count}]`) of the last `span` seconds, two seconds a bar, moving on by themselves. */
export function Pulse({ label, beats, span }) {
  const box = useRef();
  const width = useWidth(box);
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  const size = width < 560 ? 4 : 2;
  const last = Math.floor(now / 1000 / size);
  const bars = new Array(span / size).fill(0);
  for (const { at, count } of beats) {
    const age = last - Math.floor(at / 1000 / size);
    if (age >= 0 && age < bars.length) bars[bars.length - 1 - age] += count / size;
  }
  const ticks = chooseTicks(0, Math.max(...bars, 2), 2);
  const left = Math.max(...ticks.map((tick) => compact(tick).length)) * 7 + 12;
  const y = (value) => TOP + (1 - value / ticks.at(-1)) * (HEIGHT - TOP - BOTTOM);
  const room = (width - left) / bars.length;
  return html`<div class="chart pulse" ref=${box}>
    <svg width=${width} height=${HEIGHT} role="img" aria-label=${label}>
      <g class="axes">
        ${ticks.map((tick) => html`<line x1=${left} x2=${width} y1=${y(tick)} y2=${y(tick)} /><text
          x=${left - 8} y=${y(tick) + 4} text-anchor="end">${compact(tick)}</text>`)}
        <text x=${left} y=${HEIGHT - 4}>${span / 60} minutes ago</text>
        <text x=${width} y=${HEIGHT - 4} text-anchor="end">now</text>
      </g>
      ${bars.map((value, index) => value > 0 && html`<rect
        class=${index === bars.length - 1 ? "bar is-open" : "bar"} x=${left + index * room + room * 0.15}
        width=${room * 0.7} rx="2" y=${y(value)} height=${y(0) - y(value)} />`)}
    </svg>
  </div>`;
}
