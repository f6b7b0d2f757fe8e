// Bars over days, drawn as SVG. The table beside it says the same to who cannot see it.

import { el, svg } from "./dom.js";
import { day, short } from "./words.js";

const HEIGHT = 200,
  LEFT = 52,
  RIGHT = 8,
  TOP = 12,
  BOTTOM = 24;
const LABEL = 64;
const TICKS = 4;

/** A figure. `series` are `{name, values}`, stacked on each other; `told` says a value in words. */
export function chart({ title, days, series, told }) {
  const box = el("div", { class: "plot" });
  const tip = el("p", { class: "tip", "aria-hidden": "true", hidden: true });
  const figure = el(
    "figure",
    { class: "chart" },
    el("figcaption", {}, el("h2", {}, title), legend(series)),
    box,
  );
  let drawn = 0;
  new ResizeObserver(([entry]) => {
    const width = Math.floor(entry.contentRect.width);
    if (width === drawn || width < 100) return;
    drawn = width;
    box.replaceChildren(draw(width, { title, days, series }), tip);
  }).observe(box);
  box.addEventListener("pointermove", (event) => {
    const { left } = box.getBoundingClientRect();
    const step = (drawn - LEFT - RIGHT) / days.length;
    const at = Math.floor((event.clientX - left - LEFT) / step);
    tip.hidden = at < 0 || at >= days.length;
    if (tip.hidden) return;
    tip.replaceChildren(
      el("strong", {}, day(days[at])),
      ...series.map(({ name, values }) => el("span", {}, `${name}: ${told(values[at])}`)),
    );
    const x = LEFT + (at + 0.5) * step;
    tip.style.setProperty("left", `${Math.min(Math.max(x, 70), drawn - 70)}px`);
    for (const bar of box.querySelectorAll(".column"))
      bar.classList.toggle("here", bar.dataset.at === String(at));
  });
  box.addEventListener("pointerleave", () => {
    tip.hidden = true;
    box.querySelector(".here")?.classList.remove("here");
  });
  return figure;
}

function legend(series) {
  if (series.length < 2) return null;
  return el(
    "span",
    { class: "legend" },
    ...series.map(({ name }, index) => el("span", { class: `key s${index}` }, name)),
  );
}

function draw(width, { title, days, series }) {
  const sums = days.map((_, at) => series.reduce((sum, { values }) => sum + values[at], 0));
  const top = TICKS * tall(Math.max(...sums) / TICKS, sums.every(Number.isInteger));
  const step = (width - LEFT - RIGHT) / days.length;
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
  const picture = svg("svg", {
    width,
    height: HEIGHT,
    viewBox: `0 0 ${width} ${HEIGHT}`,
    role: "img",
    "aria-label": `${title}, ${days.length} days; the table below has the numbers`,
  });
  for (let tick = 0; tick <= TICKS; tick++) {
    const value = (top * tick) / TICKS;
    picture.append(
      svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
      svg(
        "text",
        { class: "axis", x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" },
        short(value),
      ),
    );
  }
  const every = Math.max(1, Math.ceil(LABEL / step));
  days.forEach((key, at) => {
    const x = LEFT + at * step;
    const column = svg(
      "g",
      { class: "column", "data-at": at },
      svg("rect", { class: "slot", x, y: TOP, width: step, height: HEIGHT - TOP - BOTTOM }),
    );
    let below = 0;
    series.forEach(({ values }, index) => {
      const height = y(below) - y(below + values[at]);
      const gap = Math.min(2, step * 0.15);
      if (height > 0) {
        column.append(
          svg("rect", {
            class: `s${index}`,
            x: x + gap,
            y: y(below + values[at]),
            width: step - 2 * gap,
            height: Math.max(height, 1),
          }),
        );
      }
      below += values[at];
    });
    picture.append(column);
    if ((days.length - 1 - at) % every === 0 && x + step / 2 > LEFT + 12) {
      const last = at === days.length - 1;
      picture.append(
        svg(
          "text",
          {
            class: "axis",
            x: last ? width - RIGHT : x + step / 2,
            y: HEIGHT - 6,
            "text-anchor": last ? "end" : "middle",
          },
          day(key),
        ),
      );
    }
  });
  return picture;
}

/** From line to line: the next round number, 1 at least where values are whole. */
function tall(value, whole) {
  if (value <= 0 || (whole && value < 1)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 3, 4, 5, 8, 10].find((one) => one * power >= value);
}
