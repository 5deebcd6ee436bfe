// Load again and again, calmly: never two at once, never while nobody looks.
import { useEffect, useState } from "../vendor/htm-preact-3.1.1.js";

/** Wait until the page is seen; returns at once where it is. */
export function untilSeen(signal) {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => !document.hidden && resolve();
    document.addEventListener("visibilitychange", look, { signal });
  });
}

/**
 * Run `work(signal)` when `key` changes, and again `ms` after each end (null: never).
 * Returns `{value, error, at, again}`.
 * The last value stays while it is loaded anew; `at` is when it came. A slow server is asked less often.
 */
export function usePolled(key, work, ms) {
  const [state, setState] = useState({ key: null, value: null, error: null, at: null });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (key == null) return;
    const controller = new AbortController();
    const { signal } = controller;
    let timer;
    const look = async () => {
      await untilSeen(signal);
      const began = performance.now();
      try {
        const value = await work(signal);
        if (signal.aborted) return;
        setState({ key, value, error: null, at: Date.now() });
      } catch (error) {
        if (signal.aborted) return;
        setState((before) => ({
          key,
          value: before.key === key ? before.value : null,
          error,
          at: before.at,
        }));
      }
      if (ms) timer = setTimeout(look, Math.max(ms, 2 * (performance.now() - began)));
    };
    look();
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  }, [key, ms, turn]);
  const isOld = state.key !== key;
  return {
    value: isOld ? null : state.value,
    error: isOld ? null : state.error,
    at: state.at,
    again: () => setTurn(turn + 1),
  };
}
