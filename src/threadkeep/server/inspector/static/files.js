// Files in messages. Pictures are shown from our own signed links, and from nowhere else.

import { address, ask } from "./api.js";
import { el, icon, words } from "./dom.js";
import { plain, size } from "./words.js";

const KEY = /\/v1\/files\/(attachments\/[0-9a-f]{32}(?:\.[a-z0-9]{1,8})?)(?:\?|$)/;
const SHOWN = new Set([
  "image/png",
  "image/jpeg",
  "image/gif",
  "image/webp",
  "image/avif",
  "image/bmp",
]);

/** A file part, with what is known of the file. */
export function file(part, thread) {
  const key = keyOf(part);
  const known = key === null ? undefined : thread.attachments.get(key);
  const name = known?.name ?? text(part.name) ?? (key === null ? "File" : key);
  const type = known?.media_type ?? text(part.media_type);
  const bytes = known?.size ?? inline(part);
  const told = [
    type,
    bytes === null ? null : size(bytes),
    known && !known.stored_at ? "never arrived" : null,
  ];
  return el(
    "figure",
    { class: "file" },
    icon("file"),
    el(
      "figcaption",
      {},
      el("strong", {}, el("bdi", {}, plain(name))),
      el(
        "span",
        { class: "soft" },
        told
          .filter((one) => one !== null)
          .map(plain)
          .join(", "),
      ),
      key === null ? place(part) : null,
    ),
    known?.stored_at && SHOWN.has(known.media_type) ? preview(known) : null,
  );
}

/** An attachment as the facts of a thread list it. */
export function attachment(known) {
  return file(
    { name: known.name, media_type: known.media_type, url: `/v1/files/${known.id}` },
    { attachments: new Map([[known.id, known]]) },
  );
}

/** An address as a link where it is one of the web, else as text. */
export function link(url, name = null) {
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) return words(plain(url));
  return el(
    "a",
    { href: url, rel: "noopener noreferrer", target: "_blank", class: "web" },
    el("bdi", {}, plain(name ?? url)),
  );
}

function keyOf(part) {
  const found = KEY.exec(text(part.url) ?? "");
  return found === null ? null : found[1];
}

function place(part) {
  const url = text(part.url);
  if (url === null) return part.file_id ? el("code", { dir: "ltr" }, plain(part.file_id)) : null;
  return url.startsWith("data:") ? null : link(url.slice(0, 2000));
}

/** How many bytes stand in the message itself, null where none do. */
function inline(part) {
  const data =
    text(part.data) ?? (text(part.url)?.startsWith("data:") ? part.url.split(",")[1] : null);
  return data === null || data === undefined
    ? null
    : Math.floor((data.replace(/=+$/, "").length * 3) / 4);
}

/** The picture, fetched when it comes into view. */
function preview(known) {
  const box = el("div", { class: "preview" });
  const seen = new IntersectionObserver(
    async (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      seen.disconnect();
      try {
        const { signedUrl } = JSON.parse(
          await ask("v1/files/attachments/generate-presigned-download-url", { key: known.id }),
        );
        const here = address(`v1/files/${known.id}`);
        here.search = new URL(signedUrl).search;
        const image = el("img", { src: here.href, alt: plain(known.name), loading: "lazy" });
        image.addEventListener("error", () => box.remove());
        box.replaceChildren(image);
      } catch {
        box.remove();
      }
    },
    { rootMargin: "200px" },
  );
  seen.observe(box);
  return box;
}

function text(value) {
  return typeof value === "string" ? value : null;
}
