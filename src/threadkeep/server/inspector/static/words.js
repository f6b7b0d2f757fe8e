// Values in words: times, numbers, sizes, and names that may hold anything.

const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", timeZone: "UTC" });
const NUMBER = new Intl.NumberFormat(undefined);
// So many digits or so many places, whichever says more: no small sum is 0, no large one is cut.
const precise = (maximumSignificantDigits, maximumFractionDigits, more = {}) =>
  new Intl.NumberFormat(undefined, {
    maximumSignificantDigits,
    maximumFractionDigits,
    roundingPriority: "morePrecision",
    ...more,
  });
const SHORT = precise(3, 1, { notation: "compact" });
const COST = precise(4, 2);

// What is not seen but changes how the rest is read: controls, marks of direction, lone surrogates.
const UNSEEN =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]|\p{Cs}/gu;

/** A name or an id in which nothing hides; JSON where it is no text. */
export function plain(text) {
  return (typeof text === "string" ? text : JSON.stringify(text)).replace(UNSEEN, (found) => {
    const code = found.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    return `\u27e8U+${code}\u27e9`;
  });
}

export const number = (value) => NUMBER.format(value);
export const short = (value) => SHORT.format(value);
export const cost = (value) => COST.format(value);
export const exactly = (time) => EXACT.format(new Date(time));
export const when = (time) => WHEN.format(new Date(time));
export const day = (key) => DAY.format(new Date(`${key}T00:00:00Z`));

/** `1 message`, `2 messages`. */
export function count(value, one, many = `${one}s`) {
  return `${number(value)} ${value === 1 ? one : many}`;
}

/** How many bytes, roughly. */
export function size(bytes) {
  const units = ["bytes", "KB", "MB", "GB"];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) {
    bytes /= 1000;
    unit++;
  }
  return `${unit === 0 || bytes >= 100 ? Math.round(bytes) : bytes.toFixed(1)} ${units[unit]}`;
}

/** How long something took. */
export function took(from, to) {
  const seconds = (new Date(to) - new Date(from)) / 1000;
  if (seconds < 1) return `${Math.max(0, Math.round(seconds * 1000))} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** What something used, in words; empty where nothing is known. */
export function used(usage) {
  const told = [];
  const tokens = (value, way, part, name) => {
    if (value === null) return;
    told.push(`${number(value)} tokens ${way}${part ? ` (${number(part)} ${name})` : ""}`);
  };
  tokens(usage.input_tokens, "in", usage.cached_tokens, "cached");
  tokens(usage.output_tokens, "out", usage.reasoning_tokens, "reasoning");
  if (usage.cost !== null) told.push(`cost ${usage.cost}`);
  return told;
}
