// What is known of a thread, above its messages.

import { el, folded, id, time } from "./dom.js";
import { attachment } from "./files.js";
import { badge, json } from "./parts.js";
import { count, plain, used } from "./words.js";

/** One line about the thread, and all else when it is opened. */
export function facts(thread) {
  const known = thread.facts;
  const line = [
    count(known.messages, "message"),
    count(known.turns, "turn"),
    ...(thread.usage === null ? [] : used(thread.usage.usage)),
    ...(thread.attachments.size > 0 ? [count(thread.attachments.size, "file")] : []),
  ];
  return folded(
    [
      el("span", {}, line.join(", ")),
      known.status === "active" ? null : badge(known.status),
      known.access === "open" ? null : badge(known.access, "warn"),
    ].filter((one) => one !== null),
    () => body(thread),
    { class: "facts" },
  );
}

function body(thread) {
  const known = thread.facts;
  const rows = [
    ["Thread", id(known.id, "the thread's id")],
    ["Owner", id(known.owner, "the owner's id")],
    ["User", known.user === null ? null : id(known.user, "the user's id")],
    ["External id", known.external_id === null ? null : id(known.external_id, "the external id")],
    ["Head", known.head === null ? null : id(known.head, "the head's id")],
    ["Made", time(known.created_at)],
    ["Active", time(known.active_at)],
    ["Changed", time(known.updated_at)],
    ["Status", known.status],
    ["Access", access(known)],
    ["Revision", String(known.revision)],
    [
      "Runs",
      thread.usage === null
        ? null
        : [count(thread.usage.count, "run"), ...used(thread.usage.usage)].join(", "),
    ],
  ];
  return [
    el(
      "dl",
      {},
      ...rows
        .filter(([, value]) => value !== null)
        .map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
    ),
    known.metadata === "null" ? null : section("Metadata", json(known.metadata)),
    known.raw === null ? null : section(`Thread object, ${plain(known.format)}`, json(known.raw)),
    thread.attachments.size === 0
      ? null
      : section(
          "Files",
          el("div", { class: "files" }, ...[...thread.attachments.values()].map(attachment)),
        ),
  ].filter((one) => one !== null);
}

function access(known) {
  if (!known.access_reason) return known.access;
  return el("span", {}, `${known.access}: `, el("bdi", {}, plain(known.access_reason)));
}

function section(name, ...content) {
  return el("section", {}, el("h2", {}, name), ...content);
}
