// A conversation: one branch of a thread, its messages from the oldest that was read to the newest.

import { el, iconButton, say, trouble } from "./dom.js";
import { facts } from "./facts.js";
import { article, setBranch, setRaw } from "./message.js";
import { Thread, parts } from "./thread.js";
import { count, plain } from "./words.js";

const ROOM = "600px";

export class Conversation {
  #main;
  #signal;
  #told;
  #articles = new Map();
  #ids = new WeakMap();
  #raw = new Set();
  #allRaw = false;
  #busy = false;
  #results = new Map();
  #calls = new Map();
  #last = new Map();
  #act = {
    raw: (message) => this.#toggleRaw(message),
    branch: (message, by) => this.#step(message, by),
  };

  /** `told` has `opened`, which is given the title, and `failed`, which is given an error. */
  constructor(main, id, signal, told) {
    this.#main = main;
    this.#signal = signal;
    this.#told = told;
    this.id = id;
  }

  /** Read the thread and show its end. */
  async open() {
    this.#main.replaceChildren(el("p", { class: "waiting" }, "Reading the thread"));
    this.#main.setAttribute("aria-busy", "true");
    try {
      this.thread = new Thread(this.id, this.#signal);
      await this.thread.open();
    } catch (error) {
      if (this.#signal.aborted) return;
      const head = el(
        "header",
        { class: "thread-head" },
        el("div", { class: "title-line" }, this.#back()),
      );
      this.#main.replaceChildren(
        head,
        trouble(error, () => this.open()),
      );
      this.#told.failed(error);
      return;
    } finally {
      if (!this.#signal.aborted) this.#main.removeAttribute("aria-busy");
    }
    this.#frame();
    this.#render();
    this.#main.scrollTop = this.#main.scrollHeight;
    this.#watch();
    this.#told.opened(this.#title());
    say(`${this.#title()}, ${count(this.thread.facts.messages, "message")}.`);
  }

  // --- what keys do -----------------------------------------------------------------------------

  /** Focus the next message or the previous one; from elsewhere the last one that is seen. */
  move(by) {
    const now = this.#current();
    if (now === null) this.focus();
    else if (by > 0) this.#focus(now.nextElementSibling ?? now);
    else if (now.previousElementSibling !== null) this.#focus(now.previousElementSibling);
    else
      this.#earlier().then(() => now.isConnected && this.#focus(now.previousElementSibling ?? now));
  }

  /** Focus the last message that is seen. */
  focus() {
    const { bottom } = this.#main.getBoundingClientRect();
    let node = this.#list?.lastElementChild ?? null;
    while (node?.previousElementSibling && node.getBoundingClientRect().top >= bottom)
      node = node.previousElementSibling;
    if (node?.matches(".message")) this.#focus(node);
    else this.#main.focus();
  }

  raw() {
    const message = this.#message();
    if (message !== null) this.#toggleRaw(message);
  }

  rawAll() {
    if (this.#list === null) return;
    this.#allRaw = !this.#allRaw;
    this.#raw.clear();
    this.#allButton.setAttribute("aria-pressed", String(this.#allRaw));
    for (const id of this.thread.path) this.#showRaw(id);
  }

  branch(by) {
    const message = this.#message();
    if (message !== null) this.#step(message, by);
  }

  // --- the page ---------------------------------------------------------------------------------

  get #list() {
    return this.#main.querySelector(".messages");
  }

  get #allButton() {
    return this.#main.querySelector(".raw-all");
  }

  #title() {
    return plain(this.thread.facts.title ?? "Untitled");
  }

  #back() {
    return iconButton("back", "Back to the threads", () => (location.hash = "#/"), {
      class: "icon-button back",
    });
  }

  #frame() {
    const { title } = this.thread.facts;
    this.#main.replaceChildren(
      el(
        "header",
        { class: "thread-head" },
        el(
          "div",
          { class: "title-line" },
          this.#back(),
          el("h1", { dir: "auto", class: title ? "" : "untitled" }, this.#title()),
          iconButton("reload", "Read this thread again", () => this.open()),
          el(
            "button",
            {
              type: "button",
              class: "small raw-all",
              "aria-pressed": String(this.#allRaw),
              click: () => this.rawAll(),
              "aria-label": "Raw text of all messages",
            },
            "Raw",
          ),
        ),
        facts(this.thread),
      ),
      el("div", { class: "earlier" }),
      el("section", { class: "messages", "aria-label": "Messages" }),
    );
    this.#articles.clear();
  }

  /** Bring the page to the path that is shown; what stays the same stays there. */
  #render() {
    const { thread } = this;
    const path = thread.path;
    this.#index(path);
    const at = {
      thread,
      calls: this.#calls,
      result: (id) => this.#results.get(id) ?? null,
      closes: (message) => this.#last.get(message.run) === message.id,
    };
    const wanted = new Set(path);
    for (const [id, node] of this.#articles) {
      if (wanted.has(id)) continue;
      node.remove();
      this.#articles.delete(id);
    }
    let next = null;
    for (const id of path.toReversed()) {
      const message = thread.tree.get(id);
      let node = this.#articles.get(id);
      if (node === undefined) {
        node = article(message, at, this.#act);
        this.#articles.set(id, node);
        this.#ids.set(node, id);
        this.#list.insertBefore(node, next);
        this.#showRaw(id);
      }
      setBranch(node, message, thread.branches(id), this.#act);
      next = node;
    }
    if (path.length === 0)
      this.#list.replaceChildren(el("p", { class: "waiting" }, "This thread has no messages."));
    this.#foot(path.length);
  }

  /** What calls are named, what came of them, and where runs end, on this path. */
  #index(path) {
    this.#results.clear();
    this.#calls.clear();
    this.#last.clear();
    for (const id of path) {
      const message = this.thread.tree.get(id);
      if (message.run) this.#last.set(message.run, id);
      for (const one of parts(message) ?? []) {
        if (one.it.type === "tool_call") this.#calls.set(one.it.call_id, one.it.name);
        if (one.it.type === "tool_result") this.#results.set(one.it.call_id, one);
      }
    }
  }

  #foot(shown) {
    const { thread } = this;
    const box = this.#main.querySelector(".earlier");
    if (!thread.hasEarlier) {
      box.replaceChildren();
      return;
    }
    box.replaceChildren(
      el("p", { class: "soft" }, `The newest ${count(shown, "message")} of this branch`),
      el(
        "button",
        { type: "button", class: "small", click: () => this.#earlier() },
        "Earlier ones",
      ),
      el(
        "button",
        { type: "button", class: "small", click: () => this.#earlier(true) },
        "From the beginning",
      ),
    );
  }

  /** Read on when the reader comes near the top. */
  #watch() {
    const box = this.#main.querySelector(".earlier");
    const seen = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) this.#earlier();
      },
      { root: this.#main, rootMargin: `${ROOM} 0px 0px 0px` },
    );
    seen.observe(box);
    this.#signal.addEventListener("abort", () => seen.disconnect());
  }

  async #earlier(whole = false) {
    if (this.#busy || !this.thread.hasEarlier) return;
    this.#busy = true;
    const box = this.#main.querySelector(".earlier");
    const note = el("p", { class: "soft", role: "status" }, "Reading");
    box.replaceChildren(note);
    try {
      await this.thread.earlier({
        whole,
        told: (read) => (note.textContent = `Reading: ${count(read, "message")}`),
      });
      if (this.#signal.aborted) return;
      this.#keepPlace(() => this.#render());
      if (whole) this.#focus(this.#list.firstElementChild);
    } catch (error) {
      if (!this.#signal.aborted) box.replaceChildren(trouble(error, () => this.#earlier(whole)));
    } finally {
      this.#busy = false;
    }
  }

  /** Change the page above what is read without moving that. */
  #keepPlace(change) {
    const first = this.#list.firstElementChild;
    const before = first?.getBoundingClientRect().top;
    change();
    if (first?.isConnected) this.#main.scrollTop += first.getBoundingClientRect().top - before;
  }

  // --- messages ---------------------------------------------------------------------------------

  #current() {
    return document.activeElement?.closest(".message") ?? null;
  }

  #message() {
    const id = this.#ids.get(this.#current());
    return id === undefined ? null : this.thread.tree.get(id);
  }

  #focus(node) {
    node.focus({ preventScroll: true });
    node.scrollIntoView({ block: "nearest" });
  }

  #toggleRaw(message) {
    if (this.#raw.has(message.id)) this.#raw.delete(message.id);
    else this.#raw.add(message.id);
    this.#showRaw(message.id);
  }

  #showRaw(id) {
    const node = this.#articles.get(id);
    if (node !== undefined)
      setRaw(node, this.thread.tree.get(id), this.#allRaw !== this.#raw.has(id));
  }

  /** Show the branch beside this one; what was focused stays at the same place. */
  #step(message, by) {
    const branches = this.thread.branches(message.id);
    const next = branches[branches.indexOf(message.id) + by];
    if (next === undefined) return;
    this.thread.show(next);
    // A call above may be answered in each branch by itself.
    for (const id of this.thread.path) {
      const known = this.thread.tree.get(id);
      if (known.turn !== message.turn || known.seq >= message.seq) continue;
      this.#articles.get(id)?.remove();
      this.#articles.delete(id);
    }
    this.#render();
    const node = this.#articles.get(next);
    this.#focus(node);
    say(`Branch ${branches.indexOf(next) + 1} of ${branches.length}.`);
  }
}
