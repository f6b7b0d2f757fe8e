// The messages of a thread as far as they were read: a tree, of which one path is shown.

export class Tree {
  #known = new Map();
  #below = new Map();

  /** The message that came last, null where there is none. */
  newest = null;

  get(id) {
    return this.#known.get(id);
  }

  has(id) {
    return this.#known.has(id);
  }

  /** Take in messages with `id`, `parent` and `seq`. One that is known already stays as it is. */
  add(messages) {
    for (const message of messages) {
      if (this.#known.has(message.id)) continue;
      this.#known.set(message.id, message);
      if (this.newest === null || message.seq > this.get(this.newest).seq) this.newest = message.id;
      const beside = this.#below.get(message.parent);
      if (beside === undefined) this.#below.set(message.parent, [message.id]);
      else beside.push(message.id);
    }
    for (const { parent } of messages) {
      const beside = this.#below.get(parent);
      if (beside.length > 1) beside.sort((one, other) => this.get(one).seq - this.get(other).seq);
    }
  }

  /** The path to a leaf as far as it is known, oldest first. */
  path(leaf) {
    const found = [];
    for (let at = leaf; at !== null && this.has(at); at = this.get(at).parent) found.push(at);
    return found.reverse();
  }

  /** A message and those beside it, in order. */
  siblings(id) {
    return this.#below.get(this.get(id).parent);
  }

  /** The newest message below this one, or itself. */
  leaf(id) {
    let newest = id;
    const left = [id];
    while (left.length > 0) {
      const at = left.pop();
      if (this.get(at).seq > this.get(newest).seq) newest = at;
      left.push(...(this.#below.get(at) ?? []));
    }
    return newest;
  }
}
