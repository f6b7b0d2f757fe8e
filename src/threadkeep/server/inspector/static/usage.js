// What was used, day by day.

import { value } from "./api.js";
import { chart } from "./chart.js";
import { el, folded, say, trouble } from "./dom.js";
import { cost, count, day, number, short } from "./words.js";

const DAY = 86_400_000;
const RANGES = [
  [7, "7 days"],
  [30, "30 days"],
  [90, "90 days"],
  [365, "A year"],
];
const SOURCES = [
  ["runs", "Runs", { of: "runs" }],
  ["llm", "Model calls in traces", { of: "spans", type: "llm" }],
];

export class Usage {
  #main;
  #signal;
  #reading = new AbortController();
  #failed;

  constructor(main, signal, failed) {
    this.#main = main;
    this.#failed = failed;
    this.#signal = signal;
  }

  async open() {
    const form = el(
      "form",
      {
        class: "ranges",
        "aria-label": "What to show",
        change: () => this.#show(),
        submit: (event) => event.preventDefault(),
      },
      el(
        "fieldset",
        {},
        el("legend", { class: "hidden" }, "Days"),
        ...RANGES.map(([days, name]) => choice("days", days, name, days === 30)),
      ),
      el(
        "fieldset",
        {},
        el("legend", { class: "hidden" }, "Counted"),
        ...SOURCES.map(([key, name]) => choice("source", key, name, key === "runs")),
      ),
    );
    this.#main.replaceChildren(
      el("header", { class: "page-head" }, el("h1", {}, "Usage"), form),
      el("div", { class: "usage" }),
    );
    await this.#show();
  }

  async #show() {
    this.#reading.abort();
    this.#reading = new AbortController();
    const signal = AbortSignal.any([this.#signal, this.#reading.signal]);
    const given = new FormData(this.#main.querySelector("form"));
    const box = this.#main.querySelector(".usage");
    const days = lastDays(Number(given.get("days")));
    const [key, , asked] = SOURCES.find(([name]) => name === given.get("source"));
    box.setAttribute("aria-busy", "true");
    try {
      const { totals } = await value(
        "usage",
        { ...asked, by: "day", since: `${days[0]}T00:00:00Z` },
        { signal },
      );
      box.replaceChildren(...page(days, totals, key === "runs" ? "run" : "call"));
      say("Usage is shown.");
    } catch (error) {
      if (signal.aborted) return;
      box.replaceChildren(trouble(error, () => this.#show()));
      this.#failed(error);
    } finally {
      if (!signal.aborted) box.removeAttribute("aria-busy");
    }
  }
}

function page(days, totals, unit) {
  const known = new Map(totals.map((total) => [total.key, total]));
  const of = (name) => days.map((key) => Number(known.get(key)?.usage[name] ?? 0));
  const counts = days.map((key) => known.get(key)?.count ?? 0);
  const input = of("input_tokens"),
    output = of("output_tokens"),
    costs = of("cost");
  const sum = (values) => values.reduce((one, other) => one + other, 0);
  if (sum(counts) === 0)
    return [el("p", { class: "waiting" }, "Nothing was counted in these days.")];
  const hasCost = totals.some(({ usage }) => usage.cost !== null);
  return [
    el(
      "dl",
      { class: "tiles" },
      tile(`${unit === "run" ? "Runs" : "Calls"}`, number(sum(counts))),
      tile("Tokens in", short(sum(input)), number(sum(input))),
      tile("Tokens out", short(sum(output)), number(sum(output))),
      tile("Cost", hasCost ? cost(sum(costs)) : "not known"),
    ),
    chart({
      title: "Tokens",
      days,
      told: number,
      series: [
        { name: "in", values: input },
        { name: "out", values: output },
      ],
    }),
    chart({
      title: unit === "run" ? "Runs" : "Calls",
      days,
      told: number,
      series: [{ name: `${unit}s`, values: counts }],
    }),
    hasCost
      ? chart({ title: "Cost", days, told: cost, series: [{ name: "cost", values: costs }] })
      : null,
    folded(`The same as a table, ${count(days.length, "day")} in UTC`, () => table(days, known)),
  ].filter((one) => one !== null);
}

function table(days, known) {
  const names = ["input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "cost"];
  const heads = ["Day", "Count", "In", "Out", "Cached", "Reasoning", "Cost"];
  const cell = (value) =>
    value === null || value === undefined ? "" : typeof value === "number" ? number(value) : value;
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Usage by day" },
    el(
      "table",
      {},
      el("caption", { class: "hidden" }, "Usage by day"),
      el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))),
      el(
        "tbody",
        {},
        ...days
          .filter((key) => known.has(key))
          .toReversed()
          .map((key) => {
            const { count, usage } = known.get(key);
            return el(
              "tr",
              {},
              el("th", { scope: "row" }, el("time", { datetime: key }, day(key))),
              el("td", {}, number(count)),
              ...names.map((name) => el("td", {}, cell(usage[name]))),
            );
          }),
      ),
    ),
  );
}

function tile(name, text, exact = text) {
  return el("div", {}, el("dt", {}, name), el("dd", { title: exact }, text));
}

function choice(name, value, text, checked) {
  return el(
    "label",
    {},
    el("input", { type: "radio", name, value, checked }),
    el("span", {}, text),
  );
}

/** The last days up to today, in UTC, as the sums are kept. */
function lastDays(days) {
  const now = Date.now();
  return Array.from({ length: days }, (_, at) =>
    new Date(now - (days - 1 - at) * DAY).toISOString().slice(0, 10),
  );
}
