"""ThreadHistoryAdapter: the messages of one thread, with all branches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from threadkeep.adapters.assistant_ui.messages import (
    config_of,
    entry_of,
    id_of,
    parted,
    stored,
    time_of,
)
from threadkeep.adapters.assistant_ui.rows import FormatHistory, MessageFormat
from threadkeep.adapters.assistant_ui.shown import thread_message
from threadkeep.adapters.assistant_ui.trees import Node, read_tree
from threadkeep.adapters.assistant_ui.upsert import upsert
from threadkeep.store import Owner
from threadkeep.values.message import Message
from threadkeep.values.parts import Json

_FORMAT: Final = "aui/v0"


class ThreadHistory:
    """The history adapter of one thread, as `useLocalRuntime` takes it.

    Messages are assistant-ui's ThreadMessage as JSON, decoded or as text, which is kept verbatim.
    They are stored under `aui/v0` without `id` and `createdAt`, which stand beside; the ids are the
    client's. Each write is safe to repeat, and gives the message as it is stored. A thread that is
    absent is made by the first message.
    """

    def __init__(self, chat: Owner, thread_id: str) -> None:
        self._chat = chat
        self.thread_id = thread_id

    async def load(self) -> dict[str, Any]:
        """`{headId, messages: [{message, parentId, runConfig?}]}`, each after its parent.

        All branches are there, and each message has all that assistant-ui relies on. headId is the
        head, or the newest leaf below it, since the client drops what hangs below its head. Empty,
        with headId None, for an unknown thread. Messages of other formats are converted; what
        cannot be said is in `losses`, which is there only where something is lost. Of a message
        that becomes several the last has its id, and the others have ids that are not stored.
        """
        tree = await read_tree(self._chat, self.thread_id, _FORMAT)
        found: dict[str, Any] = {
            "headId": tree.head_id,
            "messages": [_entry(node) for node in tree.nodes],
        }
        losses = [asdict(loss) for node in tree.nodes for loss in node.losses]
        return found | {"losses": losses} if losses else found

    async def append(self, item: Mapping[str, Json]) -> Message:
        """Store `{message, parentId, runConfig?}` under its parent, null for a new root.

        The same message again is the same row; other content under its id is a ConflictError, and
        NotFoundError is raised for a parent that is not there.
        """
        message, parent = _draft(item)
        return (await self._chat.messages.append(self.thread_id, message, parent=parent))[0]

    async def update(self, item: Mapping[str, Json]) -> Message:
        """Rewrite a message in its place, or store it if its first write never arrived.

        Its parent stays. Where nothing has changed nothing is written: a client may send every
        message again after each run.
        """
        message, parent = _draft(item)
        return await upsert(self._chat, self.thread_id, message, parent)

    async def delete(self, items: Iterable[Mapping[str, Json] | str]) -> None:
        """Remove messages, given as items or ids; a missing one is no error.

        What hangs below goes to the parent, as in the client's own repository.
        """
        for id in [id_of(item) for item in items]:
            await self._chat.messages.delete(self.thread_id, id)

    async def set_head(self, message_id: str) -> None:
        """Show the branch of that message from now on. NotFoundError if it is unknown.

        assistant-ui itself never says which branch a person has switched to.
        """
        await self._chat.threads.set_head(self.thread_id, message_id)

    def with_format(self, format: MessageFormat | str) -> FormatHistory:
        """The same thread as messages of another library, which `useChatRuntime` asks for."""
        return FormatHistory(self._chat, self.thread_id, format)


def _entry(node: Node) -> dict[str, Json]:
    item = node.item if isinstance(node.item, dict) else {}
    # A client knows it by the id of its row, which others have as their parent.
    message = thread_message({**item, "id": node.id}, node.id, node.message.created_at)
    return {"message": message, "parentId": node.parent_id, **config_of(node.message)}


def _draft(item: Mapping[str, Json]) -> tuple[Message, str | None]:
    said, parent, config = entry_of(item)
    text, content, apart = parted(said, "id", "createdAt")
    id, created_at = id_of(apart), time_of(apart.get("createdAt"))
    message = stored(content, _FORMAT, id, text=text, created_at=created_at, config=config)
    return message, parent
