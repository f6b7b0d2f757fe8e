// The list of threads: filters above, and pages that follow each other while somebody scrolls.

import { page } from "./api.js";
import { el, folded, iconButton, say, time, trouble } from "./dom.js";
import { badge } from "./parts.js";
import { count, plain } from "./words.js";

const LIMIT = 50;
const PAUSE = 250;
// A page that a filter has ended early may be empty and still have a next one.
const MOST_EMPTY = 10;

export class Threads {
  #aside;
  #signal;
  #reading = new AbortController();
  #cursor = null;
  #busy = false;
  #shown = 0;
  #marked = null;
  #failed;

  /** `failed` is told what the list itself cannot mend. */
  constructor(aside, signal, failed) {
    this.#aside = aside;
    this.#signal = signal;
    this.#failed = failed;
  }

  async open() {
    this.#aside.replaceChildren(
      this.#filters(),
      el("ul", { class: "threads" }),
      el("div", { class: "more" }),
    );
    const seen = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) this.#more();
      },
      { root: this.#aside, rootMargin: "0px 0px 800px 0px" },
    );
    seen.observe(this.#aside.querySelector(".more"));
    this.#signal.addEventListener("abort", () => {
      seen.disconnect();
      this.#reading.abort();
    });
    await this.reload();
  }

  /** Read the first page again, by the filters as they are. */
  async reload() {
    if (this.#signal.aborted) return; // a pause of the filter ended after the reader has left
    this.#reading.abort();
    this.#reading = new AbortController();
    this.#busy = false;
    this.#cursor = null;
    this.#shown = 0;
    await this.#read(true);
  }

  focusFilter() {
    this.#aside.querySelector("#title").focus();
  }

  /** Mark the thread that is open. */
  mark(id) {
    this.#marked = id;
    for (const link of this.#links()) {
      if (link.dataset.id === id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }

  /** Focus the next thread or the previous one; from elsewhere the open one. */
  move(by) {
    const links = this.#links();
    const at = links.indexOf(document.activeElement);
    const next = at < 0 ? this.#open(links) : links[at + by];
    next?.focus();
  }

  focus() {
    (this.#open(this.#links()) ?? this.#aside.querySelector("#title")).focus();
  }

  #links() {
    return [...this.#aside.querySelectorAll(".threads a")];
  }

  #open(links) {
    return links.find((link) => link.getAttribute("aria-current")) ?? links[0];
  }

  #filters() {
    let waiting = null;
    const form = el("form", {
      role: "search",
      "aria-label": "Threads",
      class: "filters",
      autocomplete: "off",
      submit: (event) => {
        event.preventDefault();
        this.reload();
      },
      input: () => {
        clearTimeout(waiting);
        waiting = setTimeout(() => this.reload(), PAUSE);
      },
    });
    form.append(
      el(
        "div",
        { class: "title-filter" },
        el("input", {
          id: "title",
          name: "title",
          type: "search",
          placeholder: "Filter by title",
          "aria-label": "Title",
          maxlength: "500",
        }),
        iconButton("reload", "Read the list again", () => this.reload()),
      ),
      folded("User, status and dates", () =>
        el(
          "div",
          { class: "fields" },
          field(
            "User",
            el("input", {
              name: "user",
              type: "search",
              spellcheck: "false",
              autocapitalize: "off",
              maxlength: "512",
            }),
          ),
          field(
            "Status",
            el(
              "select",
              { name: "status" },
              ...["active", "archived", "all"].map((one) => el("option", { value: one }, one)),
            ),
          ),
          field("Active from", el("input", { name: "since", type: "date" })),
          field("until", el("input", { name: "until", type: "date" })),
        ),
      ),
    );
    return form;
  }

  #asked() {
    const given = new FormData(this.#aside.querySelector("form"));
    return {
      title: given.get("title"),
      user: given.get("user"),
      status: given.get("status"),
      since: midnight(given.get("since"), 0),
      until: midnight(given.get("until"), 1),
      limit: LIMIT,
      cursor: this.#cursor,
    };
  }

  async #more() {
    if (!this.#busy && this.#cursor !== null) await this.#read(false);
  }

  async #read(first) {
    const { signal } = this.#reading;
    const list = this.#aside.querySelector("ul");
    const foot = this.#aside.querySelector(".more");
    this.#busy = true;
    list.setAttribute("aria-busy", "true");
    try {
      let found;
      for (let empty = 0; empty < MOST_EMPTY; empty++) {
        found = await page("threads", "threads", this.#asked(), { signal });
        this.#cursor = found.next_cursor;
        if (found.items.length > 0 || this.#cursor === null) break;
      }
      if (first) list.replaceChildren();
      list.append(...found.items.map((text) => item(JSON.parse(text))));
      this.#shown += found.items.length;
      foot.replaceChildren(...this.#foot());
      this.mark(this.#marked);
      say(`${count(this.#shown, "thread")}${this.#cursor === null ? "" : " and more"}.`);
    } catch (error) {
      if (signal.aborted) return;
      if (first) list.replaceChildren();
      foot.replaceChildren(trouble(error, () => this.#read(first)));
      this.#failed(error);
    } finally {
      if (!signal.aborted) {
        this.#busy = false;
        list.removeAttribute("aria-busy");
      }
    }
  }

  #foot() {
    if (this.#cursor !== null) {
      return [el("button", { type: "button", class: "small", click: () => this.#more() }, "More")];
    }
    return [
      el(
        "p",
        { class: "soft" },
        this.#shown === 0
          ? "No thread is like that."
          : `${count(this.#shown, "thread")}, and no more`,
      ),
    ];
  }
}

function item(thread) {
  const { id, title } = thread;
  return el(
    "li",
    {},
    el(
      "a",
      { href: `#/threads/${encodeURIComponent(id)}`, "data-id": id },
      el(
        "span",
        { class: `title${title ? "" : " untitled"}`, dir: "auto" },
        plain(title || "Untitled"),
      ),
      el(
        "span",
        { class: "soft" },
        time(thread.active_at),
        el("span", {}, count(thread.messages, "message")),
        thread.user === null ? null : el("bdi", { class: "user" }, plain(thread.user)),
        thread.status === "active" ? null : badge(thread.status),
        thread.access === "open" ? null : badge(thread.access, "warn"),
      ),
    ),
  );
}

function field(name, input) {
  return el("label", {}, el("span", {}, name), input);
}

/** The beginning of a day where the reader is, so many days later; null for none. */
function midnight(text, days) {
  if (!text) return null;
  const [year, month, date] = text.split("-").map(Number);
  const time = new Date(year, month - 1, date + days);
  return Number.isNaN(time.valueOf()) ? null : time.toISOString();
}
