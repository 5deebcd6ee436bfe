// What is asked when a dashboard is changed: a tile to add, a name, whether it is to go.
import {
  Choice, config, Dialog, forget, go, html, link, load, Picker, SaveDialog, toast, useState,
} from "../ui.js";
import { createBoard } from "./board-store.js";

/** Choose what a new tile shows. */
export function AddTile({ metrics, suggestions, onAdd, onClose }) {
  const [chosen, setChosen] = useState(null);
  const [error, setError] = useState(null);
  const options = [
    ...metrics.map((row) => ({
      value: { metric: row.id },
      label: row.label,
      hint: row.analysis,
      group: "Saved metrics",
    })),
    ...suggestions.map((tile) => ({
      value: { tile },
      label: tile.title,
      hint: tile.analysis,
      group: "Suggested for your events",
    })),
  ];
  const pages = config.analyses.map((row, index) => html`${index ? ", " : ""}<a href=${link(row.name)}>
    ${row.title}</a>`);
  const add = (event) => {
    event.preventDefault();
    onAdd(chosen.value).catch(setError);
  };
  return html`<${Dialog} title="Add a tile" onClose=${onClose}><form class="stack" onSubmit=${add}>
    <div class="field"><span class="field-label">What it shows</span><${Picker} label="What it shows"
      value=${chosen?.value} shown=${chosen?.label} options=${options}
      onPick=${(value, row) => setChosen({ value, label: row.label })} /></div>
    <p class="quiet">Any question can be saved as a metric on its own page: ${pages}.</p>
    ${error && html`<p class="hint is-bad" role="alert">${error.message}</p>`}
    <button class="button is-primary" disabled=${!chosen}>Add</button></form></${Dialog}>`;
}

/** Make sure that a dashboard is to go. */
export function DeleteBoard({ board, onClose }) {
  const [error, setError] = useState(null);
  const run = async () => {
    try {
      await load(`/v1/dashboards/${board.id}`, { method: "DELETE" });
      forget("/v1/dashboards");
      toast(`Deleted “${board.label}”. Its metrics are kept.`);
      go("dashboards");
      onClose(true);
    } catch (problem) {
      setError(problem);
    }
  };
  return html`<${Dialog} title="Delete “${board.label}”?" onClose=${() => onClose(false)}>
    <div class="stack">
    <p>The dashboard goes; the metrics on it are kept.</p>
    ${error && html`<p class="hint is-bad" role="alert">${error.message}</p>`}
    <button type="button" class="button is-danger" onClick=${run}>Delete the dashboard</button></div>
      </${Dialog}>`;
}

/** Name a new dashboard. */
export function NewBoard({ boards, metrics, suggestions, reload, onClose }) {
  const [start, setStart] = useState("empty");
  const save = async (label) => {
    const id = await createBoard(label, start === "empty" ? [] : suggestions, boards, metrics);
    reload();
    onClose();
    go("dashboards", { id, edit: 1 });
  };
  return html`<${SaveDialog} title="New dashboard" action="Create" onSave=${save} onClose=${onClose}>
    <${Choice} label="Begin with" value=${start} options=${[
      ["empty", "No tiles"],
      ["starter", "Tiles that fit your events"],
    ]} onPick=${setStart} /></${SaveDialog}>`;
}
