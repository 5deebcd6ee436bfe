// The first page of a fresh server: calls to copy, and a light that turns green with the first event.
import { html, useEffect, useState } from "../vendor/htm-preact-3.1.1.js";
import { config, load } from "../api.js";
import { EVENTS, forget, loadKept } from "../catalog.js";
import { link } from "../router.js";
import { number } from "../words.js";
import { useMayChange } from "../parts/avatar.js";
import { Icon } from "../parts/icon.js";
import { Toggle } from "../parts/inputs.js";
import { copy } from "../parts/saving.js";

const LOOK_MS = 1_500;

const calls = (base, key) => ({
  curl: `curl ${base}/v1/collect -H 'Content-Type: application/json'${config.needs_key
    ? ` \\\n  -H 'Authorization: Bearer ${key}'` : ""} \\
  -d '{"name": "signup", "user_id": "ada", "session_id": "s1", "properties": {"plan": "pro"}}'`,
  JavaScript: `navigator.sendBeacon("${base}/v1/collect${config.needs_key ? `?key=${key}` : ""}",
  JSON.stringify({name: "signup", session_id: "s1", properties: {plan: "pro"}}));`,
  Python: `import json, urllib.request

event = {"name": "signup", "user_id": "ada", "properties": {"plan": "pro"}}
request = urllib.request.Request("${base}/v1/collect", json.dumps(event).encode()${config.needs_key
  ? `,\n                                 {"Authorization": "Bearer ${key}"}` : ""})
print(urllib.request.urlopen(request).read())`,
  Pixel: `<img src="${base}/t.gif?type=pageview&tags=plan=pro&userId=ada${config.needs_key ? `&key=${key}`
    : ""}" alt="">`,
  "micro-metrics": `curl ${base}/api/track -d '{"type": "signup", "tags": {"plan": "pro"}, "value": 1}'`,
  "OpenMetrics 0": `curl -g '${base}/v1/events?q={"sessionId":"s1","events":[{"name":"signup"}]}'`,
});

const LOOKS = [
  ["/v1/catalog/events", "Which events are there?"],
  ["/v1/catalog/properties", "Which properties?"],
  ["/v1/users", "Who are the users?"],
  ["/v1/live", "What happens right now?"],
  ["/openapi.json", "Every route, as OpenAPI"],
  ["/metrics", "The server's own figures"],
];

function useFirstEvent() {
  const [found, setFound] = useState(null);
  useEffect(() => {
    let timer;
    const look = async () => {
      const { events } = await load("/v1/catalog/events?limit=1000").catch(() => ({ events: [] }));
      setFound(events);
      if (!events.length) timer = setTimeout(look, LOOK_MS);
      else {
        forget("/v1/catalog");
        loadKept(EVENTS);
      }
    };
    look();
    return () => clearTimeout(timer);
  }, []);
  return found;
}

/** Say what KEY stands for, and let who may make one put it there. */
function KeyLine({ isMade, onMade }) {
  const mayChange = useMayChange();
  const [error, setError] = useState(null);
  const make = () =>
    load("/v1/keys", { body: { scope: "write", label: "First events" } }).then(
      (found) => onMade(found.key),
      setError,
    );
  if (isMade)
    return html`<p class="quiet">The key above may send events and nothing else. It is shown this once.</p>`;
  return html`<div class="stack">
    <p class="quiet">
      Put a key of scope write where KEY stands; <code>openmetrics keys create write</code> makes one.
    </p>
    ${error && html`<p class="hint is-bad" role="alert">${error.message}</p>`}
    ${mayChange && html`<div class="actions"><button type="button" class="button" onClick=${make}>
      <${Icon} name="key" size="16" />Make a key and put it there</button></div>`}
  </div>`;
}

/** Show how to send a first event. */
export function StartPage() {
  const [way, setWay] = useState("curl");
  const events = useFirstEvent();
  const [key, setKey] = useState("KEY");
  const ways = calls(location.origin, key);
  const isThere = events?.length > 0;
  const names = events
    ?.slice(0, 5)
    .map((row) => row.name)
    .join(", ");
  const count = events?.reduce((sum, row) => sum + row.count, 0);
  return html`<main class="page is-narrow" id="main">
    <header class="page-head">
      <h1>Send events</h1>
      <p class="sentence">
        An event says what happened, and who did it. Copy a call, send it, and look at the light below.
      </p>
    </header>
    <section class="card">
      <div class="toolbar">
        <${Toggle}
          label="How to send"
          value=${way}
          options=${Object.keys(ways).map((name) => [name, name])}
          onPick=${setWay} />
      </div>
      <div class="call">
        <pre tabindex="0">${ways[way]}</pre>
        <button type="button" class="button" onClick=${() => copy(ways[way], "call")}>
          <${Icon} name="copy" size="16" />Copy
        </button>
      </div>
      ${config.needs_key && html`<${KeyLine} isMade=${key !== "KEY"} onMade=${setKey} />`}
    </section>
    <section class=${`card light ${isThere ? "is-on" : ""}`} role="status">
      <i aria-hidden="true" />
      ${
        isThere
          ? html`<div>
                <h2>${number(count)} ${count === 1 ? "event has" : "events have"} arrived</h2>
                <p class="quiet">
                  ${`Most often: ${names}.`}
                </p>
              </div>
              <a
                class="button is-primary"
                href=${link(config.has_dashboards ? "dashboards" : (config.analyses[0]?.name ?? "start"))}
                >Look at them</a
              >`
          : html`<div>
              <h2>Waiting for the first event …</h2>
              <p class="quiet">This turns green by itself.</p>
            </div>`
      }
    </section>
    <section class="card">
      <h2>Ask the API</h2>
      <ul class="links">
        ${LOOKS.map(([path, text]) => html`<li><a href=${path}>${text}</a><code>${path}</code></li>`)}
      </ul>
    </section>
    <p class="quiet">
      OpenMetrics ${config.version} · engine ${config.engine} · <a href="/health/ready">health</a>
    </p>
  </main>`;
}
