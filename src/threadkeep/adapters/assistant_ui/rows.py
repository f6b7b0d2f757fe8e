"""The rows of `withFormat`: messages of another library, each under the name of its format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from threadkeep.adapters.assistant_ui.messages import (
    config_of,
    entry_of,
    object_of,
    parted,
    stored,
)
from threadkeep.adapters.assistant_ui.trees import Node, read_all, read_tree, tree_of
from threadkeep.adapters.assistant_ui.upsert import upsert
from threadkeep.store import Owner
from threadkeep.values.errors import InvalidError
from threadkeep.values.message import Message
from threadkeep.values.parts import Json


class MessageFormat(Protocol):
    """How messages of a library become rows: assistant-ui's MessageFormatAdapter."""

    @property
    def format(self) -> str:
        """The name that is stored with each row, such as `ai-sdk/v6`."""
        ...

    def encode(self, item: Mapping[str, Json]) -> Json:
        """The content of the row of `{message, parentId}`."""
        ...

    def decode(self, row: Mapping[str, Json]) -> Mapping[str, Json]:
        """`{message, parentId}` of a row `{id, parent_id, format, content}`."""
        ...

    def get_id(self, message: Json) -> str:
        """The id of a message."""
        ...


@dataclass(frozen=True, slots=True)
class _Plain:
    """Messages that are objects with an id, all else of them being the content."""

    format: str

    def encode(self, item: Mapping[str, Json]) -> Json:
        content = object_of(item["message"])
        content.pop("id", None)
        return content

    def decode(self, row: Mapping[str, Json]) -> Mapping[str, Json]:
        message = {**object_of(row["content"]), "id": row["id"]}
        return {"message": message, "parentId": row["parent_id"]}

    def get_id(self, message: Json) -> str:
        id = message.get("id") if isinstance(message, Mapping) else None
        if not isinstance(id, str) or not id:
            raise InvalidError("message.id", "must be text that is not empty")
        return id


class FormatHistory:
    """The history of one thread in a format of a message library.

    The format is a MessageFormat, or its name where messages are objects with an `id`, as those of
    the AI SDK are, decoded or as JSON text, which is kept verbatim. Its name is stored as it is and
    never rewritten; the content is not looked at.
    """

    def __init__(self, chat: Owner, thread_id: str, format: MessageFormat | str) -> None:
        self._chat = chat
        self._format: MessageFormat = _Plain(format) if isinstance(format, str) else format
        self.thread_id = thread_id

    async def rows(self) -> list[dict[str, Any]]:
        """The rows `{id, parent_id, format, content}`, each after its parent, all branches.

        Rows of other formats are converted where both formats are known here, else they are left
        out and their children hang on what came before.
        """
        tree = await read_tree(self._chat, self.thread_id, self._format.format)
        return [self._row(node) for node in tree.nodes]

    async def load(self) -> dict[str, Any]:
        """`{headId, messages: [{parentId, message}]}`, as `ThreadHistory.load`."""
        return self.shown(*await read_all(self._chat, self.thread_id))

    def shown(self, messages: Sequence[Message], head: str | None) -> dict[str, Any]:
        """The same of all messages of the thread, by seq, and its head."""
        tree = tree_of(messages, head, self._format.format)
        shown = [{**self._format.decode(self._row(n)), **config_of(n.message)} for n in tree.nodes]
        return {"headId": tree.head_id, "messages": shown}

    async def append(self, item: Mapping[str, Json]) -> Message:
        """Store `{parentId, message}`, as `ThreadHistory.append` does."""
        message, parent = self._draft(item, None)
        return (await self._chat.messages.append(self.thread_id, message, parent=parent))[0]

    async def update(
        self, item: Mapping[str, Json], local_message_id: str | None = None
    ) -> Message:
        """Rewrite a message in its place, or store it, as `ThreadHistory.update` does.

        `local_message_id` is the id that it was appended under, where that is another one.
        """
        message, parent = self._draft(item, local_message_id)
        return await upsert(self._chat, self.thread_id, message, parent)

    async def delete(self, items: Iterable[Mapping[str, Json] | str]) -> None:
        """Remove messages, given as `{message, ...}`, messages or ids, as `ThreadHistory` does."""
        ids = [
            item if isinstance(item, str) else self._format.get_id(item.get("message", item))
            for item in items
        ]
        for id in ids:
            await self._chat.messages.delete(self.thread_id, id)

    def _draft(
        self, item: Mapping[str, Json], local_message_id: str | None
    ) -> tuple[Message, str | None]:
        message, parent, config = entry_of(item)
        if isinstance(message, str | bytes) and isinstance(self._format, _Plain):
            text, content, apart = parted(message, "id")
            id = local_message_id or self._format.get_id(apart)
            return stored(content, self._format.format, id, text=text, config=config), parent
        id = local_message_id or self._format.get_id(message)
        content = self._format.encode(item)
        return stored(content, self._format.format, id, config=config), parent

    def _row(self, node: Node) -> dict[str, Any]:
        row = {
            "id": node.id,
            "parent_id": node.parent_id,
            "format": self._format.format,
            "content": node.item,
        }
        return row | {"losses": [asdict(loss) for loss in node.losses]} if node.losses else row
