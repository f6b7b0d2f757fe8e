// Elements. Text only ever becomes text: there is no way in here from a string to markup.

import { exactly, plain, when } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  back: "M15 5l-7 7 7 7",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  done: "M5 12.5l4.5 4.5L19 7.5",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  help: "M9 9a3 3 0 1 1 4.5 2.6c-.9.5-1.5 1.2-1.5 2.4M12 17.5v.1",
  left: "M14 6l-6 6 6 6",
  right: "M10 6l6 6-6 6",
  leave: "M14 4H5v16h9M10 12h10M16 8l4 4-4 4",
  reload: "M19 12a7 7 0 1 1-2-5l2 2M19 4v5h-5",
  theme: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16",
  think:
    "M9 18h6M10 21h4M12 3a6 6 0 0 0-3.5 10.9c.6.5 1 1.2 1 2.1h5c0-.9.4-1.6 1-2.1A6 6 0 0 0 12 3",
  tool: "M14.5 6.5a4 4 0 0 0-5.3 5.3L4 17l3 3 5.2-5.2a4 4 0 0 0 5.3-5.3L15 12l-3-3z",
  up: "M7 11v9H4v-9zM7 12l4-8c1.5 0 2.5 1 2.5 2.5V10H19l-1.5 10H7",
  down: "M7 13V4H4v9zM7 12l4 8c1.5 0 2.5-1 2.5-2.5V14H19L17.5 4H7",
  owner: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21c.5-4.5 3.5-7 8-7s7.5 2.5 8 7",
};

/** An element. `attributes` are names of ours with plain values; functions are listeners. */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for pictures. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name, value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

export function icon(name) {
  return svg(
    "svg",
    { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" },
    svg("path", { d: ICONS[name] }),
  );
}

/** A button that is an icon; `label` is its name. */
export function iconButton(name, label, click, attributes = {}) {
  return el(
    "button",
    {
      class: "icon-button",
      type: "button",
      "aria-label": label,
      title: label,
      click,
      ...attributes,
    },
    icon(name),
  );
}

export function time(iso) {
  return el("time", { datetime: iso, title: exactly(iso) }, when(iso));
}

/** An id or a name that may hold anything; with a button that copies it as it is. */
export function id(text, what) {
  return el(
    "span",
    { class: "id" },
    el("code", { dir: "ltr" }, plain(text)),
    iconButton("copy", `Copy ${what}`, (event) => copy(text, event.currentTarget)),
  );
}

async function copy(text, button) {
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    done = false;
  }
  say(done ? "Copied." : "The browser does not let this page copy.");
  if (!done) return;
  button.replaceChildren(icon("done"));
  setTimeout(() => button.replaceChildren(icon("copy")), 1200);
}

/** Words of people: each line in its own direction, whatever it holds. */
export function words(text, attributes = {}) {
  return el("div", { class: "words", dir: "auto", ...attributes }, text);
}

const MOST = 20_000;

/** A long text, of which the rest is shown on demand. `make` makes what shows it. */
export function long(text, make, most = MOST) {
  if (text.length <= most) return make(text);
  if (/[\ud800-\udbff]/.test(text[most - 1])) most--; // one character is not shown by halves
  const rest = text.length - most;
  const box = el("div", { class: "long" }, make(text.slice(0, most)));
  box.append(
    el(
      "button",
      {
        type: "button",
        class: "small",
        click: () => box.replaceChildren(make(text)),
      },
      `Show the other ${rest.toLocaleString()} characters`,
    ),
  );
  return box;
}

/** Folded away until somebody wants it; what is inside is made then. */
export function folded(summary, make, attributes = {}) {
  const node = el("details", attributes, el("summary", {}, ...[summary].flat()));
  node.addEventListener("toggle", () => {
    if (node.open && node.childElementCount === 1) node.append(...[make()].flat());
  });
  if (attributes.open) node.append(...[make()].flat());
  return node;
}

/** Tell what happened to whoever cannot see it. */
export function say(text) {
  document.getElementById("said").textContent = text;
}

/** What went wrong, and a way to try again. */
export function trouble(error, again) {
  return el(
    "div",
    { class: "trouble", role: "alert" },
    el("p", {}, error.sentence ?? "This page failed. Loading it again may help."),
    error.code ? el("p", { class: "soft" }, el("code", {}, plain(error.code))) : null,
    again ? el("button", { type: "button", click: again }, "Try again") : null,
  );
}
