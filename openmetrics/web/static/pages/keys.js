// Keys: who may send, ask, and change.
import {
  BusyLine, Choice, config, copy, Dialog, Failure, html, Icon, load, toast, useLoad, useMayChange,
  useState, words,
} from "../ui.js";

const { time } = words;

const SCOPES = [
  ["write", "Send events (may stand in a public page)"],
  ["read", "Ask, and see dashboards"],
  ["admin", "Everything"],
];

function NewKey({ onMade, onClose }) {
  const [label, setLabel] = useState("");
  const [scope, setScope] = useState("write");
  const [made, setMade] = useState(null);
  const [error, setError] = useState(null);
  const make = async (event) => {
    event.preventDefault();
    try {
      setMade(await load("/v1/keys", { body: { scope, label: label.trim() } }));
      onMade();
    } catch (problem) {
      setError(problem);
    }
  };
  if (made)
    return html`<${Dialog} title="The key is made" onClose=${onClose}><div class="stack">
      <p>Copy it now: it is shown this once, and only its fingerprint is kept.</p>
    <div class="share-line"><code id="new-key">${made.key}</code><button type="button" class="button"
      onClick=${() => copy(made.key, "key")}><${Icon} name="copy" size="16" />Copy</button></div>
    <button type="button" class="button is-primary" onClick=${onClose}>Done</button></div></${Dialog}>`;
  return html`<${Dialog} title="Make a key" onClose=${onClose}><form class="stack" onSubmit=${make}>
    <label class="field"><span class="field-label">What it is for</span><input type="text" value=${label}
      maxlength="200" required autofocus autocomplete="off" placeholder="Web shop"
      onInput=${(event) => setLabel(event.target.value)} /></label>
    <${Choice} label="What it may do" value=${scope} options=${SCOPES} onPick=${setScope} />
    ${error && html`<p class="hint is-bad" role="alert">${error.message}</p>`}
    <button class="button is-primary" disabled=${!label.trim()}>Make the key</button></form></${Dialog}>`;
}

function Revoke({ row, onDone, onClose }) {
  const [error, setError] = useState(null);
  const run = async () => {
    try {
      await load(`/v1/keys/${row.id}`, { method: "DELETE" });
      toast("The key opens nothing any more.");
      onDone();
    } catch (problem) {
      setError(problem);
    }
  };
  return html`<${Dialog} title="Revoke this key?" onClose=${onClose}><div class="stack"><p>Whatever uses <b>
    ${row.label || row.id}</b> stops working within seconds. It cannot be undone.</p>
    ${error && html`<p class="hint is-bad" role="alert">${error.message}</p>`}
    <button type="button" class="button is-danger" onClick=${run}>Revoke the key</button></div></${Dialog}>`;
}

function KeyTable({ keys, own, onRevoke }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Keys">
    <table class="data">
      <thead>
        <tr>
          ${["For", "May", "Made", "Id", ""].map((name) => html`<th scope="col"><span>${name || html`<span
            class="unseen">Actions</span>`}</span></th>`)}
        </tr>
      </thead>
      <tbody>
        ${keys.map(
          (row) =>
            html`<tr>
              <td>${row.label || html`<span class="quiet">(no name)</span>`}</td>
              <td><span class=${`chip is-${row.scope}`}>${row.scope}</span></td>
              <td>${time(row.created, "date", config.timezone)}</td>
              <td><code>${row.id}</code></td>
              <td class="is-number">
                ${row.id === own ? html`<span class="quiet">this one</span>` : html`<button type="button"
                  class="text-button" aria-label=${`Revoke ${row.label || row.id}`}
                  onClick=${() => onRevoke(row)}>Revoke</button>`}
              </td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** List the keys, make one, revoke one. */
export function Keys() {
  const mayChange = useMayChange();
  const { value, error, again } = useLoad(mayChange ? "/v1/keys" : null);
  const { value: own } = useLoad("/v1/keys/current");
  const [dialog, setDialog] = useState(null);
  const close = () => setDialog(null);
  if (own && !mayChange)
    return html`<p class="quiet">
      You hold a key of scope ${own.scope}${own.label && html` (${own.label})`}. Keys are looked after with
      one of scope admin.
    </p>`;
  if (error) return html`<${Failure} error=${error} again=${again} />`;
  if (!value || !own) return html`<${BusyLine} />`;
  return html`${!config.needs_key && html`<p
    class="quiet">This server asks nobody for a key, as it listens on this machine only or was
      started with <code>--insecure</code>. Keys count once it listens elsewhere.</p>`}
    ${value.keys.length > 0 && html`<${KeyTable} keys=${value.keys} own=${own.id}
      onRevoke=${(row) => setDialog({ row })} />`}
    <div class="actions">
      <button type="button" class="button" onClick=${() => setDialog("new")}>
        <${Icon} name="key" size="16" />Make a key
      </button>
    </div>
    ${dialog === "new" && html`<${NewKey} onMade=${again} onClose=${close} />`}
    ${dialog?.row && html`<${Revoke} row=${dialog.row} onDone=${() => (close(), again())}
      onClose=${close} />`}`;
}
