// A mark for an event: the picture that its name suggests, in the colour that its name always has.
import { html } from "../vendor/htm-preact-3.1.1.js";
import { color } from "../charts/scale.js";
import { Icon } from "./icon.js";

const PICTURES = [
  [/error|fail|crash|exception|declin/i, "warning"],
  [/purchas|order|checkout|buy|cart|pay|invoice|refund|subscri/i, "cart"],
  [/remov|delet|cancel/i, "trash"],
  [/sign|log_?(in|out)|regist|account|profile|user/i, "person"],
  [/search|find|filter/i, "search"],
  [/click|tap|press|select|submit/i, "pointer"],
  [/share|invite|mail|message|chat|support|comment|notif/i, "message"],
  [/download|export|install/i, "download"],
  [/view|page|screen|visit|open|seen|impression|catalog|main/i, "eye"],
  [/add|creat|new|upload/i, "plus"],
  [/start|play|watch|listen/i, "start"],
];

/** Return the colour of an event's name. */
export function colorOf(name) {
  let hash = 7;
  for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)) >>> 0;
  return color(hash % 10);
}

/** Show the mark of an event. */
export function EventMark({ name, size = 28 }) {
  const picture = PICTURES.find(([pattern]) => pattern.test(name))?.[1] ?? "dot";
  return html`<span
    class="event-mark"
    style=${{ "--mark": colorOf(name), width: `${size}px`, height: `${size}px` }}
    aria-hidden="true"
  >
    <${Icon} name=${picture} size=${Math.round(size * 0.57)}
  /></span>`;
}
