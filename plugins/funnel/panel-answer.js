// The answer of a funnel: bars for its steps, a table of groups, times, and its course.
import { color, ColumnChart, DataTable, html, LineChart, Nothing, words } from "../../ui.js";

const SHOWN = 6;

/** Return what is counted, for a number of them. */
export function unitName(question, count) {
  if (question.count === "total") return count === 1 ? "attempt" : "attempts";
  const [one, many] = { user: ["person", "people"], session: ["session", "sessions"] }[
    question.unit ?? "user"
  ] ?? ["value", "values"];
  return count === 1 ? one : many;
}

/** Return what names a group when people are picked. */
const groupPick = (row) => (row.other ? { other: true } : { group: row.value });

/** A bar for the mouse; with the keyboard, the numbers beside it do the same. */
function Bar({ step, first, name, tint, of, pick, isThin }) {
  const share = first ? step.count / first : 0;
  const gone = first ? (step.dropped ?? 0) / first : 0;
  const side = (status, count, width) =>
    html`<i
      class=${`is-${status}`}
      style=${{ width: `${width * 100}%` }}
      title=${`${words.number(count)} ${status}`}
      onClick=${() => pick({ step: step.step, status, ...of }, `${name}: ${status}`)} />`;
  return html`<div
    class=${isThin ? "funnel-bar is-thin" : "funnel-bar"}
    style=${{ "--bar": tint }}
    aria-hidden="true">
    ${step.count > 0 && side("reached", step.count, share)}${gone > 0 && side("dropped", step.dropped, gone)}
  </div>`;
}

function Hop({ step, question, pick }) {
  return html`<p class="funnel-hop">
    <span><b>${words.percent(step.share_of_previous)}</b> went on</span>
    ${step.dropped != null &&
      html`<button type="button" class="number-button is-plain"
        onClick=${() =>
          pick({ step: step.step, status: "dropped" },
            `${step.label}: dropped`)}>${words.number(step.dropped)} ${unitName(question,
              step.dropped)} left here</button>`}
    ${step.from_previous_s && html`<span>median ${words.duration(step.from_previous_s.median)}</span>`}
  </p>`;
}

/** Show the steps as bars: full what got there, hatched what was lost since the step before. */
export function StepBars({ question, answer, groups, pick }) {
  const shown = groups.slice(0, SHOWN);
  return html`<ol class="funnel" aria-label="Steps">
    ${answer.steps.map(
      (step, index) =>
        html`<li>
          ${index > 0 && html`<${Hop} step=${step} question=${question} pick=${pick} />`}
          <div class="funnel-step">
            <div class="funnel-name">
              <span class="step-mark" aria-hidden="true">${step.step}</span><b>${step.label}</b>
              <button
                type="button"
                class="number-button"
                title="Show the people"
                onClick=${() => pick({ step: step.step, status: "reached" }, `${step.label}: reached`)}>
                ${words.number(step.count)}
              </button>
              <span class="share">${words.percent(step.share_of_first)}</span>
            </div>
            ${
              shown.length
                ? shown.map(
                    (row, at) =>
                      html`<${Bar}
                        step=${row.steps[index]}
                        first=${row.steps[0].count}
                        name=${`${step.label}, ${words.groupName(row.value, row.other)}`}
                        tint=${color(at, row.other)}
                        of=${groupPick(row)}
                        pick=${pick}
                        isThin />`,
                  )
                : html`<${Bar}
                    step=${step}
                    first=${answer.steps[0].count}
                    name=${step.label}
                    tint="var(--s0)"
                    pick=${pick} />`
            }
          </div>
        </li>`,
    )}
  </ol>`;
}

/** Show each group of the breakdown: how many reached each step, and the share that finished. */
export function GroupTable({ answer, groups, pick }) {
  const names = answer.steps.map((step) => step.label);
  const last = names.length - 1;
  const columns = [
    {
      title: "Group",
      isText: true,
      value: (row) => words.groupName(row.value, row.other),
      show: (row) =>
        html`<span class="named"
          ><i
            class="dot"
            style=${{ background: color(groups.indexOf(row), row.other) }}
              />${words.groupName(row.value, row.other)}</span
        >`,
    },
    ...names.map((name, index) => ({
      title: name,
      value: (row) => row.steps[index].count,
      onPick: (row) => () =>
        pick(
          { step: index + 1, status: "reached", ...groupPick(row) },
          `${name}, ${words.groupName(row.value, row.other)}: reached`,
        ),
    })),
    {
      title: "Conversion",
      value: (row) => row.steps[last].share_of_first,
      show: (row) => words.percent(row.steps[last].share_of_first),
    },
  ];
  return html`<${DataTable} label="Groups" columns=${columns} rows=${groups} />`;
}

/** Show how long it takes from the first step to the last. */
export function TimeToConvert({ answer }) {
  const rows = answer.histogram.map((row) => ({
    label: words.duration(row.from_s),
    value: row.count,
    title: `${words.duration(row.from_s)} to ${words.duration(row.to_s)}`,
  }));
  if (!rows.length) return html`<${Nothing} title="Nobody reached the last step" icon="funnel" />`;
  return html`<${ColumnChart} label="Time from the first step to the last" rows=${rows} />`;
}

/** Show the times between steps. */
export function Hops({ answer }) {
  const time = (title, member, kind) => ({
    title,
    value: (row) => row[member]?.[kind] ?? null,
    show: (row) => words.duration(row[member]?.[kind]),
  });
  const columns = [
    { title: "Step", isText: true, value: (row) => row.label },
    time("Median since the step before", "from_previous_s", "median"),
    time("Mean", "from_previous_s", "mean"),
    time("Median since the first", "from_first_s", "median"),
    time("Mean", "from_first_s", "mean"),
  ];
  return html`<${DataTable} label="Times between steps" columns=${columns} rows=${answer.steps} />`;
}

/** Show the conversion by the interval in which people began. */
export function OverTime({ answer }) {
  const rows = answer.intervals ?? [];
  const { interval, timezone } = answer.definition;
  if (!rows.length)
    return html`<${Nothing} title="Choose an interval above"
      icon="calendar"><p>Conversion is then shown by the time at which people began.</p></${Nothing}>`;
  const points = rows.map((row) => ({
    time: row.time,
    complete: row.complete,
    value: row.entered ? row.converted / row.entered : null,
  }));
  const columns = [
    {
      title: "Began",
      isText: true,
      value: (row) => row.time,
      show: (row) =>
        words.time(row.time, interval === "hour" || interval === "minute" ? "full" : "date", timezone),
    },
    { title: "Began", value: (row) => row.entered },
    { title: "Finished", value: (row) => row.converted },
    {
      title: "Conversion",
      value: (row) => (row.entered ? row.converted / row.entered : null),
      show: (row) => (row.entered ? words.percent(row.converted / row.entered) : "–"),
    },
  ];
  return html`<${LineChart}
      label=${`Conversion by ${interval}`}
      series=${[{ label: "Conversion", points }]}
      interval=${interval}
      timezone=${timezone}
      format=${(share) => words.percent(share)} />
    <${DataTable} label="Conversion over time" columns=${columns} rows=${rows} />`;
}
