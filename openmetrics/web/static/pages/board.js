// The grid of a dashboard, and its edit mode: move, resize, rename, redraw, remove; by mouse and by keys.
import { Choice, html, Icon, SaveDialog, useRef, useState } from "../ui.js";
import { WIDTH } from "./board-store.js";
import { addressOf, KINDS, TileBody } from "./tile.js";

const STEPS = [3, 4, 6, 8, 12];
const ARROWS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };

const widthOf = (tile) => tile.width ?? WIDTH;
const move = (tiles, from, to) => {
  const rest = tiles.toSpliced(from, 1);
  return rest.toSpliced(to, 0, tiles[from]);
};
const resize = (tile, by) => {
  const nearest = STEPS.findIndex((step) => step >= widthOf(tile));
  return { ...tile, width: STEPS[Math.min(Math.max(nearest + by, 0), STEPS.length - 1)] };
};

/** Drag a tile by its handle: over another one, it takes that one's place. */
function useDrag(tiles, change, grid) {
  const [dragged, setDragged] = useState(null);
  const start = (index) => (event) => {
    if (event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    setDragged({ from: index, to: index });
  };
  const over = (event) => {
    if (!dragged) return;
    const places = [...grid.current.children].map((child) => child.getBoundingClientRect());
    const to = places.findIndex(
      (box) =>
        event.clientX >= box.left &&
        event.clientX <= box.right &&
        event.clientY >= box.top &&
        event.clientY <= box.bottom,
    );
    if (to >= 0 && to !== dragged.to) setDragged({ ...dragged, to });
  };
  const end = () => {
    if (dragged && dragged.from !== dragged.to) change(move(tiles, dragged.from, dragged.to));
    setDragged(null);
  };
  return { dragged, start, over, end, cancel: () => setDragged(null) };
}

/** Drag the right edge of a tile: its width follows in steps. */
function useStretch(tiles, change, grid) {
  const [width, setWidth] = useState(null);
  const start = (index) => (event) => {
    event.currentTarget.setPointerCapture(event.pointerId);
    setWidth({ index, value: widthOf(tiles[index]) });
  };
  const over = (event) => {
    if (!width) return;
    const { left } = grid.current.children[width.index].getBoundingClientRect();
    const column = grid.current.clientWidth / 12;
    const wanted = (event.clientX - left) / column;
    const value = STEPS.reduce((best, step) =>
      Math.abs(step - wanted) < Math.abs(best - wanted) ? step : best,
    );
    if (value !== width.value) setWidth({ ...width, value });
  };
  const end = () => {
    if (width && width.value !== widthOf(tiles[width.index]))
      change(tiles.with(width.index, { ...tiles[width.index], width: width.value }));
    setWidth(null);
  };
  return { width, start, over, end, cancel: () => setWidth(null) };
}

function EditBar({ tile, index, count, drag, stretch, set, shift, remove }) {
  const [isNamed, setIsNamed] = useState(false);
  const press = (event) => {
    const step = ARROWS[event.key];
    if (!step) return;
    event.preventDefault();
    if (event.shiftKey) set(resize(tile, step));
    else shift(step);
  };
  const kinds = KINDS[tile.analysis];
  const place = `${index + 1} of ${count}, ${widthOf(tile)} twelfths wide`;
  const name = `Move or resize ${tile.title}, ${place}. Arrow keys move, Shift and arrow keys resize.`;
  return html`<div class="tile-tools">
    <button
      type="button"
      class="icon-button tile-handle"
      aria-label=${name}
      title="Drag to move. Arrow keys move, Shift and arrow keys resize."
      onKeyDown=${press}
      onPointerDown=${drag.start(index)}
      onPointerMove=${drag.over}
      onPointerUp=${drag.end}
      onPointerCancel=${drag.cancel}
    >
      <${Icon} name="grip" size="16" />
    </button>
    ${kinds && html`<${Choice} label=${`How to draw ${tile.title}`} isHidden value=${tile.kind ?? kinds[0][0]}
      options=${kinds} onPick=${(kind) => set({ ...tile, kind })} />`}
    <button
      type="button"
      class="icon-button"
      aria-label=${`Make ${tile.title} narrower`}
      onClick=${() => set(resize(tile, -1))}
    >
      <${Icon} name="narrow" size="16" />
    </button>
    <button
      type="button"
      class="icon-button"
      aria-label=${`Make ${tile.title} wider`}
      onClick=${() => set(resize(tile, 1))}
    >
      <${Icon} name="wide" size="16" />
    </button>
    <button
      type="button"
      class="icon-button"
      aria-label=${`Rename ${tile.title}`}
      onClick=${() => setIsNamed(true)}
    >
      <${Icon} name="pen" size="16" />
    </button>
    <button type="button" class="icon-button" aria-label=${`Remove ${tile.title}`} onClick=${remove}>
      <${Icon} name="trash" size="16" />
    </button>
    <span
      class="tile-edge"
      aria-hidden="true"
      onPointerDown=${stretch.start(index)}
      onPointerMove=${stretch.over}
      onPointerUp=${stretch.end}
      onPointerCancel=${stretch.cancel}
    />
    ${
      isNamed &&
      html`<${SaveDialog}
        title="Rename the tile"
        action="Rename"
        label=${tile.title}
        onClose=${() => setIsNamed(false)}
        onSave=${(title) => (set({ ...tile, title }), setIsNamed(false))}
      />`
    }
  </div>`;
}

/** Say what a tile is while one is dragged: that one, or where it would go. */
function markOf(dragged, index) {
  if (!dragged || dragged.from === dragged.to) return "";
  if (index === dragged.from) return "is-dragged";
  return index === dragged.to ? (dragged.to > dragged.from ? "is-target is-after" : "is-target") : "";
}

/** Show tiles; with `change(tiles)` they can be edited. */
export function Grid({ tiles, range, ms, change, onLoaded }) {
  const grid = useRef();
  const [said, setSaid] = useState("");
  const drag = useDrag(tiles, change, grid);
  const stretch = useStretch(tiles, change, grid);
  const shift = (index) => (by) => {
    const to = index + by;
    if (to < 0 || to >= tiles.length) return;
    change(move(tiles, index, to));
    setSaid(`${tiles[index].title} is now ${to + 1} of ${tiles.length}.`);
    requestAnimationFrame(() => grid.current.children[to]?.querySelector(".tile-handle")?.focus());
  };
  const set = (index) => (tile) => {
    change(tiles.with(index, tile));
    if (tile.width !== tiles[index].width) setSaid(`${tile.title} is ${widthOf(tile)} twelfths wide.`);
  };
  return html`<div class=${change ? "board is-edited" : "board"} ref=${grid}>
    ${tiles.map((tile, index) => {
      const width = stretch.width?.index === index ? stretch.width.value : widthOf(tile);
      const address = addressOf(tile, range);
      return html`<section
        key=${tile.key}
        class=${`card tile is-w${width} ${markOf(drag.dragged, index)}`}
        aria-label=${tile.title}
      >
        <header class="card-head">
          <h2>${address && !change ? html`<a href=${address}>${tile.title}</a>` : tile.title}</h2>
        </header>
        ${
          change &&
          html`<${EditBar}
            tile=${tile}
            index=${index}
            count=${tiles.length}
            drag=${drag}
            stretch=${stretch}
            set=${set(index)}
            shift=${shift(index)}
            remove=${() => change(tiles.toSpliced(index, 1))}
          />`
        }
        <div class="tile-body">
          ${tile.isLost ? html`<p
            class="tile-none quiet">This metric is not there any more.</p>` : html`<${TileBody} tile=${tile}
            range=${range} ms=${ms} onLoaded=${onLoaded} />`}
        </div>
      </section>`;
    })}
    <span class="unseen" role="status">${said}</span>
  </div>`;
}
