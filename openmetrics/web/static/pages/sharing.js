// Give a dashboard to others: a link, a link with a key, a frame in another page.
import { config, copy, Dialog, html, Icon, link, load, useMayChange, useState } from "../ui.js";

const addressOf = (query) => `${location.origin}${location.pathname}${link("dashboards", query)}`;

function Line({ label, text, what }) {
  return html`<div class="field">
    <span class="field-label">${label}</span>
    <div class="share-line">
      <code>${text}</code>
      <button type="button" class="button" onClick=${() => copy(text, what)}>
        <${Icon} name="copy" size="16" />Copy
      </button>
    </div>
  </div>`;
}

function KeyLink({ query, label, onMade }) {
  const [error, setError] = useState(null);
  const make = async () => {
    try {
      const made = await load("/v1/keys", {
        body: { scope: "read", label: `Link to the dashboard ${label}`.slice(0, 200) },
      });
      onMade(made.key);
    } catch (problem) {
      setError(problem);
    }
  };
  return html`<div class="stack">
    <p class="quiet">
      The link asks for a key. You can make one that holds a key of its own: whoever has it can read
      everything on this server, until the key is revoked under Settings.
    </p>
    ${error && html`<p class="hint is-bad" role="alert">${error.message}</p>`}
    <button type="button" class="button" onClick=${make}>
      <${Icon} name="key" size="16" />Make a link with a key
    </button>
  </div>`;
}

/** Show the ways to share a dashboard. */
export function ShareDialog({ board, query, onClose }) {
  const mayChange = useMayChange();
  const [key, setKey] = useState(null);
  const given = { id: board.id, last: query.last, key };
  const frame = `<iframe src="${addressOf({ ...given, view: "embed" })}"
    title="${board.label.replaceAll("&", "&amp;").replaceAll('"', "&quot;")}" width="100%" height="900">
    </iframe>`;
  return html`<${Dialog} title="Share “${board.label}”" onClose=${onClose}><div class="stack">
    <${Line} label=${key ? "Link with a key" : "Link"} text=${addressOf(given)} what="link" />
    ${config.needs_key && mayChange && !key && html`<${KeyLink} query=${query} label=${board.label}
      onMade=${setKey} />`}
    ${key && html`<p class="hint">This key is shown here only. Revoke it under Settings to end the link.</p>`}
    ${
      config.frame_ancestors.length
        ? html`<${Line} label="Frame for another page" text=${frame} what="frame" />
            <p class="quiet">Pages of ${config.frame_ancestors.join(", ")} may show it.</p>`
        : html`<p class="quiet">
            No other page may show it in a frame: the setting <code>frame_ancestors</code> would name those
            that may.
          </p>`
    }
  </div></${Dialog}>`;
}
