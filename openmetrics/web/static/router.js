// The part of the address after `#` is the page and its whole state: a link is a report, Back is undo.
import { useEffect, useState } from "./vendor/htm-preact-3.1.1.js";

const encode = (text) => encodeURIComponent(text).replace(/%(3A|2C|2F|7B|7D|5B|5D)/g, decodeURIComponent);

/** Return the address of a page; members of `query` that are null are left out. */
export function link(page, query = {}) {
  const pairs = Object.entries(query).filter(([, value]) => value != null && value !== "");
  return `#/${page}${pairs.length ? "?"
    : ""}${pairs.map(([name, value]) => `${name}=${encode(value)}`).join("&")}`;
}

/** Go to a page; `replace` leaves no step for Back. */
export function go(page, query = {}, { replace = false } = {}) {
  const address = link(page, query);
  if (address === location.hash) return;
  history[replace ? "replaceState" : "pushState"](null, "", address);
  dispatchEvent(new Event("hashchange"));
}

/** Read the page and its state from the address. */
export function readRoute() {
  const [page, text] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  return { page: decodeURI(page), query: Object.fromEntries(new URLSearchParams(text ?? "")) };
}

/** Follow the address. */
export function useRoute() {
  const [route, setRoute] = useState(readRoute);
  useEffect(() => {
    const follow = () => setRoute(readRoute());
    addEventListener("hashchange", follow);
    addEventListener("popstate", follow);
    return () => {
      removeEventListener("hashchange", follow);
      removeEventListener("popstate", follow);
    };
  }, []);
  return route;
}
