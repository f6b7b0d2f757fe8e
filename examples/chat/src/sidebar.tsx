import {
  ThreadListItemPrimitive,
  ThreadListPrimitive,
  useAui,
  useAuiState,
} from "@assistant-ui/react";
import { useEffect, useRef, useState } from "react";

import { Icon } from "./icons";

const UNTITLED = "New chat";

/** The visitor's chats: open, rename, archive, delete. */
export function Sidebar() {
  const [shown, setShown] = useState(false);
  const open = useAuiState((state) => state.threads.mainThreadId);
  const archived = useAuiState((state) => state.threads.archivedThreadIds.length);
  const failed = useAuiState((state) => state.threads.loadError !== undefined);
  useEffect(() => setShown(false), [open]);

  return (
    <aside className="sidebar" data-shown={shown} aria-label="Chats">
      <div className="sidebar-head">
        <button
          type="button"
          className="only-narrow icon-button"
          aria-expanded={shown}
          aria-controls="chats"
          aria-label={shown ? "Hide chats" : "Show chats"}
          onClick={() => setShown(!shown)}
        >
          <Icon name={shown ? "close" : "menu"} />
        </button>
        <h1>threadkeep</h1>
      </div>
      <ThreadListPrimitive.Root id="chats" className="chats">
        <ThreadListPrimitive.New className="new-chat" onClick={() => setShown(false)}>
          <Icon name="add" /> New chat
        </ThreadListPrimitive.New>
        <div className="scrolling">
          <ul aria-label="Open chats">
            <ThreadListPrimitive.Items>{() => <Item />}</ThreadListPrimitive.Items>
          </ul>
          {archived > 0 && (
            <details>
              <summary>Archived ({archived})</summary>
              <ul aria-label="Archived chats">
                <ThreadListPrimitive.Items archived>{() => <Item />}</ThreadListPrimitive.Items>
              </ul>
            </details>
          )}
          <ThreadListPrimitive.LoadMore className="more">Older chats</ThreadListPrimitive.LoadMore>
          {failed && <p role="alert">The chats could not be loaded.</p>}
        </div>
      </ThreadListPrimitive.Root>
    </aside>
  );
}

function Item() {
  const aui = useAui();
  const [renaming, setRenaming] = useState(false);
  const [leaving, setLeaving] = useState(false);
  const title = useAuiState((state) => state.threadListItem.title) || UNTITLED;
  const archived = useAuiState((state) => state.threadListItem.status === "archived");
  if (renaming) {
    return <Rename title={title} onEnd={() => setRenaming(false)} />;
  }
  return (
    <ThreadListItemPrimitive.Root asChild>
      <li className="item">
        <button
          type="button"
          className="item-title"
          title={title}
          onClick={() => aui.threadListItem.switchTo({ unarchive: false })}
        >
          {title}
        </button>
        <div className="item-actions">
          <Action icon="edit" label={`Rename ${title}`} onClick={() => setRenaming(true)} />
          {archived ? (
            <Action
              icon="restore"
              label={`Take back ${title}`}
              onClick={() => aui.threadListItem.unarchive()}
            />
          ) : (
            <Action
              icon="archive"
              label={`Archive ${title}`}
              onClick={() => aui.threadListItem.archive()}
            />
          )}
          <Action icon="remove" label={`Delete ${title}`} onClick={() => setLeaving(true)} />
        </div>
        {leaving && <Deletion title={title} onEnd={() => setLeaving(false)} />}
      </li>
    </ThreadListItemPrimitive.Root>
  );
}

function Action(props: {
  icon: "edit" | "archive" | "restore" | "remove";
  label: string;
  onClick: () => void;
}) {
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={props.label}
      title={props.label}
      onClick={props.onClick}
    >
      <Icon name={props.icon} />
    </button>
  );
}

function Rename({ title, onEnd }: { title: string; onEnd: () => void }) {
  const aui = useAui();
  const [text, setText] = useState(title);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.select(), []);
  return (
    <li className="item">
      <form
        className="rename"
        onSubmit={(event) => {
          event.preventDefault();
          const asked = text.trim();
          if (asked && asked !== title) aui.threadListItem.rename(asked);
          onEnd();
        }}
      >
        <input
          ref={field}
          aria-label="Title of the chat"
          value={text}
          maxLength={255}
          onChange={(event) => setText(event.target.value)}
          onBlur={onEnd}
          onKeyDown={(event) => event.key === "Escape" && onEnd()}
        />
      </form>
    </li>
  );
}

function Deletion({ title, onEnd }: { title: string; onEnd: () => void }) {
  const aui = useAui();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (!dialog.current?.open) dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} onClose={onEnd} aria-labelledby="deletion">
      <p id="deletion">Delete the chat {title}? It cannot be brought back.</p>
      <div className="dialog-actions">
        <button type="button" onClick={() => dialog.current?.close()}>
          Keep
        </button>
        <button type="button" className="danger" onClick={() => aui.threadListItem.delete()}>
          Delete
        </button>
      </div>
    </dialog>
  );
}
