// Line icons on a grid of 24; they take the colour of the text and are hidden from screen readers.
import { html } from "../vendor/htm-preact-3.1.1.js";

const PATHS = {
  logo: "M5 5h14l-2.4 4.6H7.4zM8.4 11.2h7.2l-1.7 3.9h-3.8zM11 17h2.2l-.8 3h-.9z",
  explore: "M4 19h16M5 15l4-5 4 3 6-8",
  funnel: "M4 5h16l-6 7.5V19l-4-2v-4.5z",
  retention: "M4 12a8 8 0 1 1 2.4 5.7M4 12l-2-2m2 2 2.2-1.8M12 8v4l2.6 2",
  lifecycle: "M6 20v-7m0-3V6m6 14v-4m0-3V4m6 16v-9m0-3V6",
  sticky: "M5 19V6m5 13v-8m5 8v-4m5 4v-2",
  question: "M5 19V9m5 10V5m5 14v-7m5 7V8",
  start: "M8 5.5v13l10-6.5z",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6 6 18",
  down: "m6 9.5 6 6 6-6",
  right: "m9.5 6 6 6-6 6",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13m5-1.5L20 20",
  filter: "M4 6h16M7 12h10M10 18h4",
  calendar: "M5 6h14v13H5zM5 10h14M9 3.5V7m6-3.5V7",
  split: "M12 4v5m0 0-6 5v6m6-11 6 5v6",
  users:
    "M9 11a3.2 3.2 0 1 0 0-6.4A3.2 3.2 0 0 0 9 11m-6 8c0-3.4 2.6-5.4 6-5.4s6 2 6 5.4" +
    "m1-8.4a2.8 2.8 0 1 0 0-5.4m2 13.8h3c0-2.6-1.2-4.4-3.4-5.1",
  dashboard: "M4 5h7v6H4zm9 0h7v9h-7zM4 13h7v6H4zm9 3h7v3h-7z",
  live:
    "M12 13.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3M8 16a5.6 5.6 0 0 1 0-8" +
    "m8 0a5.6 5.6 0 0 1 0 8M5.2 18.8a9.6 9.6 0 0 1 0-13.6m13.6 0a9.6 9.6 0 0 1 0 13.6",
  settings:
    "M4 7h9m4 0h3M4 17h3m4 0h9M15 9.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4" +
    "m-6 10a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4",
  more: "M5.5 12h.01M12 12h.01M18.5 12h.01",
  copy: "M9 9h10v11H9zM6 15H5V4h10v2",
  download: "M12 4v11m0 0-4.5-4.5M12 15l4.5-4.5M5 19.5h14",
  save: "M6 4.5h12v15l-6-4.2-6 4.2z",
  link: "M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1",
  check: "m5 12.5 4.5 4.5L19 7.5",
  menu: "M4 7h16M4 12h16M4 17h16",
  sun:
    "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8m0-13v1.5M12 19.5V21M3 12h1.5M19.5 12H21M5.6 5.6l1.1" +
    " 1.1m10.6 10.6 1.1 1.1m0-12.8-1.1 1.1M6.7 17.3l-1.1 1.1",
  moon: "M19.5 14A8 8 0 0 1 10 4.5a8 8 0 1 0 9.5 9.5z",
  up: "m6 14.5 6-6 6 6",
  trash: "M5 7h14M10 7V4.5h4V7m-7.5 0 1 12.5h9l1-12.5",
  dot: "M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6",
  cart: "M3 4.5h2.5l2.3 10.5h9.7l2-7.5H6.3M9.5 19.5h.01m6.5 0h.01",
  person:
    "M12 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7m-6.5 8c0-3.7 2.9-5.5 6.5-5.5s6.5 1.8 6.5 5.5",
  pointer: "m6 5 4.5 14 2.5-5.5L18.5 11z",
  message: "M5 5h14v10.5h-7.5L7.5 19v-3.5H5z",
  eye:
    "M2.5 12S6 6 12 6s9.5 6 9.5 6-3.5 6-9.5 6-9.5-6-9.5-6m9.5 2.6a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2",
  pause: "M9 5.5v13m6-13v13",
  key: "M8 15.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7m3.5-3.5H21m-3 0v3.5m-3-3.5v2.5",
  merge: "M6 4v4c0 4 6 4 6 8v4m6-16v4c0 4-6 4-6 8",
  grip: "M9 6h.01M15 6h.01M9 12h.01M15 12h.01M9 18h.01M15 18h.01",
  narrow: "M4 5v14m16-14v14M6.5 12H10m-2-2 2 2-2 2m9.5-2H14m2-2-2 2 2 2",
  wide: "M3 12h18M6 9l-3 3 3 3m12-6 3 3-3 3",
  pen: "m5 19 1-4L16.5 4.5l3 3L9 18z",
  expand: "M4 9V4h5M20 9V4h-5M4 15v5h5m11-5v5h-5",
  warning: "M12 4 2.8 19.5h18.4zM12 10v4.5m0 2.6v.1",
};

/** Show an icon by its name. */
export function Icon({ name, size = 18 }) {
  return html`<svg
    class="icon"
    width=${size}
    height=${size}
    viewBox="0 0 24 24"
    fill="none"
    stroke="currentColor"
    stroke-width="1.8"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true">
    <path d=${PATHS[name] ?? PATHS.question} />
  </svg>`;
}
