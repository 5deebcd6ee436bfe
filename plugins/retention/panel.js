// Retention on screen: who comes back, as a curve and as a grid of cohorts.
import {
  BreakdownPicker,
  Choice,
  color,
  EventPicker,
  Field,
  FilterEditor,
  html,
  IntervalPicker,
  LineChart,
  NumberInput,
  Section,
  Toggle,
  useState,
  words,
} from "../../ui.js";

const COHORTS = [
  ["recurring", "every time they do it"],
  ["first_time", "the first time they do it"],
  ["first_ever", "their first one ever, if it fits"],
];
const RETAINED = [
  ["on", "on that very one"],
  ["on_or_after", "on that one or later"],
  ["on_or_before", "up to that one"],
  ["streak", "on every one up to it"],
];
const MODES = [
  ["calendar", "calendar"],
  ["rolling", "24 hours since the start"],
];
const SHOWN = [
  ["share", "Percent"],
  ["count", "People"],
];

function Doing({ title, value = {}, onPick }) {
  return html`<${Section} title=${title}><${EventPicker} label=${title} value=${value.event ?? null}
    onPick=${(event) => onPick({ ...value, event })} />
    <${FilterEditor} value=${value.filter} event=${value.event}
      onPick=${(filter) => onPick({ ...value, filter })} /></${Section}>`;
}

function Form({ question, change }) {
  const set = (name) => (value) => change({ [name]: value });
  return html`<${Doing} title="They begin with" value=${question.start} onPick=${set("start")} />
    <${Doing} title="They come back with" value=${question.return} onPick=${set("return")} />
    <${Section} title="Break down by"><${BreakdownPicker} value=${question.breakdown}
      event=${question.start?.event} onPick=${set("breakdown")} /></${Section}>
    <${Section} title="Everything where"><${FilterEditor} value=${question.filter}
      onPick=${(filter) => change({ filter })} /></${Section}>
    <${Section} title="How it is counted"><details
      class="details"><summary>Cohorts, periods, returns</summary><div>
      <${Choice} label="A person begins" value=${question.cohort ?? "recurring"} options=${COHORTS}
        onPick=${set("cohort")} />
      <${Choice} label="And counts when back" value=${question.retained ?? "on"} options=${RETAINED}
        onPick=${set("retained")} />
      <${Choice} label="Periods" value=${question.mode ?? "calendar"} options=${MODES} onPick=${set("mode")}
        />
      <${NumberInput} label="How many periods" value=${question.periods ?? 11} min="1" max="365"
        onPick=${set("periods")} />
      <${NumberInput} label="Returns needed" value=${question.min_count ?? 1} min="1"
        onPick=${set("min_count")} />
    </div></details></${Section}>`;
}

const Tools = ({ question, change, view, setView }) =>
  html`<${IntervalPicker} value=${question.interval ?? "day"} onPick=${(interval) => change({ interval })} />
    <${Toggle} label="Cells show" value=${view ?? "share"} options=${SHOWN} onPick=${setView} />`;

function Cell({ cell, cohort, most, view, interval, zone, pick, group }) {
  if (cell.count == null)
    return html`<td class="cell is-open" style=${{ "--heat": "0%" }}>
      <span aria-label="not yet">·</span>
    </td>`;
  const heat = cell.share == null ? 0 : 6 + 62 * Math.min(cell.share / (most || 1), 1);
  const text = view === "count" ? words.number(cell.count) : words.percent(cell.share);
  const begun = words.time(cohort.time, interval === "hour" || interval === "minute" ? "full" : "date", zone);
  const title = `Began ${begun}, back in ${interval} ${cell.period}`;
  const what = {
    cohort: cohort.time,
    period: cell.period,
    status: "retained",
    ...(group !== undefined && { group }),
  };
  const figures = `${words.number(cell.count)} of ${words.number(cohort.size)}, ${words.percent(cell.share)}`;
  const name = `${begun}, ${interval} ${cell.period}: ${figures}${cell.complete ? "" : ", not over yet"}`;
  if (!cell.count)
    return html`<td class=${cell.complete ? "cell" : "cell is-open"} style=${{ "--heat": "0%" }}>
      <span title=${name}>${text}</span>
    </td>`;
  return html`<td class=${cell.complete ? "cell" : "cell is-open"} style=${{ "--heat": `${heat}%` }}>
    <button type="button" aria-label=${name} title=${name} onClick=${() => pick(what, title)}>${text}</button>
  </td>`;
}

