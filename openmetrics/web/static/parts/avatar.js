// A person's mark, and what the key at hand may do about people.
import { html } from "../vendor/htm-preact-3.1.1.js";
import { useKept } from "../catalog.js";
import { colorOf } from "./event-mark.js";

/** Show the first letter of an id, in the colour that the id always has. */
export function Avatar({ name, size = 32 }) {
  const letter = [...String(name).replace(/^[^\p{L}\p{N}]+/u, "")][0] ?? "?";
  return html`<span
    class="avatar is-own"
    style=${{ "--mark": colorOf(String(name)), width: `${size}px`, height: `${size}px` }}
    aria-hidden="true"
    >${letter.toUpperCase()}</span
  >`;
}

/** Say whether the key at hand may change things; false until that is known. */
export const useMayChange = () => useKept("/v1/keys/current", { scope: "read" })?.scope === "admin";
