// What charts share: colours, round ticks and their own size.
import { useEffect, useState } from "../vendor/htm-preact-3.1.1.js";

const COLORS = 10;

/** Return the colour of a series: `other` is grey. */
export const color = (index, isOther = false) => (isOther ? "var(--ink-3)" : `var(--s${index % COLORS})`);

/** Return round ticks from 0 (or below) up to at least `highest`. */
export function chooseTicks(lowest, highest, count = 4) {
  const span = highest - Math.min(lowest, 0) || 1;
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const first = lowest < 0 ? Math.floor(lowest / step) : 0;
  const last = Math.max(Math.ceil(highest / step - 1e-9), first + 1);
  return Array.from({ length: last - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}

/** Choose which of `count` labels fit, each `width` wide, in `room`: every n-th. */
export const chooseStep = (count, room, width) => Math.max(1, Math.ceil((count * width) / Math.max(room, 1)));

/** Follow the width of an element. */
export function useWidth(ref, first = 640) {
  const [width, setWidth] = useState(first);
  useEffect(() => {
    const measure = () => ref.current && setWidth(Math.max(ref.current.clientWidth, 200));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return width;
}
