// Parts of a message, each as people read it. What has no form of its own is shown as JSON.

import { el, folded, icon, long, words } from "./dom.js";
import { file, link } from "./files.js";
import { indented, items } from "./json.js";
import { part } from "./thread.js";
import { plain } from "./words.js";

const DEEPEST = 4;
const LINE = 120;

const KINDS = {
  text: (one) => [
    one.it.role ? el("p", { class: "label" }, plain(one.it.role)) : null,
    long(string(one.it.text), words),
  ],
  reasoning: (one) =>
    folded(
      [icon("think"), "Reasoning", hint(string(one.it.text))],
      () => [long(string(one.it.text), words), secret(one)],
      { class: "fold reasoning" },
    ),
  tool_call: call,
  tool_result: (one, at) =>
    folded(
      [
        icon("tool"),
        "Result of ",
        named(one.it.name ?? at.calls.get(one.it.call_id) ?? "a call"),
        ...verdict(one),
      ],
      () => outcome(one, at),
      { class: `fold${one.it.is_error ? " failed" : ""}` },
    ),
  approval: (one) =>
    el(
      "p",
      { class: "note" },
      one.it.approved === true
        ? "Approved"
        : one.it.approved === false
          ? "Refused"
          : "Waits for approval",
      one.it.reason ? ": " : null,
      one.it.reason ? el("bdi", {}, plain(one.it.reason)) : null,
    ),
  file: (one, at) => file(one.it, at.thread),
  source: (one) =>
    el(
      "p",
      { class: "source" },
      el("span", { class: "label" }, "Source"),
      typeof one.it.url === "string"
        ? link(one.it.url, title(one.it))
        : el("bdi", {}, plain(title(one.it) ?? one.it.source_id ?? "without a name")),
    ),
  data: (one) =>
    folded(["Data ", named(one.it.name)], () => json(one.texts.get("data")), { class: "fold" }),
};

/** What shows a part. `at` has the thread, the names of calls and the results of the shown branch. */
export function shown(one, at, depth = 0) {
  const type = string(one.it.type);
  const kind = Object.hasOwn(KINDS, type) ? KINDS[type] : null;
  if (kind === null || depth > DEEPEST)
    return folded(["Part of another form"], () => json(one.text), { class: "fold" });
  return kind(one, { ...at, depth });
}

/** JSON text on lines of its own. */
export function json(text) {
  if (text === undefined) return el("p", { class: "soft" }, "nothing");
  return long(indented(text), (piece) => el("pre", { class: "json", tabindex: "0" }, piece));
}

function call(one, at) {
  const result = at.result(one.it.call_id);
  const state =
    result === null
      ? [badge(one.it.provider_executed ? "run by the provider" : "no result")]
      : verdict(result);
  return folded(
    [icon("tool"), named(one.it.name), hint(one.texts.get("input") ?? ""), ...state],
    () => [
      el("p", { class: "label" }, "Input"),
      json(one.texts.get("input")),
      ...(result === null
        ? []
        : [el("p", { class: "label" }, "Output"), ...[outcome(result, at)].flat()]),
    ],
    { class: `fold${result?.it.is_error ? " failed" : ""}` },
  );
}

/** What a tool answered: texts and files, or any value. */
function outcome(one, at) {
  const content = one.texts.get("content");
  if (content !== undefined && content.startsWith("[")) {
    return items(content).flatMap((text) => shown(part(text), at, at.depth + 1));
  }
  return typeof one.it.output === "string"
    ? long(one.it.output, words)
    : json(one.texts.get("output"));
}

function verdict(one) {
  if (one.it.denied) return [badge("denied", "bad")];
  return [one.it.is_error ? badge("failed", "bad") : badge("done", "good")];
}

export function badge(text, kind = "") {
  return el("span", { class: `badge ${kind}` }, text);
}

function named(name) {
  return el("strong", {}, el("bdi", {}, plain(string(name))));
}

function hint(text) {
  const line = text.slice(0, LINE).replace(/\s+/g, " ");
  return el("span", { class: "hint" }, el("bdi", {}, plain(line)));
}

function secret(one) {
  const kept = ["signature", "encrypted"].filter((name) => one.it[name]);
  return kept.length === 0
    ? null
    : el("p", { class: "soft" }, `With ${kept.join(" and ")}, for the provider.`);
}

function title(it) {
  return it.title ?? it.name ?? null;
}

function string(value) {
  return typeof value === "string" ? value : "";
}
