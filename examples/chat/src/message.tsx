import {
  ActionBarPrimitive,
  BranchPickerPrimitive,
  ErrorPrimitive,
  MessagePrimitive,
  useAuiState,
} from "@assistant-ui/react";
import type { ReactNode } from "react";

import { EditComposer } from "./composer";
import { SentFile } from "./files";
import { Icon } from "./icons";
import { ToolCall } from "./tool-call";

/** What the visitor said. */
export function UserMessage() {
  const editing = useAuiState((state) => state.message.composer.isEditing);
  if (editing) {
    return (
      <MessagePrimitive.Root className="message user">
        <EditComposer />
      </MessagePrimitive.Root>
    );
  }
  return (
    <MessagePrimitive.Root className="message user" role="article" aria-label="You">
      <div className="files">
        <MessagePrimitive.Attachments>
          {({ attachment }) => <SentFile attachment={attachment} />}
        </MessagePrimitive.Attachments>
      </div>
      <div className="bubble">
        <MessagePrimitive.Parts>
          {({ part }) => (part.type === "text" ? <p className="text">{part.text}</p> : null)}
        </MessagePrimitive.Parts>
      </div>
      <div className="below">
        <ActionBarPrimitive.Root className="actions">
          <ActionBarPrimitive.Edit className="icon-button small" aria-label="Edit">
            <Icon name="edit" />
          </ActionBarPrimitive.Edit>
        </ActionBarPrimitive.Root>
        <Branches />
      </div>
    </MessagePrimitive.Root>
  );
}

/** What the model said. */
export function AssistantMessage() {
  return (
    <MessagePrimitive.Root className="message assistant" role="article" aria-label="Assistant">
      <MessagePrimitive.Parts>
        {({ part }) => {
          switch (part.type) {
            case "text":
              return <p className="text">{part.text}</p>;
            case "reasoning":
              return <Reasoning running={part.status.type === "running"}>{part.text}</Reasoning>;
            case "tool-call":
              return <ToolCall {...part} />;
            default:
              return null;
          }
        }}
      </MessagePrimitive.Parts>
      <Waiting />
      <MessagePrimitive.Error>
        <ErrorPrimitive.Root className="failure">
          <ErrorPrimitive.Message />
        </ErrorPrimitive.Root>
      </MessagePrimitive.Error>
      <div className="below">
        <Branches />
        <AnswerActions />
      </div>
    </MessagePrimitive.Root>
  );
}

function Waiting() {
  const waiting = useAuiState(
    (state) => state.message.status?.type === "running" && state.message.content.length === 0,
  );
  return waiting ? (
    <p className="waiting" role="status">
      thinking
    </p>
  ) : null;
}

function Reasoning({ running, children }: { running: boolean; children: ReactNode }) {
  return (
    <details className="reasoning" open={running || undefined}>
      <summary>{running ? "Thinking" : "Thought"}</summary>
      <p className="text">{children}</p>
    </details>
  );
}

function AnswerActions() {
  const thumb = useAuiState((state) => state.message.metadata.submittedFeedback?.type);
  return (
    <ActionBarPrimitive.Root className="actions" hideWhenRunning>
      <ActionBarPrimitive.Copy className="icon-button small" aria-label="Copy">
        <Icon name="copy" />
      </ActionBarPrimitive.Copy>
      <ActionBarPrimitive.Reload className="icon-button small" aria-label="Regenerate">
        <Icon name="regenerate" />
      </ActionBarPrimitive.Reload>
      <ActionBarPrimitive.FeedbackPositive
        className="icon-button small"
        aria-label="Good answer"
        aria-pressed={thumb === "positive"}
      >
        <Icon name="thumbUp" />
      </ActionBarPrimitive.FeedbackPositive>
      <ActionBarPrimitive.FeedbackNegative
        className="icon-button small"
        aria-label="Bad answer"
        aria-pressed={thumb === "negative"}
      >
        <Icon name="thumbDown" />
      </ActionBarPrimitive.FeedbackNegative>
    </ActionBarPrimitive.Root>
  );
}

function Branches() {
  return (
    <BranchPickerPrimitive.Root className="branches" role="group" aria-label="Versions" hideWhenSingleBranch>
      <BranchPickerPrimitive.Previous className="icon-button small" aria-label="Previous version">
        <Icon name="left" />
      </BranchPickerPrimitive.Previous>
      <span>
        <BranchPickerPrimitive.Number /> / <BranchPickerPrimitive.Count />
      </span>
      <BranchPickerPrimitive.Next className="icon-button small" aria-label="Next version">
        <Icon name="right" />
      </BranchPickerPrimitive.Next>
    </BranchPickerPrimitive.Root>
  );
}
