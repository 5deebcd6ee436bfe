// Who the users are: search by id and by profile, then one of them.
import {
  Avatar, BusyLine, Choice, Failure, go, html, Icon, link, load, Nothing, Picker, TextInput, useEffect,
  useMemo, useRef, useState, words,
} from "../ui.js";
import { PersonPage } from "./person.js";

const PAGE = 50;
const TYPED_MS = 180;
const OPERATORS = ["eq", "ne", "contains", "starts_with", "gt", "lt", "exists", "missing"].map((op) => [
  op,
  words.OPERATORS[op],
]);
const BARE = ["exists", "missing"];
const text = words.anything;

/** Return the filter on profiles that the address describes; null where there is none yet. */
function filterOf({ field, op = "eq", value }) {
  if (!field || (!BARE.includes(op) && !value)) return null;
  const operand = ["gt", "lt"].includes(op) ? Number(value) : value;
  return { field: `user.${field}`, op, ...(!BARE.includes(op) && { value: operand }) };
}

function useUsers(prefix, filter) {
  const [found, setFound] = useState({ users: [], next: null, error: null, isBusy: true });
  const key = JSON.stringify([prefix, filter]);
  const turn = async (cursor, signal) => {
    setFound((before) => ({ ...before, isBusy: true, error: null }));
    const query = new URLSearchParams({
      page_size: PAGE,
      ...(prefix && { prefix }),
      ...(filter && { filter: JSON.stringify(filter) }),
      ...(cursor && { cursor }),
    });
    try {
      const page = await load(`/v1/users?${query}`, { signal });
      setFound((before) => ({
        users: [...(cursor ? before.users : []), ...page.users],
        next: page.next,
        error: null,
        isBusy: false,
      }));
    } catch (error) {
      if (error.name !== "AbortError")
        setFound((before) => ({ ...before, users: cursor ? before.users : [], error, isBusy: false }));
    }
  };
  useEffect(() => {
    const controller = new AbortController();
    turn(null, controller.signal);
    return () => controller.abort();
  }, [key]);
  return [found, turn];
}

function Search({ query, known }) {
  const [typed, setTyped] = useState(query.prefix ?? "");
  const timer = useRef();
  const set = (patch, isReplaced) => go("users", { ...query, ...patch }, { replace: isReplaced });
  const type = (event) => {
    setTyped(event.target.value);
    clearTimeout(timer.current);
    const prefix = event.target.value.trim();
    timer.current = setTimeout(() => set({ prefix }, true), TYPED_MS);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  const op = query.op ?? "eq";
  const options = known.map((name) => ({ value: name, label: name }));
  return html`<search class="toolbar user-search">
    <label class="search-box"
      ><${Icon} name="search" size="16" /><span class="unseen">Find by id</span>
      <input
        type="search"
        placeholder="Find by the beginning of the id"
        value=${typed}
        onInput=${type}
        autocomplete="off"
        spellcheck=${false}
    /></label>
    <${Picker}
      label="Profile property"
      icon="filter"
      value=${query.field ?? null}
      shown=${query.field}
      placeholder="Any profile"
      options=${options}
      allowsOther=${(name) => name}
      onPick=${(field) => set({ field })}
      onClear=${query.field ? () => set({ field: null, op: null, value: null }) : null}
    />
    ${query.field && html`<${Choice} label="Condition" value=${op} options=${OPERATORS}
      onPick=${(found) => set({ op: found })} />`}
    ${query.field && !BARE.includes(op) && html`<${TextInput} label="Value" value=${query.value}
      placeholder="Value" onPick=${(value) => set({ value })} />`}
  </search>`;
}

function UserRow({ user }) {
  const properties = Object.entries(user.properties);
  return html`<li>
    <a class="user-row" href=${link("users", { id: user.user_id })}
      ><${Avatar} name=${user.user_id} /><b>${user.user_id}</b>
      <span class="user-what"
        >${properties.slice(0, 4).map(([name, value]) => html`<span class="chip">${name}: ${text(value)}
          </span>`)}
        ${properties.length > 4 && html`<span class="quiet">+${properties.length - 4}</span>`}</span
      ><${Icon} name="right" size="16"
    /></a>
  </li>`;
}

function UserList({ query }) {
  const filter = filterOf(query);
  const [found, turn] = useUsers(query.prefix ?? "", filter);
  const names = useRef(new Set());
  for (const user of found.users) for (const name of Object.keys(user.properties)) names.current.add(name);
  const known = useMemo(() => [...names.current].sort(), [found.users]);
  const count = found.users.length;
  const isAsked = query.prefix || filter;
  const clear = html`<a class="button" href=${link("users")}>Show all users</a>`;
  return html`<main class="page" id="main">
    <header class="page-head">
      <h1>Users</h1>
      <p class="sentence">Find somebody, and see what they did, event by event.</p>
    </header>
    <section class="card user-list" aria-busy=${found.isBusy}>
      <${Search} query=${query} known=${known} />
      ${found.error && html`<${Failure} error=${found.error} again=${() => turn(null)} />`}
      <ul aria-label="Users">
        ${found.users.map((user) => html`<${UserRow} key=${user.user_id} user=${user} />`)}
      </ul>
      ${found.isBusy && !found.users.length && html`<${BusyLine} />`}
      ${
        !found.isBusy &&
        !found.error &&
        !found.users.length &&
        (isAsked
          ? html`<${Nothing} title="Nobody fits" icon="users">
            <p>Ids are found by how they begin, upper and lower case as they are.</p>${clear}</${Nothing}>`
          : html`<${Nothing} title="No users yet" icon="users">
            <p>A user appears once an event is sent with a <code>user_id</code>.
              Visitors without one are anonymous sessions.</p>
            <a class="button" href=${link("start")}>How to send events</a></${Nothing}>`)
      }
      <footer class="quiet">
        ${count > 0 && `${words.plural(count, "user")}${found.next ? " shown" : ""}`}
        ${found.next && html`<button type="button" class="button" disabled=${found.isBusy}
          onClick=${() => turn(found.next)}>Show more</button>`}
      </footer>
    </section>
  </main>`;
}

/** Show the users, or the one that the address names as `id` or `session`. */
export function UsersPage({ query }) {
  if (query.id) return html`<${PersonPage} key=${`u${query.id}`} kind="user" id=${query.id} />`;
  if (query.session)
    return html`<${PersonPage} key=${`s${query.session}`} kind="session" id=${query.session} />`;
  return html`<${UserList} query=${query} />`;
}
