// The page: who asks, what is shown, and what the keys do.

import { ApiError, fitsHeader, session, value } from "./api.js";
import { Conversation } from "./conversation.js";
import { el, icon, iconButton, say, trouble } from "./dom.js";
import { keys, listen } from "./keys.js";
import { chooseOwner } from "./owners.js";
import { Threads } from "./threads.js";
import { Usage } from "./usage.js";
import { plain } from "./words.js";

const NAME = "threadkeep inspector";
const THEMES = ["auto", "light", "dark"];
const part = (id) => document.getElementById(id);

let leaving = new AbortController(); // what belongs to the caller
let closing = new AbortController(); // what belongs to the page that is shown
let threads = null;
let shown = null;

async function start() {
  clear();
  leaving = new AbortController();
  const { signal } = leaving;
  try {
    const me = await value("me", {}, { signal });
    reveal("columns");
    tools(me);
    threads = new Threads(part("list"), signal, failed);
    await Promise.all([threads.open(), route()]);
  } catch (error) {
    if (!signal.aborted) failed(error, true);
  }
}

/** Nothing of one caller is left when the next one comes, nor while that takes its time. */
function clear() {
  leaving.abort();
  closing.abort();
  threads = shown = null;
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  for (const id of ["list", "main", "owners", "tools"]) part(id).replaceChildren();
  document.title = NAME;
  say("");
}

/** Who calls is not let in: ask for a token. Without anybody the page cannot go on. */
function failed(error, whole = false) {
  if (error instanceof ApiError && error.status === 401) {
    login(session.token === null ? null : error);
  } else if (whole) {
    const reset =
      session.token === null && session.owner === null
        ? null
        : el("button", { type: "button", click: forget }, "Begin anew");
    part("broken").replaceChildren(trouble(error, start), ...(reset ? [reset] : []));
    reveal("broken");
  }
}

function reveal(which) {
  for (const id of ["columns", "login", "broken"]) part(id).hidden = id !== which;
  if (which !== "columns") part("tools").replaceChildren(themeButton(), helpButton());
  document.body.classList.toggle("outside", which !== "columns");
}

// --- what is shown --------------------------------------------------------------------------------

async function route() {
  closing.abort();
  closing = new AbortController();
  const { signal } = closing;
  const main = part("main");
  const { name, id } = place();
  shown = null;
  threads?.mark(id);
  document.body.dataset.shown = name === "threads" ? "list" : "page";
  document.body.dataset.page = name === "usage" ? "usage" : "threads";
  for (const link of document.querySelectorAll("[data-page]")) {
    const here = link.dataset.page === document.body.dataset.page;
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = NAME;
  main.removeAttribute("aria-busy"); // what was read is not waited for any more
  main.scrollTop = 0;
  if (name === "usage") {
    document.title = `Usage, ${NAME}`;
    await new Usage(main, signal, failed).open();
  } else if (name === "thread") {
    const opened = (title) => (document.title = `${title}, ${NAME}`);
    shown = new Conversation(main, id, signal, { opened, failed });
    await shown.open();
  } else {
    main.replaceChildren(el("p", { class: "waiting" }, "Choose a thread."));
  }
}

/** What the address names. */
function place() {
  const [, name, rest] = /^#\/(usage|threads)?(?:\/(.*))?$/s.exec(location.hash) ?? [];
  if (name === "usage") return { name: "usage", id: null };
  try {
    const id = decodeURIComponent(rest ?? "");
    return name === "threads" && id !== "" ? { name: "thread", id } : { name: "threads", id: null };
  } catch {
    return { name: "threads", id: null };
  }
}

// --- the bar --------------------------------------------------------------------------------------

function tools(me) {
  const whose = session.owner ?? me.owner;
  const told = me.user === null ? whose : `${whose}, ${me.user}`;
  const name = el("span", { class: "whose" }, icon("owner"), el("bdi", {}, plain(told)));
  const owner = me.scopes.includes("admin")
    ? el(
        "button",
        {
          type: "button",
          class: "owner",
          title: "Choose an owner",
          click: () => chooseOwner(another),
        },
        name,
      )
    : el("span", { class: "owner" }, name);
  part("tools").replaceChildren(
    owner,
    themeButton(),
    helpButton(),
    ...(session.token === null ? [] : [iconButton("leave", "Forget the token", forget)]),
  );
}

/** Begin as somebody else, whose threads are others. */
function another() {
  if (location.hash.startsWith("#/threads/")) history.replaceState(null, "", "#/");
  start();
}

function forget() {
  session.token = session.owner = null;
  another();
}

function themeButton() {
  const now = localStorage.getItem("threadkeep-theme") ?? "auto";
  return iconButton("theme", `Colours: ${now}`, (event) => {
    const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
    if (next === "auto") {
      localStorage.removeItem("threadkeep-theme");
      delete document.documentElement.dataset.theme;
    } else {
      localStorage.setItem("threadkeep-theme", next);
      document.documentElement.dataset.theme = next;
    }
    const button = themeButton();
    event.currentTarget.replaceWith(button);
    button.focus();
  });
}

function helpButton() {
  return iconButton("help", "Keys", help);
}

function help() {
  part("keys-on").checked = keys.on;
  part("help").showModal();
}

// --- who asks -------------------------------------------------------------------------------------

function login(error) {
  clear();
  session.token = null; // one that is refused is of no use
  reveal("login");
  part("refused").hidden = error === null;
  part("refused").textContent = error === null ? "" : error.sentence;
  part("token").value = "";
  part("token").focus();
}

part("login-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const given = part("token")
    .value.trim()
    .replace(/^Bearer\s+/i, "");
  if (!fitsHeader(given)) {
    part("refused").hidden = false;
    part("refused").textContent = "A token has letters, digits and a few signs only.";
    return;
  }
  session.token = given;
  session.owner = null;
  start();
});

// --- keys -----------------------------------------------------------------------------------------

listen({
  j: () => step(1),
  k: () => step(-1),
  ArrowDown: () => step(1),
  ArrowUp: () => step(-1),
  r: () => shown?.raw(),
  R: () => shown?.rawAll(),
  "[": () => shown?.branch(-1),
  "]": () => shown?.branch(1),
  u: () => void (location.hash = "#/usage"),
  "?": help,
  "/": () => {
    if (threads === null) return false;
    if (document.body.dataset.shown !== "list" && narrow()) location.hash = "#/";
    threads.focusFilter();
    return true;
  },
  Escape: () => {
    if (threads === null || document.body.dataset.shown === "list") return false;
    if (!narrow() && part("list").contains(document.activeElement)) return false;
    if (narrow() || document.body.dataset.page === "usage") location.hash = "#/";
    document.body.dataset.shown = narrow() ? "list" : document.body.dataset.shown;
    threads.focus();
    return true;
  },
});

function step(by) {
  if (shown !== null && part("main").contains(document.activeElement)) shown.move(by);
  else if (threads !== null) threads.move(by);
}

function narrow() {
  return matchMedia("(max-width: 700px)").matches;
}

// Opening a thread by hand leads the keys into it.
part("list").addEventListener("click", async (event) => {
  const link = event.target.closest(".threads a");
  if (link !== null && link.getAttribute("aria-current")) shown?.focus();
});

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  part(part("columns").hidden ? "login" : "main").focus();
});
part("help-close").append(icon("close"));
part("keys-on").addEventListener("change", (event) => (keys.on = event.target.checked));
addEventListener("hashchange", async () => {
  if (threads === null) return;
  await route();
  if (shown !== null) shown.focus();
});

start();
