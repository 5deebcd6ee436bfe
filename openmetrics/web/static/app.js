// The frame: navigation, the page that the address names, the key that the server may ask for.
import { html, render, useEffect, useState } from "./vendor/htm-preact-3.1.1.js";
import { config, hasKey, saveKey, store } from "./api.js";
import { useEvents } from "./catalog.js";
import { link, useRoute } from "./router.js";
import { Icon } from "./parts/icon.js";
import { Dialog, Toast } from "./parts/dialog.js";
import { Busy, Nothing } from "./parts/states.js";
import { AnalysisPage } from "./pages/analysis.js";
import { DashboardsPage } from "./pages/dashboards.js";
import { LivePage } from "./pages/live.js";
import { SettingsPage } from "./pages/settings.js";
import { StartPage } from "./pages/start.js";
import { UsersPage } from "./pages/users.js";

const KNOWN = {
  trends: ["Explore", "explore"],
  funnel: ["Funnel", "funnel"],
  retention: ["Retention", "retention"],
  lifecycle: ["Lifecycle", "lifecycle"],
  stickiness: ["Stickiness", "sticky"],
};
const ORDER = Object.keys(KNOWN);
const rank = (row) => (ORDER.indexOf(row.name) + ORDER.length + 1) % (ORDER.length + 1);

/** Pages beside the analyses: `{name, title, icon, Page}`; `Page` gets `query`, what the address holds. */
const LOOKS = [
  { name: "dashboards", title: "Dashboards", icon: "dashboard", Page: DashboardsPage },
  { name: "live", title: "Live", icon: "live", Page: LivePage },
  { name: "users", title: "Users", icon: "users", Page: UsersPage },
].filter((row) => row.name !== "dashboards" || config.has_dashboards);
const PAGES = [
  { name: "start", title: "Send events", icon: "start", Page: StartPage },
  { name: "settings", title: "Settings", icon: "settings", Page: SettingsPage },
];

const analyses = [...config.analyses]
  .sort((one, other) => rank(one) - rank(other))
  .map((row) => {
    const [title, icon] = KNOWN[row.name] ?? [row.title, "question"];
    return {
      name: row.name,
      title,
      icon,
      Page: ({ query }) => html`<${AnalysisPage} key=${row.name} analysis=${row} query=${query} />`,
    };
  });
const pages = [...LOOKS, ...analyses, ...PAGES];

const THEMES = [
  ["", "As the system"],
  ["light", "Light"],
  ["dark", "Dark"],
];

const keep = (theme) => {
  document.documentElement.dataset.theme = theme;
  store("localStorage", (kept) => kept.setItem("openmetrics-theme", theme));
};
keep(store("localStorage", (kept) => kept.getItem("openmetrics-theme")) ?? "");

function Navigation({ page }) {
  const [isOpen, setIsOpen] = useState(false);
  const [theme, setTheme] = useState(document.documentElement.dataset.theme);
  const next = THEMES[(THEMES.findIndex(([key]) => key === theme) + 1) % THEMES.length];
  const row = (one) =>
    html`<a
      href=${link(one.name)}
      aria-current=${one.name === page ? "page" : undefined}
      onClick=${() => setIsOpen(false)}
      ><${Icon} name=${one.icon} />${one.title}</a
    >`;
  return html`<header class=${isOpen ? "side is-open" : "side"}>
    <a
      class="skip"
      href="#main"
      onClick=${(event) =>
        (event.preventDefault(), document.querySelector("main")?.querySelector("button, a, input")?.focus())}
      >To the content</a
    >
    <a class="brand" href=${link(pages[0].name)}><${Icon} name="logo" size="26" /><span>OpenMetrics</span></a>
    <button
      type="button"
      class="icon-button nav-button"
      aria-expanded=${isOpen}
      aria-label="Menu"
      onClick=${() => setIsOpen(!isOpen)}>
      <${Icon} name=${isOpen ? "close" : "menu"} size="22" />
    </button>
    <nav aria-label="Pages">
      ${LOOKS.map(row)}
      <hr />
      ${analyses.map(row)}
      <hr />
      ${PAGES.map(row)}
    </nav>
    <div class="side-foot">
      <button type="button" class="text-button" onClick=${() => (keep(next[0]), setTheme(next[0]))}>
        <${Icon}
          name=${theme === "dark" ? "moon" : "sun"}
          size="16" />${THEMES.find(([key]) => key === theme)[1]}
      </button>
      ${hasKey() &&
        html`<button type="button" class="text-button"
          onClick=${() => (saveKey(""), location.reload())}>Forget key</button>`}
    </div>
  </header>`;
}

function KeyDialog() {
  const [note, setNote] = useState(null);
  const [key, setKey] = useState("");
  useEffect(() => {
    const ask = ({ detail }) => setNote(detail);
    addEventListener("needs-key", ask);
    return () => removeEventListener("needs-key", ask);
  }, []);
  if (note == null) return null;
  const use = (event) => {
    event.preventDefault();
    saveKey(key.trim());
    location.reload();
  };
  return html`<${Dialog} title="A key is needed" onClose=${() => setNote(null)}><form class="stack"
    onSubmit=${use}>
    <p>${hasKey() ? note
      : "This server answers keys of scope read or admin. Yours is kept in this browser only."}</p>
    <label class="field"><span class="field-label">Key</span><input type="password" value=${key} autofocus
      required onInput=${(event) => setKey(event.target.value)} autocomplete="off" /></label>
    <button class="button is-primary">Use this key</button></form></${Dialog}>`;
}

function Outlet({ route }) {
  const events = useEvents();
  const found = pages.find((row) => row.name === route.page);
  const title = found?.title ?? "OpenMetrics";
  useEffect(() => void (document.title = `${title} · OpenMetrics`), [title]);
  if (found) return html`<${found.Page} query=${route.query} />`;
  if (route.page)
    return html`<main class="page" id="main"><${Nothing} title="There is no such page"><a class="button"
      href=${link(pages[0].name)}>To the first page</a></${Nothing}></main>`;
  if (!events) return html`<main class="page" id="main"><${Busy} /></main>`;
  const First = events.length ? pages[0].Page : StartPage;
  return html`<${First} query=${route.query} />`;
}

/** Views of a page that stand alone: on a whole screen, in a frame of another page. */
const BARE = ["full", "embed"];

function App() {
  const route = useRoute();
  const isBare = BARE.includes(route.query.view);
  useEffect(() => void (document.documentElement.dataset.frame = isBare ? "bare" : ""), [isBare]);
  return html`${!isBare && html`<${Navigation} page=${route.page || pages[0].name} />`}<${Outlet}
      route=${route} /><${KeyDialog} /><${Toast} />`;
}

render(html`<${App} />`, document.getElementById("app"));
