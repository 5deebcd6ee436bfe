// Dashboards: saved metrics side by side, fresh by themselves; the first one is made from the events at hand.
import {
  Busy, Choice, chooseRange, Failure, go, html, Icon, link, Nothing, Picker, RangePicker, SaveDialog,
  toast, useEvents, useLoad, useMayChange, useMemo, useProperties, useState,
} from "../ui.js";
import { Grid } from "./board.js";
import { AddTile, DeleteBoard, NewBoard } from "./board-dialogs.js";
import { createBoard, fill, nextKey, saveMetric, strip, useSaving, WIDTH } from "./board-store.js";
import { ShareDialog } from "./sharing.js";
import { suggestTiles } from "./starter.js";

const REFRESHES = [
  ["60", "every minute"],
  ["300", "every 5 minutes"],
  ["15", "every 15 seconds"],
  ["0", "never"],
];
const BARE = ["full", "embed"];

/** Return the range that the address puts in place of the tiles' own; null leaves them theirs. */
function rangeOf({ last, from, to }) {
  if (last) return { last };
  return from ? { from, ...(to && { to }) } : null;
}

/** The look of a dashboard that is kept in its address: range, how often it is fresh, full screen. */
function useLook(query) {
  const set = (patch) => go("dashboards", { ...query, ...patch });
  const leave = () => {
    if (document.fullscreenElement) document.exitFullscreen();
    set({ view: null });
  };
  const fill = () => {
    document.documentElement.requestFullscreen?.().catch(() => {});
    set({ view: "full" });
  };
  return {
    set,
    leave,
    fill,
    range: rangeOf(query),
    ms: Number(query.refresh ?? 60) * 1000 || null,
    isBare: BARE.includes(query.view),
  };
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const Fresh = ({ at }) =>
  at ? html`<span class="quiet" id="fresh">Updated ${clock.format(at)}</span>` : null;

function Head({ label, boards, id, look, query, at, children }) {
  const options = boards.map((row) => ({ value: row.id, label: row.label }));
  if (look.isBare)
    return html`<header class="page-head board-head is-bare">
      <h1>${label}</h1>
      <${Fresh} at=${at} />
      ${query.view === "full" && html`<button type="button" class="icon-button" aria-label="Leave full screen"
        title="Leave full screen" onClick=${look.leave}><${Icon} name="close" /></button>`}
    </header>`;
  const pick = (value) => look.set({ last: value?.last, from: value?.from, to: value?.to });
  return html`<header class="page-head board-head">
    <div>
      <h1>${label}</h1>
      <${Fresh} at=${at} />
    </div>
    <div class="board-tools">
      ${boards.length > 1 && html`<${Picker} label="Dashboard" icon="dashboard" value=${id} shown=${label}
        options=${options} onPick=${(found) => look.set({ id: found })} />`}
      <${RangePicker}
        value=${look.range}
        none="As saved"
        onPick=${pick}
      />${look.range && html`<button type="button" class="icon-button" aria-label="Ranges as saved"
        title="Ranges as saved" onClick=${() => pick(null)}><${Icon} name="close" size="16" /></button>`}
      <${Choice}
        label="Refresh"
        value=${query.refresh ?? "60"}
        options=${REFRESHES}
        onPick=${(refresh) => look.set({ refresh: refresh === "60" ? null : refresh })}
      />
      ${children}<button
        type="button"
        class="icon-button"
        aria-label="Full screen"
        title="Full screen"
        onClick=${look.fill}
      >
        <${Icon} name="expand" />
      </button>
    </div>
  </header>`;
}

function Board({ board, boards, metrics, isBusy, suggestions, query, reload }) {
  const look = useLook(query);
  const mayChange = useMayChange();
  const [tiles, setTiles] = useState(() => board.tiles.map((tile) => ({ ...tile, key: nextKey() })));
  const shown = useMemo(() => tiles.map((tile) => fill(tile, metrics, isBusy)), [tiles, metrics, isBusy]);
  const [label, setLabel] = useState(board.label);
  const isEdited = mayChange && query.edit === "1" && !look.isBare;
  const setIsEdited = (isOn) => look.set({ edit: isOn ? 1 : null });
  const [dialog, setDialog] = useState(null);
  const [at, setAt] = useState(null);
  const save = useSaving(board, reload);
  const change = (next, name = label) => {
    setTiles(next);
    setLabel(name);
    save({ label: name, tiles: next.map(strip) });
  };
  const add = async ({ metric, tile }) => {
    const taken = metrics.map((row) => row.id);
    const added = tile ? await saveMetric(tile, taken) : { metric, width: WIDTH };
    change([...tiles, { ...added, key: nextKey() }]);
    setDialog(null);
  };
  const close = () => setDialog(null);
  return html`<main class="page" id="main"><${Head} label=${label} boards=${boards} id=${board.id}
    look=${look} query=${query} at=${at}>
      ${mayChange && html`<button type="button" class=${isEdited ? "button is-primary" : "button"}
        aria-pressed=${isEdited} onClick=${() => setIsEdited(!isEdited)}>${isEdited ? "Done" : "Edit"}
        </button>`}
      <button type="button" class="button" onClick=${() => setDialog("share")}><${Icon} name="link"
        size="16" />Share</button></${Head}>
    ${
      isEdited &&
      html`<div class="edit-bar card">
        <button type="button" class="button" onClick=${() => setDialog("add")}>
          <${Icon} name="plus" size="16" />Add a tile
        </button>
        <button type="button" class="button" onClick=${() => setDialog("rename")}>
          <${Icon} name="pen" size="16" />Rename
        </button>
        <button type="button" class="button" onClick=${() => setDialog("new")}>
          <${Icon} name="dashboard" size="16" />New dashboard
        </button>
        <button type="button" class="button" onClick=${() => setDialog("delete")}>
          <${Icon} name="trash" size="16" />Delete</button
        ><span class="quiet">Changes are saved as you make them.</span>
      </div>`
    }
    ${
      tiles.length
        ? html`<${Grid}
            tiles=${shown}
            range=${look.range}
            ms=${look.ms}
            change=${isEdited ? (next) => change(next) : null}
            onLoaded=${setAt}
          />`
        : html`<section class="card"><${Nothing} title="This dashboard is empty" icon="dashboard">
          <p>A tile shows a saved metric, or one of the questions that fit your events.</p>
          ${mayChange && html`<button type="button" class="button is-primary"
            onClick=${() => (setIsEdited(true), setDialog("add"))}><${Icon} name="plus"
            size="16" />Add a tile</button>`}</${Nothing}></section>`
    }
    ${dialog === "share" && html`<${ShareDialog} board=${{ id: board.id, label }} query=${query}
      onClose=${close} />`}
    ${dialog === "add" && html`<${AddTile} metrics=${metrics} suggestions=${suggestions} onAdd=${add}
      onClose=${close} />`}
    ${dialog === "rename" && html`<${SaveDialog} title="Rename the dashboard" action="Rename" label=${label}
      onSave=${(name) => (change(tiles, name), close())} onClose=${close} />`}
    ${dialog === "new" && html`<${NewBoard} boards=${boards} metrics=${metrics} suggestions=${suggestions}
      reload=${reload} onClose=${close} />`}
    ${dialog === "delete" && html`<${DeleteBoard} board=${{ id: board.id, label }}
      onClose=${(isGone) => (close(), isGone && reload())} />`}
  </main>`;
}

function Starter({ tiles, boards, metrics, query, reload }) {
  const look = useLook(query);
  const mayChange = useMayChange();
  const [at, setAt] = useState(null);
  const [isBusy, setIsBusy] = useState(false);
  const keep = async () => {
    setIsBusy(true);
    try {
      const id = await createBoard("Overview", tiles, boards, metrics);
      toast("Kept as the dashboard “Overview”.");
      reload();
      go("dashboards", { ...query, id, edit: 1 });
    } catch (error) {
      toast(error.message);
      setIsBusy(false);
    }
  };
  const hint = mayChange && " Keep it to add, move and rename tiles.";
  const keyed = useMemo(() => tiles.map((tile) => ({ ...tile, key: tile.title })), [tiles]);
  return html`<main class="page" id="main"><${Head} label="Overview" boards=${[]} look=${look} query=${query}
    at=${at}>
      ${mayChange && html`<button type="button" class="button is-primary" disabled=${isBusy}
        onClick=${keep}>Keep and edit</button>`}</${Head}>
    ${!look.isBare && html`<p
      class="sentence board-note">Made from your events by itself.${hint}</p>`}
    <${Grid} tiles=${keyed} range=${look.range} ms=${look.ms} onLoaded=${setAt} /></main>`;
}

/** Show the dashboard that the address names as `id`, else the first one, else one made from the events. */
export function DashboardsPage({ query }) {
  const boards = useLoad("/v1/dashboards");
  const metrics = useLoad("/v1/metrics");
  const events = useEvents();
  const properties = useProperties(null);
  const suggestions = useMemo(
    () => (events && properties ? suggestTiles(events, properties, chooseRange(events)) : []),
    [events, properties],
  );
  const frame = (content) =>
    html`<main class="page" id="main">
      <header class="page-head"><h1>Dashboards</h1></header>
      <section class="card">${content}</section>
    </main>`;
  const reload = () => (boards.again(), metrics.again());
  const error = boards.error ?? metrics.error;
  if (error) return frame(html`<${Failure} error=${error} again=${reload} />`);
  if (!boards.value || !metrics.value || !events || !properties) return frame(html`<${Busy} />`);
  const rows = boards.value.dashboards;
  const given = { boards: rows, metrics: metrics.value.metrics, isBusy: metrics.isBusy, query, reload };
  const board = query.id ? rows.find((row) => row.id === query.id) : rows[0];
  if (board)
    return html`<${Board}
      key=${`${board.id} ${board.version}`}
      board=${board}
      suggestions=${suggestions}
      ...${given}
    />`;
  if (query.id && boards.isBusy) return frame(html`<${Busy} />`);
  if (query.id)
    return frame(
      html`<${Nothing} title="There is no such dashboard" icon="dashboard"><p>It may have been deleted.</p><a
        class="button" href=${link("dashboards")}>To the first one</a></${Nothing}>`,
    );
  if (!events.length)
    return frame(
      html`<${Nothing} title="No events yet" icon="dashboard">
        <p>A dashboard appears here by itself once the first events have arrived.</p><a
        class="button is-primary" href=${link("start")}>Send events</a></${Nothing}>`,
    );
  return html`<${Starter} tiles=${suggestions} ...${given} />`;
}
