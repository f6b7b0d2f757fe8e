// The REST routes of this server, as whoever the token says.

import { items, members } from "./json.js";

const TOKEN = "threadkeep-token";
const OWNER = "threadkeep-owner";
const PATIENCE = 60_000;
// The page stands in <root>/inspector/, so the routes stand one step above.
const ROOT = new URL("../", location.origin + location.pathname);

/** What the server refused, or why it could not be asked. */
export class ApiError extends Error {
  constructor(status, code, detail, again = null) {
    super(detail);
    this.status = status;
    this.code = code;
    this.again = again;
  }

  /** A sentence for people. */
  get sentence() {
    if (this.code === "network") return "The server does not answer. Is it still running?";
    if (this.code === "timeout") return "The server took too long to answer.";
    if (this.code === "token_expired") return "This token has expired.";
    if (this.code === "scope_missing") return "This token may not read what is here.";
    if (this.status === 401) return `The server does not take this token: ${this.message}.`;
    if (this.status === 404) return "There is nothing here, or nothing that you may see.";
    if (this.status === 429) {
      return `That was too much at once. Try again in ${this.again ?? "a few"} seconds.`;
    }
    if (this.status === 503) {
      return "The database cannot be reached at the moment. Nothing is lost; try again soon.";
    }
    if (this.status >= 500) return "The server failed. Its log says where.";
    return `The server refuses this: ${this.message}.`;
  }
}

export const session = {
  get token() {
    return sessionStorage.getItem(TOKEN);
  },
  set token(value) {
    keep(TOKEN, value);
  },
  /** The owner that was chosen, null for the caller's own. */
  get owner() {
    return sessionStorage.getItem(OWNER);
  },
  set owner(value) {
    keep(OWNER, value);
  },
};

function keep(name, value) {
  if (value === null) sessionStorage.removeItem(name);
  else sessionStorage.setItem(name, value);
}

/** Whether a header can carry it as it is. */
export function fitsHeader(text) {
  return /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(text);
}

/** A path of these steps, each whatever it holds. ApiError for what no URL can name. */
export function path(...steps) {
  if (steps.some((step) => step === "." || step === "..")) {
    throw new ApiError(404, "unreachable", "browsers take this id out of addresses");
  }
  return steps.map(encodeURIComponent).join("/");
}

/** The address of a route of this server. */
export function address(route, asked = {}) {
  const url = new URL(route, ROOT);
  for (const [name, value] of Object.entries(asked)) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, value);
  }
  return url;
}

/** The text of the answer. ApiError where it is none. */
export async function read(route, asked = {}, { signal } = {}) {
  return send("GET", route, asked, { signal });
}

/** The text of the answer to a call with a body. */
export async function ask(route, body) {
  return send("POST", route, {}, { body: JSON.stringify(body) });
}

/** The parsed answer, for what is not shown as it was stored. */
export async function value(route, asked = {}, options = {}) {
  return JSON.parse(await read(route, asked, options));
}

/** A page: its items as text, and what stands beside them. */
export async function page(route, name, asked = {}, options = {}) {
  const found = members(await read(route, asked, options));
  const rest = {};
  for (const [other, text] of found) if (other !== name) rest[other] = JSON.parse(text);
  return { items: items(found.get(name)), ...rest };
}

/** All values of a list, page by page. */
export async function* all(route, name, asked = {}, options = {}) {
  let cursor = null;
  do {
    const found = await value(route, { ...asked, cursor }, options);
    yield* found[name];
    cursor = found.next_cursor;
  } while (cursor !== null);
}

async function send(method, route, asked, { signal, body } = {}) {
  const headers = new Headers({ Accept: "application/json" });
  if (session.token !== null) headers.set("Authorization", `Bearer ${session.token}`);
  if (session.owner !== null) headers.set("Threadkeep-Owner", session.owner);
  if (body !== undefined) headers.set("Content-Type", "application/json");
  const limit = AbortSignal.timeout(PATIENCE);
  const given = signal === undefined ? limit : AbortSignal.any([signal, limit]);
  try {
    const answer = await fetch(address(route, asked), {
      method,
      headers,
      body,
      signal: given,
      cache: "no-store",
      credentials: "same-origin",
    });
    const text = await answer.text();
    if (!answer.ok) throw refusal(answer, text);
    return text;
  } catch (error) {
    if (error instanceof ApiError || signal?.aborted) throw error;
    if (limit.aborted) throw new ApiError(0, "timeout", "no answer");
    throw new ApiError(0, "network", "no answer");
  }
}

function refusal(answer, text) {
  let told = {};
  try {
    told = JSON.parse(text);
  } catch {
    // A proxy in between answered, in words of its own.
  }
  const code = String(told?.code ?? told?.error ?? "refused");
  const detail = String(told?.detail ?? told?.message ?? `status ${answer.status}`);
  return new ApiError(answer.status, code, detail, answer.headers.get("Retry-After"));
}
