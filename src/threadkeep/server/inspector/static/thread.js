// One thread, read bit by bit: the newest messages first, since a reader wants the end.

import { ApiError, all, page, path, read, value } from "./api.js";
import { items, members, withRaw } from "./json.js";
import { Tree } from "./tree.js";

const FIRST = 60;
const MORE = 200;
const MOST = 1000;
const AT_ONCE = 8;
// Ours says it all: messages of every format can be read as this one.
const TYPED = "threadkeep";

let spoken = null;

/** The formats that can be shown as parts. */
async function known(options) {
  spoken ??= value("dialects", {}, options).then(
    ({ dialects }) => new Set(dialects.flatMap(({ name, also }) => [name, ...also])),
  );
  try {
    return await spoken;
  } catch (error) {
    spoken = null;
    throw error;
  }
}

export class Thread {
  tree = new Tree();
  facts = null;
  leaf = null;
  runs = new Map();
  feedback = new Map();
  attachments = new Map();
  usage = null;
  #cursor = null;
  #finished = false;
  #runs = null;
  #options;

  constructor(id, signal) {
    this.id = id;
    this.route = path("threads", id);
    this.#options = { signal };
  }

  /** Read what stands above the messages, and the first of these. */
  async open() {
    const text = await read(this.route, {}, this.#options);
    this.facts = { ...withRaw(text, "payload"), metadata: members(text).get("metadata") };
    await Promise.all([this.#opinions(), this.#files(), this.#used(), this.#read(FIRST)]);
    while (!this.#finished && this.facts.head !== null && !this.tree.has(this.facts.head)) {
      await this.#read(MORE);
    }
    // The head may have been deleted since it was read.
    this.show(this.tree.has(this.facts.head) ? this.facts.head : this.tree.newest);
    await this.#cover();
  }

  /** Show the branch of this message, down to its newest leaf. */
  show(id) {
    this.leaf = id === null ? null : this.tree.leaf(id);
  }

  /** The messages that are shown, oldest first, as far as they were read. */
  get path() {
    return this.leaf === null ? [] : this.tree.path(this.leaf);
  }

  /** Whether older messages of the shown branch have not been read yet. */
  get hasEarlier() {
    const [first] = this.path;
    return first !== undefined && !this.#finished && this.tree.get(first).parent !== null;
  }

  /** The branches at a message, once all of them are known. */
  branches(id) {
    const { parent } = this.tree.get(id);
    const complete = this.#finished || (parent !== null && this.tree.has(parent));
    return complete ? this.tree.siblings(id) : [id];
  }

  /** Read older messages until there are more to show; `whole` until there are no more. */
  async earlier({ whole = false, told = () => {} } = {}) {
    const before = this.path.length;
    while (this.hasEarlier && (whole || this.path.length === before)) {
      await this.#read(whole ? MOST : MORE);
      told(this.path.length);
    }
    await this.#cover();
  }

  async #read(limit) {
    const asked = { tree: true, order: "desc", limit, cursor: this.#cursor };
    const route = `${this.route}/messages`;
    const found = await page(route, "messages", asked, this.#options);
    const messages = found.items.map((text) => withRaw(text, "payload"));
    await this.#type(messages, route, asked);
    this.tree.add(messages);
    this.#cursor = found.next_cursor;
    this.#finished = found.next_cursor === null;
  }

  /** Give each message `typed`, its text as an item of ours; null where that cannot be had. */
  async #type(messages, route, asked) {
    for (const message of messages) message.typed = message.format === TYPED ? message.raw : null;
    const foreign = messages.filter((message) => message.typed === null);
    if (foreign.length === 0) return;
    const dialects = await known(this.#options);
    const readable = foreign.filter((message) => dialects.has(message.format));
    if (readable.length === foreign.length && (await this.#typeAll(messages, route, asked))) return;
    const left = readable.filter((message) => message.typed === null);
    const next = async () => {
      while (left.length > 0) await this.#typeOne(left.shift());
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
  }

  async #typeAll(messages, route, asked) {
    try {
      const found = await page(route, "messages", { ...asked, dialect: TYPED }, this.#options);
      const place = new Map(found.sources.map(([id], index) => [id, index]));
      for (const message of messages) {
        if (place.has(message.id)) message.typed = found.items[place.get(message.id)];
      }
    } catch (error) {
      if (!refused(error)) throw error;
    }
    return messages.every((message) => message.typed !== null);
  }

  async #typeOne(message) {
    const route = `${this.route}/messages/${path(message.id)}`;
    try {
      message.typed = await read(route, { dialect: TYPED }, this.#options);
    } catch (error) {
      if (!refused(error)) throw error;
    }
  }

  async #opinions() {
    for await (const one of all(
      `${this.route}/feedback`,
      "feedback",
      { limit: MOST },
      this.#options,
    )) {
      const known = this.feedback.get(one.message) ?? [];
      this.feedback.set(one.message, [...known, one]);
    }
  }

  async #files() {
    const asked = { thread: this.id, limit: MOST };
    for await (const one of all("attachments", "attachments", asked, this.#options)) {
      this.attachments.set(one.id, one);
    }
  }

  async #used() {
    const asked = { by: "thread", thread: this.id };
    const { totals } = await value("usage", asked, this.#options);
    this.usage = totals[0] ?? null;
  }

  /** Read runs, the latest first, until those of all shown messages are known. */
  async #cover() {
    this.#runs ??= all(`${this.route}/runs`, "runs", { limit: MORE }, this.#options);
    const missing = new Set(this.path.map((id) => this.tree.get(id).run));
    for (const id of [null, undefined, ...this.runs.keys()]) missing.delete(id);
    while (missing.size > 0) {
      const { value: run, done } = await this.#runs.next();
      if (done) return;
      this.runs.set(run.id, run);
      missing.delete(run.id);
    }
  }
}

/** Whether the server says that it cannot say it so, and not that something failed. */
function refused(error) {
  return error instanceof ApiError && [404, 409, 422].includes(error.status);
}

/** The parts of a message: each parsed, with the texts of its members. Null where it has none. */
export function parts(message) {
  message.parts ??= partsIn(message.typed);
  return message.parts;
}

function partsIn(typed) {
  const listed = typed === null ? undefined : members(typed).get("parts");
  return listed === undefined ? null : items(listed).map(part);
}

/** A part: parsed as `it`, and the texts of its members; any other value is `text` alone. */
export function part(text) {
  const it = JSON.parse(text);
  const object = it !== null && typeof it === "object" && !Array.isArray(it);
  return { it: object ? it : {}, texts: object ? members(text) : new Map(), text };
}
