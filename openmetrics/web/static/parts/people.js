// Who is behind a number: paged, to download, to keep as a segment.
import { html, useEffect, useState } from "../vendor/htm-preact-3.1.1.js";
import { load, loadReady, saveFile, send } from "../api.js";
import { forget, useSegments } from "../catalog.js";
import { link } from "../router.js";
import { number, plural } from "../words.js";
import { Icon } from "./icon.js";
import { Dialog, toast } from "./dialog.js";
import { NEW, SaveDialog, toId } from "./saving.js";
import { Failure, Nothing } from "./states.js";

const PAGE = 50;

function usePeople(path, question) {
  const [found, setFound] = useState({ people: [], total: null, next: null, error: null, isBusy: true });
  const turn = async (cursor) => {
    setFound((before) => ({ ...before, isBusy: true, error: null }));
    try {
      const body = { ...question, page_size: PAGE, ...(cursor && { cursor }) };
      const page = await loadReady(path, { body });
      setFound((before) => ({
        ...page,
        people: [...(cursor ? before.people : []), ...page.people],
        error: null,
        isBusy: false,
      }));
    } catch (error) {
      setFound((before) => ({ ...before, error, isBusy: false }));
    }
  };
  useEffect(() => void turn(null), []);
  return [found, turn];
}

function Person({ row }) {
  const shown = row.user_id ?? row.value ?? row.session_id;
  const kind = row.user_id ? null : row.value != null ? "value" : "anonymous session";
  const properties = Object.entries(row.properties ?? {}).slice(0, 4);
  const address = row.user_id
    ? link("users", { id: row.user_id })
    : row.session_id
      ? link("users", { session: row.session_id })
      : null;
  return html`<li class="person">
    <span class="avatar" aria-hidden="true">${[...String(shown)][0]?.toUpperCase()}</span>
    <div>
      ${address ? html`<a href=${address}>${shown}</a>` : html`<b>${shown}</b>`}${kind &&
        html` <span class="quiet">${kind}</span>`}
      ${properties.length > 0 &&
        html`<p class="quiet">${properties.map(([name, value], index) =>
          html`${index ? " · " : ""}${name}: ${typeof value === "object" ? JSON.stringify(value)
            : String(value)}`)}</p>`}
    </div>
  </li>`;
}

async function loadUsers(path, question) {
  const response = await send(path, { body: question, headers: { Accept: "application/x-ndjson" } });
  const rows = (await response.text())
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  return rows.map((row) => row.user_id).filter((id) => id != null);
}

/** Show the people behind a number of an answer; `question` holds `pick`. */
export function People({ analysis, question, title, onClose }) {
  const path = `/v1/analyses/${encodeURIComponent(analysis)}/people`;
  const [found, turn] = usePeople(path, question);
  const [isSaving, setIsSaving] = useState(false);
  const segments = useSegments() ?? [];
  const download = async () => {
    const response = await send(path, { body: question, headers: { Accept: "text/csv" } });
    saveFile(`${toId(title) || "people"}.csv`, await response.blob());
  };
  const keep = async (label, id) => {
    const users = await loadUsers(path, question);
    await load(`/v1/segments/${id}`, { method: "PUT", headers: NEW, body: { label, users } });
    forget("/v1/segments");
    toast(`Saved the segment “${label}” with ${plural(users.length, "user")}.`);
    setIsSaving(false);
  };
  const tryDownload = () => download().catch((error) => toast(error.message));
  return html`<${Dialog} title=${title} isDrawer onClose=${onClose}>
    <div class="drawer-tools"><p class="big">${found.total == null ? "…"
      : plural(found.total, "person", "people")}</p>
      <button type="button" class="button" disabled=${!found.total} onClick=${tryDownload}><${Icon}
        name="download" size="16" />CSV</button>
      <button type="button" class="button" disabled=${!found.total}
        onClick=${() => setIsSaving(true)}><${Icon} name="users" size="16" />Save as segment</button></div>
    ${found.error && html`<${Failure} error=${found.error} again=${() => turn(found.next)} />`}
    ${found.total === 0 && html`<${Nothing} title="Nobody is behind this number" icon="users" />`}
    <ul class="people"
      aria-busy=${found.isBusy}>${found.people.map((row) =>
        html`<${Person} key=${row.actor} row=${row} />`)}</ul>
    ${found.isBusy && html`<p class="quiet" role="status">Loading…</p>`}
    ${found.next && !found.isBusy &&
      html`<button type="button" class="button is-wide"
        onClick=${() =>
          turn(found.next)}>Show more (${number(found.total - found.people.length)} left)</button>`}
    ${
      isSaving &&
      html`<${SaveDialog}
        title="Save as segment"
        action="Save segment"
        taken=${segments.map((row) => row.id)}
        onSave=${keep}
        onClose=${() => setIsSaving(false)}
        note="A fixed list of these users, to filter and compare by. Anonymous sessions are left out." />`
    }
  </${Dialog}>`;
}
