import { ThreadPrimitive, useAuiState } from "@assistant-ui/react";
import { useEffect, useState } from "react";

import { Composer } from "./composer";
import { Icon } from "./icons";
import { AssistantMessage, UserMessage } from "./message";
import { modelName } from "./model";

const SUGGESTIONS = [
  "What is the weather in Lisbon?",
  "Tell me a story of three lines",
  "What can you do?",
];

/** The open chat. */
export function Conversation() {
  return (
    <ThreadPrimitive.Root asChild>
      <main className="conversation">
        <Head />
        <ThreadPrimitive.Viewport className="viewport">
          <Empty />
          <div className="messages" role="log" aria-label="Conversation">
            <ThreadPrimitive.Messages>
              {({ message }) => (message.role === "user" ? <UserMessage /> : <AssistantMessage />)}
            </ThreadPrimitive.Messages>
          </div>
          <ThreadPrimitive.ViewportFooter className="footer">
            <ThreadPrimitive.ScrollToBottom className="to-bottom" aria-label="To the end">
              <Icon name="down" />
            </ThreadPrimitive.ScrollToBottom>
            <Composer />
          </ThreadPrimitive.ViewportFooter>
        </ThreadPrimitive.Viewport>
      </main>
    </ThreadPrimitive.Root>
  );
}

function Head() {
  const title = useAuiState((state) => state.threadListItem.title);
  const [name, setName] = useState("");
  useEffect(() => {
    const gone = new AbortController();
    modelName(gone.signal).then(setName, () => undefined);
    return () => gone.abort();
  }, []);
  return (
    <header className="head">
      <h2>{title || "New chat"}</h2>
      {name && <span className="model">{name}</span>}
    </header>
  );
}

function Empty() {
  const empty = useAuiState((state) => state.thread.isEmpty && !state.thread.isLoading);
  if (!empty) return null;
  return (
    <div className="empty">
      <p className="welcome">What would you like to know?</p>
      <div className="suggestions">
        {SUGGESTIONS.map((prompt) => (
          <ThreadPrimitive.Suggestion key={prompt} prompt={prompt} send>
            {prompt}
          </ThreadPrimitive.Suggestion>
        ))}
      </div>
    </div>
  );
}
