// Keep a question: as a metric, on a dashboard, or as a call to copy.
import { html, useState } from "../vendor/htm-preact-3.1.1.js";
import { load } from "../api.js";
import { forget, useKept } from "../catalog.js";
import { go } from "../router.js";
import { Dialog, toast } from "./dialog.js";
import { Choice, TextInput } from "./inputs.js";

/** Make an id of a label: lower-case letters, digits, `_` and `-`, at most 64. */
export const toId = (label) =>
  label
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 60);

/** Return an id for a label that is not among `taken`. */
export function chooseId(label, taken) {
  const first = toId(label) || "saved";
  for (let count = 1; ; count += 1) {
    const id = count === 1 ? first : `${first}-${count}`;
    if (!taken.includes(id)) return id;
  }
}

/** Ask for a name and save under it: `onSave(label, id)` may throw a Problem, which is shown. */
export function SaveDialog({
  title,
  action = "Save",
  note,
  taken = [],
  label: first = "",
  onSave,
  onClose,
  children,
}) {
  const [label, setLabel] = useState(first);
  const [error, setError] = useState(null);
  const [isBusy, setIsBusy] = useState(false);
  const save = async (event) => {
    event.preventDefault();
    event.stopPropagation();
    setIsBusy(true);
    try {
      await onSave(label.trim(), chooseId(label, taken));
    } catch (problem) {
      setError(problem);
      setIsBusy(false);
    }
  };
  return html`<${Dialog} title=${title} onClose=${onClose}><form class="stack" onSubmit=${save}>
    ${note && html`<p class="quiet">${note}</p>`}
    <label class="field"><span class="field-label">Name</span><input type="text" value=${label} required
      maxlength="200" autofocus
      onInput=${(event) => setLabel(event.target.value)} autocomplete="off" /></label>
    ${children}
    ${error && html`<p class="hint is-bad" role="alert">${error.message}</p>`}
    <button class="button is-primary"
      disabled=${isBusy || !label.trim()}>${action}</button></form></${Dialog}>`;
}

const METRICS = "/v1/metrics";
const DASHBOARDS = "/v1/dashboards";

/** Save only where nothing is yet: two people who choose one name do not overwrite each other. */
export const NEW = { "If-None-Match": "*" };

async function putMetric(label, id, analysis, params) {
  await load(`/v1/metrics/${id}`, { method: "PUT", headers: NEW, body: { label, analysis, params } });
  forget("/v1/metrics");
}

/** Save a question as a metric, to be asked again by its name. */
export function SaveMetric({ analysis, question, onClose }) {
  const metrics = useKept(METRICS, { metrics: [] })?.metrics ?? [];
  const save = async (label, id) => {
    await putMetric(label, id, analysis, question);
    toast(`Saved the metric “${label}”.`);
    onClose();
  };
  return html`<${SaveDialog}
    title="Save as metric"
    action="Save metric"
    taken=${metrics.map((row) => row.id)}
    onSave=${save}
    onClose=${onClose}
    note="The question is kept with its name, for dashboards and for the API." />`;
}

async function addTile(board, label, metric) {
  if (!board) {
    const { dashboards } = await load(DASHBOARDS);
    const id = chooseId(
      label,
      dashboards.map((row) => row.id),
    );
    return load(`/v1/dashboards/${id}`, { method: "PUT", headers: NEW, body: { label, tiles: [metric] } });
  }
  const { label: kept, tiles, version } = await load(`/v1/dashboards/${board}`);
  const headers = { "If-Match": `"${version}"` };
  return load(`/v1/dashboards/${board}`, {
    method: "PUT",
    headers,
    body: { label: kept, tiles: [...tiles, metric] },
  });
}

/** Save a question as a metric and put it on a dashboard, a new one or one that is there. */
export function AddToDashboard({ analysis, question, onClose }) {
  const metrics = useKept(METRICS, { metrics: [] })?.metrics ?? [];
  const dashboards = useKept(DASHBOARDS, { dashboards: [] })?.dashboards ?? [];
  const [board, setBoard] = useState(null);
  const [name, setName] = useState("My dashboard");
  const chosen = board ?? dashboards[0]?.id ?? "";
  const save = async (label, id) => {
    await putMetric(label, id, analysis, question);
    await addTile(chosen, name, { metric: id, title: label });
    forget("/v1/dashboards");
    toast(`“${label}” is on the dashboard.`);
    onClose();
  };
  const options = [...dashboards.map((row) => [row.id, row.label]), ["", "A new dashboard"]];
  return html`<${SaveDialog} title="Add to dashboard" action="Add" taken=${metrics.map((row) => row.id)}
    onSave=${save} onClose=${onClose}
    note="The question is saved as a metric and shown on the dashboard.">
    <${Choice} label="Dashboard" value=${chosen} options=${options} onPick=${setBoard} />
    ${chosen === "" &&
      html`<${TextInput} label="Name of the dashboard" value=${name} onPick=${setName} />`}</${SaveDialog}>`;
}

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** Return a call that asks the same. */
export const toCurl = (analysis, question) =>
  [
    `curl ${location.origin}/v1/analyses/${encodeURIComponent(analysis)}`,
    "-H 'Content-Type: application/json'",
    `-d ${quote(JSON.stringify(question))}`,
  ].join(" \\\n  ");

/** Put text where the clipboard is, and say so. */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`Copied the ${what}.`);
  } catch {
    prompt(`Copy the ${what}:`, text);
  }
}

/** Open a saved metric's question. */
export const openMetric = (metric) => go(metric.analysis, { q: JSON.stringify(metric.params) });
