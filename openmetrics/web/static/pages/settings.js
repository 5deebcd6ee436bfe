// Settings: how the server is, what it holds, who may ask it, and which plugins it has.
import {
  ask, BusyLine, ColumnChart, config, Failure, html, Icon, link, load, useEvents, useLoad, usePolled,
  words,
} from "../ui.js";
import { Keys } from "./keys.js";

const { number, percent, plural, time } = words;
const zone = config.timezone;

/** Say how the server is: also where it answers that it is not ready. */
const readHealth = (signal) =>
  load("/health/ready", { signal }).catch((error) =>
    error.body?.store ? error.body : Promise.reject(error),
  );

function Health() {
  const { value, error } = usePolled("health", readHealth, 5_000);
  if (!value && !error) return html`<${BusyLine} />`;
  const isReady = value?.status === "ready";
  const lines = value
    ? [
        ["Store", value.store.engine, value.store.ok ? "answers" : value.store.detail],
        [
          "Events on their way",
          `${percent(value.spool.full, 0)} of the buffer`,
          value.spool.ok ? "takes more" : "is full",
        ],
        ["Version", config.version, ""],
        ["Time zone", zone, ""],
      ]
    : [];
  return html`<p class=${`light-line ${isReady ? "is-on" : "is-bad"}`} role="status">
      <i aria-hidden="true" />
      <b>${error ? "The server cannot be reached" : isReady ? "Everything works" : "Not ready"}</b>
    </p>
    ${error && html`<p class="hint is-bad">${error.message}</p>`}
    <dl class="profile">
      ${lines.map(
        ([name, what, state]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${what}${state && html` <span class="quiet">· ${state}</span>`}</dd>
          </div>`,
      )}
    </dl>
    ${(value?.notes ?? []).map((note) => html`<p class="hint"><${Icon} name="warning" size="16" />${note}
      </p>`)}
    <p class="quiet">
      For machines: <a href="/health/ready">health</a> · <a href="/metrics">figures</a>${" "}
      · <a href="/openapi.json">OpenAPI</a>
    </p>`;
}

const monthOf = (period) =>
  period === "old" ? "before 2000" : time(`${period.replace(".", "-")}-01T00:00:00Z`, "month");

/** Ask how many events each month has, from the first one on. */
async function readCoverage(signal) {
  const { months } = await load("/v1/columns", { signal });
  const first = months
    .map((row) => row.period)
    .filter((period) => period !== "old")
    .sort()[0];
  if (!first || !config.analyses.some((row) => row.name === "trends")) return { months, points: null };
  const range = { from: `${first.replace(".", "-")}-01`, to: new Date(Date.now() + 1_000).toISOString() };
  const { series } = await ask(
    "trends",
    { range, interval: "month", timezone: "UTC", series: [{ event: null }] },
    { signal },
  );
  return { months, points: series[0].points };
}

function Preparation({ months }) {
  const ready = months.filter((row) => row.state === "ready").length;
  const share = months.length
    ? months.reduce((sum, row) => sum + (row.state === "ready" ? 1 : row.progress), 0) / months.length
    : 1;
  const isReady = ready === months.length;
  const count = plural(months.length, "month");
  const what = `${isReady ? "All months are" : `${ready} of ${count}`} prepared for questions`;
  return html`<div class="preparation">
    <p>
      <b
        >${what}</b
      >
      <span class="quiet"
        >${isReady ? "Answers are instant." : "The first question about a month reads it."}</span
      >
    </p>
    <progress max="1" value=${share} aria-label="Prepared months" />
    <details class="details">
      <summary>Month by month</summary>
      <div class="scroll" tabindex="0" role="region" aria-label="Months">
        <table class="data">
          <thead>
            <tr>
              <th scope="col"><span>Month</span></th>
              <th scope="col" class="is-number"><span>Events</span></th>
              <th scope="col"><span>State</span></th>
              <th scope="col" class="is-number"><span>Size</span></th>
            </tr>
          </thead>
          <tbody>
            ${[...months].reverse().map(
              (row) =>
                html`<tr>
                  <td>${monthOf(row.period)}</td>
                  <td class="is-number">${row.state === "waiting" ? "–" : number(row.events)}</td>
                  <td>${row.state === "preparing" ? `preparing, ${percent(row.progress, 0)}` : row.state}</td>
                  <td class="is-number">${row.bytes ? `${number(row.bytes >> 10)} kB` : "–"}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </details>
  </div>`;
}

function Data() {
  const events = useEvents();
  const { value, error, again } = usePolled("coverage", readCoverage, 5_000);
  if (error && !value) return html`<${Failure} error=${error} again=${again} />`;
  if (!value || !events) return html`<${BusyLine} />`;
  const total = events.reduce((sum, row) => sum + row.count, 0);
  if (!total)
    return html`<p class="quiet">
      Nothing has arrived yet. <a href=${link("start")}>Send a first event.</a>
    </p>`;
  const rows = value.points?.map((point) => ({
    label: time(point.time, "month"),
    value: point.value,
    isOpen: !point.complete,
  }));
  return html`<div class="figures">
      <div class="figure" id="total-events"><b>${number(total)}</b><span>events</span></div>
      <div class="figure"><b>${number(events.length)}</b><span>event names</span></div>
      <div class="figure"><b>${number(value.months.length)}</b><span>months</span></div>
    </div>
    ${
      rows &&
      html`<h3>Events a month</h3>
        <${ColumnChart} label="Events a month" rows=${rows} height=${180} />`
    }
    <${Preparation} months=${value.months} />`;
}

const HOOKS = {
  register_analyses: "analyses",
  register_routes: "routes",
  register_protocols: "ways to send",
  register_processors: "processing",
  register_engines: "stores",
  register_settings: "settings",
  register_importers: "importers",
  register_commands: "commands",
};

function Plugins() {
  const { value, error, again } = useLoad("/v1/plugins");
  if (error) return html`<${Failure} error=${error} again=${again} />`;
  if (!value) return html`<${BusyLine} />`;
  return html`<ul class="plugin-list">
    ${value.plugins.map(
      (row) =>
        html`<li>
          <b>${row.name}</b>${!row.built_in && html`<span class="chip is-own">your own</span>`}
          <span class="quiet"
            >${
              row.hooks
                .map((hook) => HOOKS[hook])
                .filter(Boolean)
                .join(", ") || "settings"
            }</span
          >
        </li>`,
    )}
  </ul>`;
}

const PARTS = [
  ["Health", Health],
  ["Your data", Data],
  ["Keys", Keys],
  ["Plugins", Plugins],
];

/** Show the settings. */
export function SettingsPage() {
  return html`<main class="page is-narrow" id="main">
    <header class="page-head">
      <h1>Settings</h1>
      <p class="sentence">How the server is, what it holds, and who may use it.</p>
    </header>
    ${PARTS.map(
      ([title, Part]) =>
        html`<section class="card settings-part" aria-label=${title}>
          <header class="card-head"><h2>${title}</h2></header>
          <${Part} />
        </section>`,
    )}
  </main>`;
}