/** The most that a cell after the first holds: colours are spread up to it, so that differences are seen. */
const findMost = (cohorts) =>
  Math.max(...cohorts.flatMap((row) => row.cells.slice(1).map((cell) => cell.share ?? 0)), 0.01);

function Grid({ table, labels, question, view, interval, zone, pick, group }) {
  const most = findMost(table.cohorts);
  const columns = Math.max(...table.cohorts.map((row) => row.cells.length), 1);
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Cohorts">
    <table class="cohorts">
      <thead>
        <tr>
          <th scope="col">Began</th>
          <th scope="col">People</th>
          ${labels.slice(0, columns).map((label) => html`<th scope="col">${label}</th>`)}
        </tr>
      </thead>
      <tbody>
        <tr class="average">
          <th scope="row">Average</th>
          <td class="size"></td>
          ${table.average.slice(0, columns).map((cell) =>
            html`<td><span>${words.percent(cell.share)}</span></td>`)}
        </tr>
        ${table.cohorts.map(
          (row) =>
            html`<tr>
              <th scope="row">${words.time(row.time, interval, zone)}${row.partial ? "*" : ""}</th>
              <td class="size">${words.number(row.size)}</td>
              ${row.cells.map((cell) =>
                html`<${Cell} cell=${cell} cohort=${row} most=${most} view=${view} interval=${interval}
                  zone=${zone} pick=${pick} group=${group} />`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

const curve = (table, label) => ({
  label,
  points: table.average.map((cell) => ({ time: cell.period, value: cell.share, complete: true })),
});

function Answer({ question, answer, view, pick }) {
  const [chosen, setChosen] = useState(0);
  const { interval, timezone: zone } = answer.definition;
  const groups = answer.groups ?? [];
  const titled = groups.map((row) => words.groupName(row.value, row.other));
  const index = Math.min(chosen, Math.max(groups.length - 1, 0));
  const table = groups.length ? groups[index] : answer;
  const series = groups.length
    ? groups.slice(0, 8).map((row, at) => ({ ...curve(row, titled[at]), color: color(at, row.other) }))
    : [curve(answer, "Came back")];
  const isPartial = table.cohorts.some((row) => row.partial);
  const group = groups.length ? groups[index].value : undefined;
  const isPickable = !groups[index]?.other;
  return html`<${LineChart}
      label=${`Share that came back, by ${interval}`}
      series=${series}
      names=${answer.labels.map((label) => `${interval[0].toUpperCase()}${interval.slice(1)} ${label}`)}
      height=${220}
      format=${(share) => words.percent(share, 0)} />
    ${groups.length > 0 &&
      html`<${Field} label="Cohorts of"><${Toggle} label="Group" value=${index}
        options=${titled.map((title, at) =>
          [at, html`<i class="dot" style=${{ background: color(at, groups[at].other) }} />${title}`])}
            onPick=${setChosen} /></${Field}>`}
    <${Grid}
      table=${table}
      labels=${answer.labels}
      question=${question}
      view=${view ?? "share"}
      interval=${interval}
      zone=${zone}
      group=${group}
      pick=${isPickable ? pick : () => null} />
    <p class="quiet">
      Rows: people by the ${interval} in which they began. Columns: ${interval}s later. Hatched cells are not
      over yet.${isPartial ? " * The range begins inside this one." : ""}
    </p>`;
}

const rows = (answer) => [
  ["began", "people", ...answer.labels],
  ...answer.cohorts.map((row) => [row.time, row.size, ...row.cells.map((cell) => cell.count)]),
];

const doing = (found, verb) => html`${verb} ${words.eventName(found?.event)}${words.where(found?.filter)}`;

export default {
  title: "Retention",
  icon: "retention",
  initial: ({ range, events }) => {
    const days = range.last ? 30 : 90;
    return {
      range,
      interval: days > 31 ? "week" : "day",
      periods: days > 31 ? 8 : 11,
      ...(events.length ? {} : { start: { event: null } }),
    };
  },
  sentence: (question) => {
    const [began, back] = [doing(question.start, "did"), doing(question.return, "came back to do")];
    const unit = question.interval ?? "day";
    return html`People who ${began}, and what share of them ${back} in each ${unit} after`;
  },
  isEmpty: (answer) => answer.cohorts.every((row) => row.size === 0),
  Form,
  Tools,
  Answer,
  rows,
};
