// JSON as text: where its values stand, so that they can be shown as they were stored.
// JSON.parse alone would lose keys that come twice and the spelling of numbers.

const QUOTE = 34,
  BACKSLASH = 92,
  OPEN = new Set([123, 91]),
  CLOSE = new Set([125, 93]);
const SPACE = new Set([32, 9, 10, 13]);
const MOST_INDENTED = 200_000;
const LINE = 72;

/** The place after the string that starts at `at`. */
function afterString(text, at) {
  let quote = at;
  for (;;) {
    quote = text.indexOf('"', quote + 1);
    if (quote < 0) throw new SyntaxError("a string without an end");
    let before = quote - 1;
    while (text.charCodeAt(before) === BACKSLASH) before--;
    if ((quote - before) % 2 === 1) return quote + 1;
  }
}

function afterSpace(text, at) {
  while (SPACE.has(text.charCodeAt(at))) at++;
  return at;
}

/** The place after the value that starts at `at`. */
function afterValue(text, at) {
  let code = text.charCodeAt(at);
  if (code === QUOTE) return afterString(text, at);
  let depth = 0;
  while (at < text.length) {
    code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = afterString(text, at);
      continue;
    }
    if (OPEN.has(code)) depth++;
    else if (CLOSE.has(code)) {
      if (depth === 0) return at;
      depth--;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (code === 44 || SPACE.has(code))) return at;
    at++;
  }
  return at;
}

/** The texts of the members of the object that `text` is: the last one of those with one name. */
export function members(text) {
  const found = new Map();
  for (const [name, start, end] of places(text)) found.set(name, text.slice(start, end));
  return found;
}

function* places(text) {
  let at = afterSpace(text, 0);
  if (text[at] !== "{") return;
  at = afterSpace(text, at + 1);
  while (at < text.length && text[at] !== "}") {
    const named = afterString(text, at);
    const name = JSON.parse(text.slice(at, named));
    const start = afterSpace(text, afterSpace(text, named) + 1);
    const end = afterValue(text, start);
    yield [name, start, end];
    at = afterSpace(text, end);
    if (text[at] === ",") at = afterSpace(text, at + 1);
  }
}

/** The texts of the items of the list that `text` is. */
export function items(text) {
  const found = [];
  let at = afterSpace(text, 0);
  if (text[at] !== "[") return found;
  at = afterSpace(text, at + 1);
  while (at < text.length && text[at] !== "]") {
    const end = afterValue(text, at);
    found.push(text.slice(at, end));
    at = afterSpace(text, end);
    if (text[at] === ",") at = afterSpace(text, at + 1);
  }
  return found;
}

/** An object whose member `name` stays text, under `raw`; null where it is null or is not there. */
export function withRaw(text, name) {
  for (const [found, start, end] of places(text)) {
    if (found !== name) continue;
    const raw = text.slice(start, end);
    const value = JSON.parse(`${text.slice(0, start)}null${text.slice(end)}`);
    return { ...value, raw: raw === "null" ? null : raw };
  }
  return { ...JSON.parse(text), raw: null };
}

/** The place after the list or object that starts at `at`; 0 where that is too long for a line. */
function afterShort(text, at) {
  const most = Math.min(text.length, at + LINE);
  let depth = 0;
  while (at < most) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = afterString(text, at);
      continue;
    }
    if (OPEN.has(code)) depth++;
    if (CLOSE.has(code)) depth--;
    at++;
    if (depth === 0) return at;
  }
  return 0;
}

/** The same JSON on several lines; every value stays as it is spelled. */
export function indented(text) {
  if (text.length > MOST_INDENTED) return text;
  const pieces = [];
  let depth = 0;
  let flat = 0; // what stands before this place is on one line
  const line = (at, between = "") => {
    if (at < flat) pieces.push(between);
    else pieces.push("\n", "  ".repeat(Math.min(depth, 40)));
  };
  for (let at = 0; at < text.length;) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = afterString(text, at);
      pieces.push(text.slice(at, end));
      at = end;
      continue;
    }
    const next = afterSpace(text, at + 1);
    if (OPEN.has(code)) {
      pieces.push(text[at]);
      if (CLOSE.has(text.charCodeAt(next))) {
        pieces.push(text[next]);
        at = next + 1;
        continue;
      }
      depth++;
      if (at >= flat) flat = depth > 1 ? afterShort(text, at) : 0;
      line(at);
    } else if (CLOSE.has(code)) {
      depth--;
      line(at);
      pieces.push(text[at]);
    } else if (code === 44) {
      pieces.push(",");
      line(at, " ");
    } else if (code === 58) pieces.push(": ");
    else if (!SPACE.has(code)) pieces.push(text[at]);
    at++;
  }
  return pieces.join("");
}
