// Questions that fit the events at hand: the dashboard that is there before anybody made one.
import { config } from "../ui.js";

const PURCHASE =
  /^(purchased?|bought|buy|order(ed|_completed|_placed)?|checkout_completed?|subscribed?)$/i;
const PATHS = [
  [
    /^(main|home|landing|visit|page_?view|pageview|open|session_start)$/i,
    /^(product_?view|product\w*|catalog|view\w*|search)$/i,
    /cart|basket|checkout|trial|signup|sign_up/i,
    PURCHASE,
  ],
  [
    /^(visit|page_?view|pageview|open|landing)$/i,
    /^(sign_?up|register\w*|signup)$/i,
    /^(activat\w*|create\w*|invite\w*|first_\w+)$/i,
  ],
];
const GROUPS =
  /^(platform|device|os|browser|country|plan|channel|acquisition_channel|source|utm_source|referrer)$/i;
const has = (name) => config.analyses.some((row) => row.name === name);

/** Choose the longest path whose steps are all among the events, two steps or more. */
function findPath(names) {
  const paths = PATHS.map((steps) =>
    steps.map((pattern) => names.find((name) => pattern.test(name))).filter(Boolean),
  );
  return paths.map((path) => [...new Set(path)]).sort((one, other) => other.length - one.length)[0];
}

function trend(title, kind, width, params) {
  return { title, kind, width, analysis: "trends", params };
}

/** Return tiles for the events (`[{name, count}]`, most frequent first) and properties of a catalog. */
export function suggestTiles(events, properties, range) {
  const names = events.map((row) => row.name);
  const figure = (title, measure, event = null) =>
    trend(title, "number", 3, {
      range,
      interval: "day",
      series: [{ event, measure }],
      compare: "previous_period",
    });
  const bought = names.find((name) => PURCHASE.test(name));
  const path = findPath(names);
  const group = properties.map((row) => row.name).find((name) => GROUPS.test(name));
  const first = bought ?? names[0];
  return [
    ...(has("trends")
      ? [
          figure("People", "users"),
          figure("Sessions", "sessions"),
          figure("Events", "count"),
          figure(`People who did ${first}`, "users", first),
          trend("People by day", "line", 8, {
            range,
            interval: "day",
            series: [{ event: null, measure: "users", label: "People" }],
          }),
          trend("What they do", "bar", 4, {
            range,
            series: [{ event: null }],
            breakdown: ["name"],
            limit: 8,
          }),
        ]
      : []),
    ...(has("funnel") && path?.length > 1
      ? [
          {
            title: `From ${path[0]} to ${path.at(-1)}`,
            width: 6,
            analysis: "funnel",
            params: { range, steps: path.map((event) => ({ event })) },
          },
        ]
      : []),
    ...(has("retention")
      ? [
          {
            title: "Who comes back, by week",
            kind: "line",
            width: 6,
            analysis: "retention",
            params: { range, interval: "week", periods: 8 },
          },
        ]
      : []),
    ...(has("trends") && bought
      ? [
          trend(`${bought} by day`, "line", 6, {
            range,
            interval: "day",
            series: [{ event: bought, label: bought }],
          }),
        ]
      : []),
    ...(has("trends") && group
      ? [
          trend(`People by ${group}`, "bar", 6, {
            range,
            series: [{ event: null, measure: "users" }],
            breakdown: [`props.${group}`],
            limit: 8,
          }),
        ]
      : []),
  ];
}
