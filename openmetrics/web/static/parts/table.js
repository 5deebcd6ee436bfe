// A table of rows, sorted by its headings.
import { html, useState } from "../vendor/htm-preact-3.1.1.js";
import { number } from "../words.js";
import { Icon } from "./icon.js";

const SHOWN = 200;
const order = (one, other) =>
  typeof one === "string" || typeof other === "string"
    ? String(one).localeCompare(String(other))
    : one - other;

function sortRows(rows, columns, sort) {
  const column = columns[sort?.index];
  if (!column) return rows;
  return [...rows].sort((one, other) => {
    const [left, right] = [column.value(one), column.value(other)];
    if (left == null || right == null) return (left == null) - (right == null);
    return sort.isDown ? order(right, left) : order(left, right);
  });
}

function Cell({ column, row }) {
  const value = column.value(row);
  const shown = column.show ? column.show(row) : typeof value === "number" ? number(value) : (value ?? "–");
  const action = column.onPick?.(row);
  return html`<td class=${column.isText ? "" : "is-number"}>
    ${action ? html`<button type="button" class="number-button" title=${column.hint ?? "Show the people"}
      onClick=${action}>${shown}</button>` : shown}
  </td>`;
}

/**
 * Show rows. A column is `{title, value(row), show?(row), isText?, onPick?(row)}`; `onPick` gives what
 * a click does, or null. Beyond 200 rows, a button shows the rest.
 */
export function DataTable({ label, columns, rows }) {
  const [sort, setSort] = useState(null);
  const [isWhole, setIsWhole] = useState(false);
  const sorted = sortRows(rows, columns, sort);
  const shown = isWhole ? sorted : sorted.slice(0, SHOWN);
  const turn = (index) =>
    setSort({ index, isDown: sort?.index === index ? !sort.isDown : !columns[index].isText });
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${label}>
    <table class="data">
      <thead>
        <tr>
          ${columns.map(
            (column, index) =>
              html`<th
                scope="col"
                class=${column.isText ? "" : "is-number"}
                aria-sort=${sort?.index === index ? (sort.isDown ? "descending" : "ascending") : undefined}>
                <button type="button" onClick=${() => turn(index)}>
                  ${column.title}
                  ${sort?.index === index && html`<${Icon} name=${sort.isDown ? "down" : "up"} size="14" />`}
                </button>
              </th>`,
          )}
        </tr>
      </thead>
      <tbody>
        ${shown.map(
          (row) =>
            html`<tr>
              ${columns.map((column) => html`<${Cell} column=${column} row=${row} />`)}
            </tr>`,
        )}
      </tbody>
    </table>
    ${rows.length > shown.length &&
      html`<button type="button" class="button"
        onClick=${() => setIsWhole(true)}>Show all ${number(rows.length)} rows</button>`}
  </div>`;
}
