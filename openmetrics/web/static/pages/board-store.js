// Tiles and dashboards as they are saved: each tile names a metric, each change is put on top of the last.
import { chooseId, forget, load, NEW, toast, useRef } from "../ui.js";

/** The width of a tile that says none, in twelfths. */
export const WIDTH = 6;

let count = 0;

/** Give a key that no other tile has. */
export const nextKey = () => `t${++count}`;

/** Join a tile with its metric; one whose metric is gone is `isLost`. */
export function fill(tile, metrics, isBusy) {
  const metric = metrics.find((row) => row.id === tile.metric) ?? tile;
  return {
    ...tile,
    title: tile.title || metric.label || tile.metric,
    analysis: metric.analysis,
    params: metric.params,
    isLost: !metric.analysis && !isBusy,
  };
}

/** Return what is saved of a tile. */
export const strip = ({ metric, title, kind, width }) => ({
  metric,
  title,
  ...(kind && { kind }),
  width: width ?? WIDTH,
});

/** Save a tile's question as a metric; `taken` are the ids that there are. */
export async function saveMetric(tile, taken) {
  const id = chooseId(tile.title, taken);
  taken.push(id);
  await load(`/v1/metrics/${id}`, {
    method: "PUT",
    headers: NEW,
    body: { label: tile.title, analysis: tile.analysis, params: tile.params },
  });
  forget("/v1/metrics");
  return { ...tile, metric: id };
}

/** Save a dashboard, and a metric for each of its tiles. */
export async function createBoard(label, tiles, boards, metrics) {
  const taken = metrics.map((row) => row.id);
  const saved = [];
  for (const tile of tiles) saved.push(strip(await saveMetric(tile, taken)));
  const id = chooseId(
    label,
    boards.map((row) => row.id),
  );
  await load(`/v1/dashboards/${id}`, { method: "PUT", headers: NEW, body: { label, tiles: saved } });
  forget("/v1/dashboards");
  return id;
}

/** Save changes one after another, each on top of the last; a conflict loads what somebody else has made. */
export function useSaving(board, reload) {
  const version = useRef(board.version);
  const queue = useRef(Promise.resolve());
  return (body) => {
    const put = async () => {
      const saved = await load(`/v1/dashboards/${board.id}`, {
        method: "PUT",
        headers: { "If-Match": `"${version.current}"` },
        body,
      });
      version.current = saved.version;
      forget("/v1/dashboards");
    };
    queue.current = queue.current.then(put).catch((error) => {
      toast(
        error.code === "conflict"
          ? "Somebody else changed this dashboard meanwhile; here is theirs."
          : error.message,
      );
      reload();
    });
    return queue.current;
  };
}
