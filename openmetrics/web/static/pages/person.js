// One user or one session: the profile, the sessions, the timeline, and what an admin may do.
import {
  Avatar, Busy, config, Dialog, Failure, html, Icon, link, load, Nothing, toast, useEffect, useLoad,
  useMayChange, useState, words,
} from "../ui.js";
import { Timeline } from "./timeline.js";

const SESSIONS = 12;
const text = words.anything;
const when = (time) => (time ? words.time(time, "full", config.timezone) : "–");
const query = (id) => new URLSearchParams({ id });

function Properties({ title, properties }) {
  const rows = Object.entries(properties ?? {}).sort(([one], [other]) => one.localeCompare(other));
  return html`<section class="section">
    <header><h3>${title}</h3></header>
    ${
      rows.length
        ? html`<dl class="profile">
            ${rows.map(
              ([name, value]) =>
                html`<div>
                  <dt>${name}</dt>
                  <dd>${text(value)}</dd>
                </div>`,
            )}
          </dl>`
        : html`<p class="quiet">None were set. Send them with <code>/v1/identify</code>.</p>`
    }
  </section>`;
}

function Sessions({ sessions, total }) {
  const [isWhole, setIsWhole] = useState(false);
  if (!sessions.length) return null;
  const latest = [...sessions].reverse();
  const shown = isWhole ? latest : latest.slice(0, SESSIONS);
  return html`<section class="section">
    <header><h3>${words.plural(total ?? sessions.length, "session")}</h3></header>
    <ul class="sessions">
      ${shown.map((row) => html`<li><a href=${link("users", { session: row.session_id })}>${row.session_id}
        </a><small>${when(row.linked)}</small></li>`)}
    </ul>
    ${shown.length < sessions.length && html`<button type="button" class="text-button"
      onClick=${() => setIsWhole(true)}>Show all</button>`}
  </section>`;
}

function useDoing(work) {
  const [state, setState] = useState({ error: null, isBusy: false });
  const run = async (event) => {
    event.preventDefault();
    setState({ error: null, isBusy: true });
    try {
      await work();
    } catch (error) {
      setState({ error, isBusy: false });
    }
  };
  return { ...state, run };
}

function Merge({ user, onDone, onClose }) {
  const [other, setOther] = useState("");
  const { error, isBusy, run } = useDoing(async () => {
    await load(`/v1/users/-/merge?${query(user)}`, { body: { from: other.trim() } });
    toast(`“${other.trim()}” is now part of “${user}”.`);
    onDone();
  });
  return html`<${Dialog} title="Merge another user into this one" onClose=${onClose}><form class="stack"
    onSubmit=${run}>
    <p>Everything the other one did and does is counted as <b>${user}</b>'s. It can be undone here.</p>
    <label class="field"><span class="field-label">Id of the other user</span><input type="text"
      value=${other} required autofocus autocomplete="off"
      onInput=${(event) => setOther(event.target.value)} /></label>
    ${error && html`<p class="hint is-bad" role="alert">${error.message}</p>`}
    <button class="button is-primary" disabled=${isBusy || !other.trim()}>Merge</button></form></${Dialog}>`;
}

function Erasure({ id }) {
  const [state, setState] = useState("running");
  useEffect(() => {
    let timer;
    const look = async () => {
      const found = await load(`/v1/erasures/${encodeURIComponent(id)}`).catch(() => null);
      if (found?.state === "complete") return setState("complete");
      timer = setTimeout(look, 1_000);
    };
    look();
    return () => clearTimeout(timer);
  }, [id]);
  return html`<div class="stack">
    <p class=${`light-line ${state === "complete" ? "is-on" : ""}`} role="status">
      <i aria-hidden="true" />
      ${state === "complete" ? "Erased everywhere." : "Erased here. Waiting for all servers to confirm …"}
    </p>
    <p class="quiet">The proof is at <code>/v1/erasures/${id}</code>.</p>
    <a class="button is-primary" href=${link("users")}>Back to the list</a>
  </div>`;
}

function Erase({ user, onErased, onClose }) {
  const [typed, setTyped] = useState("");
  const { error, isBusy, run } = useDoing(async () =>
    onErased((await load(`/v1/users/-?${query(user)}`, { method: "DELETE" })).id),
  );
  return html`<${Dialog} title="Erase this user" onClose=${onClose}><form class="stack" onSubmit=${run}>
    <p>This deletes every event, session and property of <b>${user}
      </b>, from all servers and for good. Reports will change. It cannot be undone.</p>
    <label class="field"><span class="field-label">Type the id to confirm</span><input type="text"
      value=${typed} required autofocus autocomplete="off" spellcheck=${false}
      onInput=${(event) => setTyped(event.target.value)} /></label>
    ${error && html`<p class="hint is-bad" role="alert">${error.message}</p>`}
    <button class="button is-danger" disabled=${isBusy || typed !== user}>Erase for good</button></form>
      </${Dialog}>`;
}

