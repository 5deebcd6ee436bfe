// What somebody did, event by event: days, sessions, the time between, and all that was sent.
import {
  BusyLine, Choice, config, EventMark, EventPicker, Failure, html, link, load, Nothing, useEffect,
  useState, words,
} from "../ui.js";

const PAGE = 100;
const GAP_MS = 30 * 60_000;
const ORDERS = [
  ["newest", "Newest first"],
  ["oldest", "Oldest first"],
];
const zone = config.timezone;
const clock = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
  timeZone: zone,
});
const text = words.anything;

function useTimeline(path, { name, order }) {
  const empty = { events: [], links: [], next: null, error: null, isBusy: true };
  const [found, setFound] = useState(empty);
  const turn = async (cursor, signal) => {
    setFound((before) => ({ ...before, isBusy: true, error: null }));
    const query = new URLSearchParams({
      order,
      limit: PAGE,
      ...(name && { name }),
      ...(cursor && { cursor }),
    });
    try {
      const page = await load(`${path}&${query}`, { signal });
      setFound((before) => ({
        events: [...(cursor ? before.events : []), ...page.events],
        links: page.links ?? before.links,
        next: page.next,
        error: null,
        isBusy: false,
      }));
    } catch (error) {
      if (error.name !== "AbortError") setFound((before) => ({ ...before, error, isBusy: false }));
    }
  };
  useEffect(() => {
    const controller = new AbortController();
    setFound(empty);
    turn(null, controller.signal);
    return () => controller.abort();
  }, [path, name, order]);
  return [found, turn];
}

function Facts({ event }) {
  const sent = Object.entries(event.properties ?? {});
  const others = [
    ...Object.entries(event.fields ?? {}),
    ...Object.entries(event.context ?? {}).map(([name, value]) => [`${name} (context)`, value]),
    ...("value" in event ? [["value", event.value]] : []),
    ...("data" in event ? [["data", event.data]] : []),
    ["session", event.session_id],
    ["sent with user id", event.sent_user_id],
    ["source", event.source],
    ["event id", event.event_id],
    ["received", event.received],
  ].filter(([, value]) => value != null);
  const row = ([name, value]) =>
    html`<div>
      <dt>${name}</dt>
      <dd>${text(value)}</dd>
    </div>`;
  return html`<div class="facts">
    ${sent.length > 0 && html`<dl>${sent.map(row)}</dl>`}
    <dl class="quiet">${others.map(row)}</dl>
  </div>`;
}

function Entry({ event }) {
  const [isOpen, setIsOpen] = useState(false);
  const shown = Object.entries(event.properties ?? {})
    .slice(0, 3)
    .map(([name, value]) => `${name}: ${text(value)}`);
  return html`<li class="entry">
    <details onToggle=${(toggle) => setIsOpen(toggle.currentTarget.open)}>
      <summary>
        <${EventMark} name=${event.name} size="26" /><b>${event.name}</b
        ><span class="entry-what">${shown.join(" · ")}</span>
        <time datetime=${event.time}>${clock.format(new Date(event.time))}</time>
      </summary>
      ${isOpen && html`<${Facts} event=${event} />`}
    </details>
  </li>`;
}

const dayOf = (event) => words.time(event.time, "long", zone);

/** Put events into days, and these into stretches: of one session, without a long pause. */
export function groupEvents(events) {
  const days = [];
  let before = null;
  for (const event of events) {
    const day = dayOf(event);
    if (days.at(-1)?.day !== day) days.push({ day, stretches: [] });
    const { stretches } = days.at(-1);
    const gap = before ? Math.abs(Date.parse(event.time) - Date.parse(before.time)) : 0;
    const isNew = !stretches.length || event.session_id !== before.session_id || gap > GAP_MS;
    if (isNew) stretches.push({ session: event.session_id, gap: gap > GAP_MS ? gap : 0, events: [] });
    stretches.at(-1).events.push(event);
    before = event;
  }
  return days;
}

const Gap = ({ ms, order }) =>
  ms > 0 &&
  html`<p class="gap">${words.duration(ms / 1000)} ${order === "oldest" ? "later" : "before that"}</p>`;

function Day({ day, stretches, order }) {
  const [first] = stretches;
  return html`<${Gap} ms=${first.gap} order=${order} />
    <section class="day">
      <h3>${day}</h3>
      ${stretches.map((stretch) => html`<${Stretch} key=${stretch.events[0].event_id} stretch=${stretch}
        order=${order} isFirst=${stretch === first} />`)}
    </section>`;
}

function Stretch({ stretch, order, isFirst }) {
  return html`${!isFirst && html`<${Gap} ms=${stretch.gap} order=${order} />`}
    <section class="stretch">
      <header class="quiet">
        <span
          >${
            stretch.session
              ? html`Session <a href=${link("users", { session: stretch.session })}>${stretch.session}</a>`
              : "Without a session"
          }</span
        >
        <span>${words.plural(stretch.events.length, "event")}</span>
      </header>
      <ul>
        ${stretch.events.map((event) => html`<${Entry} key=${`${event.event_id} ${event.time}`}
          event=${event} />`)}
      </ul>
    </section>`;
}

/** Show the events at a path, a page at a time; `count` is how many there are in all. */
export function Timeline({ path, count }) {
  const [name, setName] = useState(null);
  const [order, setOrder] = useState("newest");
  const [found, turn] = useTimeline(path, { name, order });
  const days = groupEvents(found.events);
  const left = !name && count ? ` (${words.number(count - found.events.length)} left)` : "";
  return html`<section class="card timeline" aria-label="Timeline" aria-busy=${found.isBusy}>
    <div class="toolbar">
      <h2>Timeline</h2>
      <${EventPicker} label="Event" value=${name} onPick=${setName} />
      <${Choice} label="Order" value=${order} options=${ORDERS} onPick=${setOrder} />
    </div>
    ${days.map(({ day, stretches }) => html`<${Day} key=${day} day=${day} stretches=${stretches}
      order=${order} />`)}
    ${found.error && html`<${Failure} error=${found.error} again=${() => turn(found.next)} />`}
    ${
      !found.isBusy &&
      !found.error &&
      !found.events.length &&
      html`<${Nothing} title=${name ? "No such event here" : "No events yet"} icon="calendar">
      <p>${name ? html`This person never did <b>${name}
        </b>.` : "Only a link or a property has named this id so far."}</p>
      ${name && html`<button type="button" class="button"
        onClick=${() => setName(null)}>Show all events</button>`}</${Nothing}>`
    }
    ${found.isBusy && html`<${BusyLine} />`}
    ${found.next && !found.isBusy && html`<button type="button" class="button is-wide"
      onClick=${() => turn(found.next)}>Show more${left}</button>`}
    ${!found.next && !found.isBusy && found.events.length > 0 && html`<p class="gap">
      ${order === "newest" ? "This is where it began." : "This is the latest."}</p>`}
  </section>`;
}
