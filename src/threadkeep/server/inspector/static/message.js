// One message: the view, and beside it the stored text.

import { el, icon, iconButton, id, long, time } from "./dom.js";
import { badge, json, shown } from "./parts.js";
import { parts } from "./thread.js";
import { count, plain, took, used } from "./words.js";

const MOST_SAID = 500;
const ROLES = { user: "User", assistant: "Assistant", system: "System", tool: "Tool" };

/** The article of a message. `at` tells what stands around it, `act` what its buttons do. */
export function article(message, at, act) {
  const name = `m-${message.seq}`;
  const role = ROLES[message.role] ?? plain(message.role);
  const node = el("article", {
    class: `message ${message.role}`,
    tabindex: "-1",
    "aria-labelledby": name,
    "data-seq": message.seq,
  });
  node.append(
    el(
      "header",
      {},
      el("h3", { id: name }, role),
      message.status === "complete"
        ? null
        : badge(message.status, message.status === "failed" ? "bad" : "warn"),
      el("span", { class: "branch" }),
      el("span", { class: "spring" }),
      el("code", { class: "format", title: "The format it is stored in" }, plain(message.format)),
      time(message.created_at),
      el(
        "button",
        {
          type: "button",
          class: "small raw-button",
          "aria-pressed": "false",
          click: () => act.raw(message),
          "aria-label": `Raw text of message ${message.seq}`,
        },
        "Raw",
      ),
    ),
    el("div", { class: "sides" }, el("div", { class: "view" }, ...view(message, at))),
    footer(message, at),
  );
  return node;
}

function view(message, at) {
  const found = parts(message);
  if (found === null) {
    return [
      el("p", { class: "note" }, "Messages of this format can be shown as they are stored only."),
      json(message.raw),
    ];
  }
  if (found.length === 0) return [el("p", { class: "soft" }, "Nothing was said.")];
  return found.flatMap((one) => shown(one, at)).filter((one) => one !== null);
}

/** Show or hide the stored text of a message. */
export function setRaw(node, message, on) {
  node.querySelector(".raw-button").setAttribute("aria-pressed", String(on));
  node.classList.toggle("with-raw", on);
  const there = node.querySelector(".raw");
  if (!on) there?.remove();
  else if (there === null) {
    const text = message.raw ?? "null";
    node.querySelector(".sides").append(
      el(
        "section",
        { class: "raw", "aria-label": `Stored text, ${plain(message.format)}` },
        el(
          "p",
          { class: "label" },
          "Stored as ",
          el("code", {}, plain(message.format)),
          `, ${count(text.length, "character")}`,
        ),
        long(text, (piece) => el("pre", { tabindex: "0", dir: "ltr" }, piece), 200_000),
      ),
    );
  }
}

/** Show at which of how many branches a message stands. */
export function setBranch(node, message, branches, act) {
  const box = node.querySelector(".branch");
  const text = `${branches.indexOf(message.id) + 1} of ${branches.length}`;
  if (box.dataset.shown === text) return;
  box.dataset.shown = text;
  if (branches.length < 2) {
    box.replaceChildren();
    return;
  }
  const step = (by) => act.branch(message, by);
  const place = branches.indexOf(message.id);
  box.replaceChildren(
    el(
      "span",
      { role: "group", "aria-label": "Branches" },
      iconButton("left", "Previous branch", () => step(-1), place === 0 ? { disabled: true } : {}),
      el("span", { class: "place" }, text),
      iconButton(
        "right",
        "Next branch",
        () => step(1),
        place === branches.length - 1 ? { disabled: true } : {},
      ),
    ),
  );
}

function footer(message, at) {
  const run = at.closes(message) ? at.thread.runs.get(message.run) : undefined;
  return el(
    "footer",
    {},
    ...(at.thread.feedback.get(message.id) ?? []).map(opinion),
    run === undefined ? null : ran(run),
    message.tokens === null ? null : el("span", {}, `about ${count(message.tokens, "token")}`),
    id(message.id, "the message's id"),
  );
}

function opinion(one) {
  const good = one.kind === "positive";
  return el(
    "span",
    { class: `opinion ${good ? "good" : "bad"}` },
    icon(good ? "up" : "down"),
    el(
      "div",
      {},
      good ? "Good" : "Bad",
      one.user === null ? null : " for ",
      one.user === null ? null : el("bdi", {}, plain(one.user)),
      one.comment ? ": " : null,
      one.comment ? long(plain(one.comment), (piece) => el("bdi", {}, piece), MOST_SAID) : null,
    ),
  );
}

function ran(run) {
  const told = [
    run.status,
    ...(run.ended_at ? [took(run.started_at, run.ended_at)] : []),
    ...used(run.usage),
  ];
  return el("span", { class: "run", title: plain(run.id) }, `Run: ${told.join(", ")}`);
}
