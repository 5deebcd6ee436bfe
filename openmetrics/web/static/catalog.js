// What there is to ask about: event names, properties and values, loaded once and kept for a minute.
import { useEffect, useState } from "./vendor/htm-preact-3.1.1.js";
import { load } from "./api.js";

const KEPT_MS = 60_000;
const kept = new Map();

/** Load a list, or take the one that was loaded within the last minute. */
export function loadKept(path) {
  const found = kept.get(path);
  if (found && Date.now() - found.at < KEPT_MS) return found.promise;
  const promise = load(path);
  kept.set(path, { promise, at: Date.now() });
  promise.catch(() => kept.delete(path));
  return promise;
}

/** Forget what was loaded from paths that begin so. */
export function forget(prefix = "") {
  for (const path of kept.keys()) if (path.startsWith(prefix)) kept.delete(path);
}

/** Follow a list; null while it loads, and `fallback` where it cannot be had. */
export function useKept(path, fallback = null) {
  const [found, setFound] = useState({ path: null, value: null });
  useEffect(() => {
    let isWanted = path != null;
    if (!isWanted) return;
    loadKept(path).then(
      (value) => isWanted && setFound({ path, value }),
      () => isWanted && setFound({ path, value: fallback }),
    );
    return () => void (isWanted = false);
  }, [path]);
  return found.path === path ? found.value : null;
}

const query = (pairs) =>
  new URLSearchParams(Object.entries(pairs).filter(([, value]) => value != null && value !== ""));

export const EVENTS = "/v1/catalog/events?limit=1000";
export const pathOfProperties = (event) => `/v1/catalog/properties?${query({ event, limit: 1000 })}`;

/** Follow all event names: `[{name, count, last_seen}]`. */
export const useEvents = () => useKept(EVENTS, { events: [] })?.events ?? null;

/** Follow the property names, of one event or of all: `[{name, kinds, count}]`. */
export const useProperties = (event) =>
  useKept(pathOfProperties(event), { properties: [] })?.properties ?? null;

/** Follow the values of a field such as `props.plan`; null where they are not listed. */
export function useValues(field, event, prefix = "") {
  const isListed = field?.startsWith("props.") || ["name", "source", "value"].includes(field);
  const path = `/v1/catalog/values?${query({ property: field, event, prefix, limit: 200 })}`;
  return useKept(isListed ? path : null, { values: [] })?.values ?? null;
}

/** Follow the saved segments: `[{id, label, ...}]`. */
export const useSegments = () => useKept("/v1/segments", { segments: [] })?.segments ?? null;

/** Choose the first range: the last 30 days, or the 90 days before the newest event if that is older. */
export function chooseRange(events) {
  const newest = Math.max(...events.map((row) => Date.parse(row.last_seen)), 0);
  if (!newest || Date.now() - newest < 30 * 86_400_000) return { last: "30d" };
  const day = (ms) => new Date(ms).toISOString().slice(0, 10);
  return { from: day(newest - 90 * 86_400_000), to: day(newest + 86_400_000) };
}
