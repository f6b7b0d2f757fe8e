import { AttachmentPrimitive, ComposerPrimitive, useAuiState } from "@assistant-ui/react";

import { FileName } from "./files";
import { Icon } from "./icons";

/** Where a message is written. */
export function Composer() {
  const running = useAuiState((state) => state.thread.isRunning);
  return (
    <ComposerPrimitive.AttachmentDropzone asChild>
      <ComposerPrimitive.Root className="composer">
        <Pending />
        <div className="composer-row">
          <ComposerPrimitive.AddAttachment className="icon-button" aria-label="Attach a file">
            <Icon name="attach" />
          </ComposerPrimitive.AddAttachment>
          <ComposerPrimitive.Input
            className="composer-input"
            placeholder="Write a message"
            aria-label="Message"
            rows={1}
            maxRows={8}
            autoFocus
          />
          {running ? (
            <ComposerPrimitive.Cancel className="icon-button filled" aria-label="Stop">
              <Icon name="stop" />
            </ComposerPrimitive.Cancel>
          ) : (
            <ComposerPrimitive.Send className="icon-button filled" aria-label="Send">
              <Icon name="send" />
            </ComposerPrimitive.Send>
          )}
        </div>
      </ComposerPrimitive.Root>
    </ComposerPrimitive.AttachmentDropzone>
  );
}

/** A message of the visitor, while it is written anew. */
export function EditComposer() {
  return (
    <ComposerPrimitive.Root className="composer edit">
      <Pending />
      <ComposerPrimitive.Input className="composer-input" aria-label="Edit the message" autoFocus />
      <div className="composer-row end">
        <ComposerPrimitive.Cancel className="plain">Cancel</ComposerPrimitive.Cancel>
        <ComposerPrimitive.Send className="plain filled">Send</ComposerPrimitive.Send>
      </div>
    </ComposerPrimitive.Root>
  );
}

function Pending() {
  return (
    <div className="files">
      <ComposerPrimitive.Attachments>
        {({ attachment }) => (
          <AttachmentPrimitive.Root className="file" data-status={attachment.status.type}>
            <FileName attachment={attachment} />
            <AttachmentPrimitive.Remove
              className="icon-button small"
              aria-label={`Remove ${attachment.name}`}
            >
              <Icon name="close" />
            </AttachmentPrimitive.Remove>
          </AttachmentPrimitive.Root>
        )}
      </ComposerPrimitive.Attachments>
    </div>
  );
}
