"""A conversation for people: one path, branches marked, tools folded, reasoning dimmed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.padding import Padding
from rich.text import Text

from threadkeep import dialects
from threadkeep.cli.screen import shown
from threadkeep.dialects.flow import STEP
from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError, NotFoundError
from threadkeep.values.message import FORMAT, Message
from threadkeep.values.parts import (
    ApprovalPart,
    DataPart,
    FilePart,
    Json,
    Part,
    RawPart,
    ReasoningPart,
    SourcePart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

    from threadkeep import Thread

FOLD: Final = 72
"""How many characters of a folded text are shown."""

_STYLES: Final = {"user": "bold cyan", "assistant": "bold green", "system": "bold magenta"}


@dataclass(frozen=True, slots=True)
class Step:
    """A message on a path, and all messages with its parent, itself included, by seq."""

    message: Message
    siblings: tuple[str, ...]


def path_of(tree: Iterable[Message], leaf: str | None) -> list[Step]:
    """The path from the root to a leaf, given all messages of a thread; NotFoundError if none."""
    known: dict[str | None, Message] = {}
    children: dict[str | None, list[str]] = defaultdict(list)
    for message in tree:
        known[message.id] = message
        children[message.parent_id].append(message.id or "")
    if leaf is not None and leaf not in known:
        raise NotFoundError("message", leaf)
    steps: list[Step] = []
    at = known.get(leaf)
    while at is not None:
        steps.append(Step(at, tuple(children[at.parent_id])))
        at = known.get(at.parent_id)
    return steps[::-1]


def heading(thread: Thread, steps: Sequence[Step]) -> Text:
    """The title of a conversation and one line on it."""
    title = shown(thread.title) if thread.title else "no title"
    said = [f"thread {shown(thread.id)}", f"owner {shown(thread.owner_id)}"]
    if thread.user_id:
        said.append(f"user {shown(thread.user_id)}")
    said += [
        f"{len(steps)} of {thread.message_count} messages on this path",
        f"active {thread.active_at:%Y-%m-%d %H:%M}",
    ]
    return Text.assemble((title, "bold"), "\n", (" · ".join(said), "dim"))


def lines_of(step: Step, *, fold: int | None = FOLD) -> list[RenderableType]:
    """A message for the terminal; what tools were given and answered is cut at `fold`."""
    message = step.message
    head = Text.assemble((message.role, _STYLES.get(message.role, "bold yellow")))
    if message.created_at:
        head.append(f"  {message.created_at:%Y-%m-%d %H:%M}", "dim")
    if message.status != "complete":
        head.append(f"  {message.status}", "red")
    if len(step.siblings) > 1:
        place = step.siblings.index(message.id or "") + 1
        others = ", ".join(shown(id_) for id_ in step.siblings if id_ != message.id)
        head.append(f"  branch {place} of {len(step.siblings)}", "yellow")
        head.append(f"  other: {others}", "dim")
    shown_parts = [text_of_part(part, fold=fold) for part in parts_of(message)]
    return [head, *(Padding(text, (0, 0, 0, 2)) for text in shown_parts if text.plain)]


def parts_of(message: Message) -> tuple[Part, ...]:
    """The typed parts of a message of any format that is known here, else one raw part."""
    if message.format == FORMAT:
        return message.parts
    dialect = dialects.find(message.format)
    if dialect is not None:
        try:
            return tuple(p for loaded in dialect.load([message.payload]) for p in loaded.parts)
        except InvalidError:
            pass
    return (RawPart(message.payload),)


def text_of_part(part: Part, *, fold: int | None = FOLD) -> Text:
    """A part for the terminal."""
    if isinstance(part, TextPart):
        return Text(shown(part.text).strip("\n"))
    if isinstance(part, ReasoningPart):
        return Text(shown(_folded(part.text, fold)), style="dim italic")
    if isinstance(part, ToolCallPart):
        return Text.assemble(
            ("→ ", "blue"), shown(part.name), " ", (_json(part.input, fold), "dim")
        )
    if isinstance(part, ToolResultPart):
        mark = ("✗ ", "red") if part.is_error else ("← ", "blue")
        name = shown(f"{part.name} " if part.name else "")
        said = _json(part.output, fold)
        if part.content is not None:
            said = "; ".join(text_of_part(inner, fold=fold).plain for inner in part.content)
        return Text.assemble(mark, name, (said, "dim"))
    if isinstance(part, ApprovalPart):
        asked = "approval asked for" if part.approved is None else "denied"
        return Text("approved" if part.approved else asked, style="dim")
    return Text("" if part == STEP else _named(part, fold), style="dim")


def _named(part: FilePart | SourcePart | DataPart | RawPart, fold: int | None) -> str:
    if isinstance(part, FilePart):
        named = part.name or part.url or part.file_id or "without a name"
        return shown(f"file {named} {part.media_type or ''}".rstrip())
    if isinstance(part, SourcePart):
        return shown(f"source {part.title or ''} {part.url or ''}".rstrip())
    if isinstance(part, DataPart):
        return f"data {shown(part.name)} {_json(part.data, fold)}"
    return _json(part.value, fold)


def _json(value: Json, fold: int | None) -> str:
    text = value if isinstance(value, str) else jsontext.encode(value, overflow=True)
    return shown(_folded(text, fold))


def _folded(text: str, fold: int | None) -> str:
    """The beginning of a text on one line, and how much there is of it; None: all as it is."""
    if fold is None:
        return text
    line = " ".join(text.split())
    return line if len(line) <= fold else f"{line[:fold]}… ({len(text):,} characters)"