function Merged({ user, others, mayChange, onDone }) {
  const undo = async (other) => {
    try {
      await load(`/v1/users/-/merge/-?${new URLSearchParams({ id: user, from: other })}`, {
        method: "DELETE",
      });
      toast(`“${other}” is a user of its own again.`);
      onDone();
    } catch (error) {
      toast(error.message);
    }
  };
  return html`<section class="section">
    <header><h3>Merged into this user</h3></header>
    <ul class="sessions">
      ${others.map((other) => html`<li><b>${other}</b>${mayChange && html`<button type="button"
        class="text-button" onClick=${() => undo(other)}>Undo</button>`}</li>`)}
    </ul>
  </section>`;
}

function Extent({ found }) {
  return html`<dl class="extent">
    <div>
      <dt>Events</dt>
      <dd id="event-count">${words.number(found.events)}</dd>
    </div>
    <div>
      <dt>First seen</dt>
      <dd>${when(found.first_seen)}</dd>
    </div>
    <div>
      <dt>Last seen</dt>
      <dd>${when(found.last_seen)}</dd>
    </div>
  </dl>`;
}

function UserCard({ found, again, onErased }) {
  const mayChange = useMayChange();
  const [dialog, setDialog] = useState(null);
  const user = found.user_id;
  const close = () => setDialog(null);
  const done = () => (close(), again());
  return html`<aside class="card person-card" aria-label="Profile">
    <${Extent} found=${found} />
    <${Properties} title="Profile" properties=${found.properties} />
    ${found.merged && html`<${Merged} user=${user} others=${found.merged} mayChange=${mayChange}
      onDone=${again} />`}
    <${Sessions} sessions=${found.sessions} total=${found.sessions_total} />
    ${
      mayChange &&
      html`<section class="section">
        <div class="actions">
          <button type="button" class="button" onClick=${() => setDialog("merge")}>
            <${Icon} name="merge" size="16" />Merge …
          </button>
          <button type="button" class="button" onClick=${() => setDialog("erase")}>
            <${Icon} name="trash" size="16" />Erase …
          </button>
        </div>
      </section>`
    }
    ${dialog === "merge" && html`<${Merge} user=${user} onDone=${done} onClose=${close} />`}
    ${dialog === "erase" && html`<${Erase} user=${user} onErased=${(id) => (close(), onErased(id))}
      onClose=${close} />`}
  </aside>`;
}

function SessionCard({ found }) {
  return html`<aside class="card person-card" aria-label="Session">
    <${Extent} found=${found} />
    <${Properties} title="Session properties" properties=${found.properties} />
    ${
      found.users.length > 0 &&
      html`<section class="section">
        <header><h3>Belongs to</h3></header>
        <ul class="sessions">
          ${found.users.map((row) => html`<li><a href=${link("users", { id: row.user_id })}>${row.user_id}</a>
            <small>${when(row.linked)}</small></li>`)}
        </ul>
      </section>`
    }
  </aside>`;
}

/** Say what an id stands for. */
function whatOf(kind, found) {
  if (kind === "session") return found?.user_id ? "Session" : "Anonymous session";
  if (!found?.merged_into) return "User";
  return html`Merged into <a href=${link("users", { id: found.merged_into })}>${found.merged_into}</a>`;
}

const NOBODY = { user: "There is no such user", session: "There is no such session" };

/** Show a user, or a session with `kind` "session". */
export function PersonPage({ kind, id }) {
  const base = `/v1/${kind}s/-`;
  const { value: found, error, again } = useLoad(`${base}?${query(id)}`);
  const [erased, setErased] = useState(null);
  const back = html`<a class="back" href=${link("users")}>Users</a>`;
  const frame = (content, title = id) =>
    html`<main class="page" id="main">
      <header class="page-head person-head">
        ${back}
        <div class="person-title">
          <${Avatar} name=${id} size="42" />
          <div>
            <h1>${title}</h1>
            <p class="quiet">
              ${whatOf(kind, found)}
            </p>
          </div>
        </div>
      </header>
      ${content}
    </main>`;
  if (erased) return frame(html`<section class="card"><${Erasure} id=${erased} /></section>`);
  if (error?.code === "not-found")
    return frame(
      html`<section class="card"><${Nothing} title=${NOBODY[kind]} icon="users"><p>${error.message}</p><a
        class="button" href=${link("users")}>Search for somebody else</a></${Nothing}></section>`,
    );
  if (error) return frame(html`<section class="card"><${Failure} error=${error} again=${again} /></section>`);
  if (!found) return frame(html`<section class="card"><${Busy} /></section>`);
  return frame(
    html`<div class="split is-person">
      ${kind === "session" ? html`<${SessionCard} found=${found} />` : html`<${UserCard} key=${id}
        found=${found} again=${again} onErased=${setErased} />`}
      <${Timeline}
        key=${`${id} ${found.events} ${found.merged}`}
        path=${`${base}/timeline?${query(id)}`}
        count=${found.events}
      />
    </div>`,
  );
}
