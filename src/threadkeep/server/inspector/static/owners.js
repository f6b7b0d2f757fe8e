// Whose threads are shown: for callers who may look at those of all owners.

import { ApiError, fitsHeader, session, value } from "./api.js";
import { el, iconButton, time, trouble } from "./dom.js";
import { count, plain } from "./words.js";

const LIMIT = 50;

/** Let the reader choose an owner; `chosen` is told which, null for the caller's own. */
export function chooseOwner(chosen) {
  const dialog = document.getElementById("owners");
  const list = el("ul", { class: "owner-list" });
  const more = el("div", { class: "more" });
  const refused = el("p", { class: "refused", role: "alert", hidden: true });
  const starts = el("input", {
    id: "owner-starts",
    type: "search",
    spellcheck: "false",
    autocapitalize: "off",
    autocomplete: "off",
  });
  const take = (id) => {
    if (id !== null && !fitsHeader(id)) {
      refused.textContent =
        "The name of this owner cannot stand in a header, so a browser cannot ask for it.";
      refused.hidden = false;
      return;
    }
    dialog.close();
    session.owner = id;
    chosen(id);
  };
  let reading = new AbortController();
  const read = async (cursor) => {
    reading.abort();
    reading = new AbortController();
    const { signal } = reading;
    try {
      const found = await value(
        "owners",
        { starts: starts.value, limit: LIMIT, cursor },
        { signal },
      );
      if (cursor === null) list.replaceChildren();
      list.append(...found.owners.map((owner) => entry(owner, take)));
      more.replaceChildren(
        ...(found.next_cursor === null
          ? list.childElementCount === 0
            ? [el("p", { class: "soft" }, "No owner begins so.")]
            : []
          : [
              el(
                "button",
                { type: "button", class: "small", click: () => read(found.next_cursor) },
                "More",
              ),
            ]),
      );
    } catch (error) {
      if (signal.aborted) return;
      const closed = error instanceof ApiError && error.status === 403;
      more.replaceChildren(
        closed
          ? el(
              "p",
              { class: "soft" },
              "The server may not list owners here. Write the whole name of one above.",
            )
          : trouble(error, () => read(cursor)),
      );
    }
  };
  const form = el(
    "form",
    {
      class: "owner-form",
      submit: (event) => {
        event.preventDefault();
        if (starts.value !== "") take(starts.value);
      },
    },
    el("label", { for: "owner-starts" }, "Owner"),
    starts,
    el("button", { type: "submit", class: "small" }, "Look"),
  );
  starts.addEventListener("input", () => read(null));
  dialog.replaceChildren(
    el(
      "div",
      { class: "dialog-head" },
      el("h2", { id: "owners-title" }, "Whose threads?"),
      iconButton("close", "Close", () => dialog.close()),
    ),
    form,
    refused,
    el("button", { type: "button", class: "small", click: () => take(null) }, "My own"),
    list,
    more,
  );
  dialog.addEventListener("close", () => reading.abort(), { once: true });
  dialog.showModal();
  starts.focus();
  read(null);
}

function entry(owner, take) {
  return el(
    "li",
    {},
    el(
      "button",
      { type: "button", click: () => take(owner.id) },
      el("span", { class: "title" }, el("bdi", {}, plain(owner.id))),
      el(
        "span",
        { class: "soft" },
        `${count(owner.threads, "thread")}, active `,
        time(owner.active_at),
      ),
    ),
  );
}
