import type { Attachment } from "@assistant-ui/react";

import { Icon } from "./icons";

// A link that a hostile server or visitor gave could run as a script, or show anything as ours.
const opens = (address: string) => {
  try {
    return ["http:", "https:"].includes(new URL(address, window.location.origin).protocol);
  } catch {
    return false;
  }
};

function addressOf(attachment: Attachment): string | undefined {
  for (const part of attachment.content ?? []) {
    if (part.type === "image" && opens(part.image)) return part.image;
    if (part.type === "file" && opens(part.data)) return part.data;
  }
  return undefined;
}

const STATES: Record<string, string> = { running: "uploading", incomplete: "not uploaded" };

/** The name of a file, with how its upload stands. */
export function FileName({ attachment }: { attachment: Attachment }) {
  const state = STATES[attachment.status.type];
  return (
    <span className="file-name">
      <Icon name="file" />
      {attachment.name}
      {state && <small role="status">{state}</small>}
    </span>
  );
}

/** A file that was sent: an image, or a link. */
export function SentFile({ attachment }: { attachment: Attachment }) {
  const address = addressOf(attachment);
  if (address === undefined) return <FileName attachment={attachment} />;
  return (
    <a className="file" href={address} target="_blank" rel="noreferrer" download={attachment.name}>
      {attachment.type === "image" ? (
        <img src={address} alt={attachment.name} />
      ) : (
        <FileName attachment={attachment} />
      )}
    </a>
  );
}
