"""Probes: conversations with one thing to say each, and how to see that it was said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, get_args

from conversations import FILES

from threadkeep.values.converted import Converted
from threadkeep.values.message import Message, Role
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
from threadkeep.values.ports import Dialect

Seen = Callable[["Reading"], bool]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a format says after messages were written in it: read again, and told apart."""

    messages: Sequence[Message]
    parts: Sequence[Part]
    system: str

    @classmethod
    def of(cls, dialect: Dialect, items: Converted) -> Reading:
        """Read what was written."""
        messages = dialect.load(items)
        parts = [part for message in messages for part in message.parts]
        return cls(messages, parts, items.system or "")


@dataclass(frozen=True, slots=True)
class Probe:
    """Messages that say one thing; `code` names it, `seen` finds it again."""

    name: str
    code: str
    messages: Sequence[Message]
    seen: Seen


USER: Final = Message.user("question", id="u")
DONE: Final = Message.assistant("done", id="d")
CALL: Final = ToolCallPart("call_1", "search", {"q": "x"})
FOUND: Final = ToolResultPart("call_1", "found", "search")


def _any(kind: type[Part], **members: object) -> Seen:
    def seen(reading: Reading) -> bool:
        return any(
            isinstance(part, kind)
            and all(getattr(part, name) == value for name, value in members.items())
            for part in reading.parts
        )

    return seen


def _thought(code: str, name: str, part: ReasoningPart, **members: object) -> Probe:
    said = Message.assistant([part, TextPart("x")], id="a")
    return Probe(name, code, [USER, said], _any(ReasoningPart, **members))


def _asked(code: str, name: str, part: Part, seen: Seen) -> Probe:
    return Probe(name, code, [Message.user([TextPart("x"), part], id="u"), DONE], seen)


def _answered(code: str, name: str, part: Part, seen: Seen) -> Probe:
    return Probe(name, code, [USER, Message.assistant([TextPart("x"), part], id="a")], seen)


def _called(
    code: str, name: str, said: Sequence[Part], results: Sequence[Part], seen: Seen
) -> Probe:
    listed = [USER, Message.assistant(list(said), id="a")]
    if results:
        listed.append(Message.tool(list(results), id="t"))
    return Probe(name, code, [*listed, DONE], seen)


def _file(file: FilePart, number: int) -> list[Probe]:
    kind = "url" if file.url else "data" if file.data else "file_id"
    name = f"file {number}"
    said = {kind: getattr(file, kind)}
    probes = [_asked(f"file.{kind}", f"{name} by {kind}", file, _any(FilePart, **said))]
    if file.name:
        probes.append(_asked("file.name", f"{name} name", file, _any(FilePart, name=file.name)))
    if file.media_type:
        seen = _any(FilePart, media_type=file.media_type)
        probes.append(_asked("file.media_type", f"{name} type", file, seen))
    return probes


def _holds_file(reading: Reading) -> bool:
    inner = [
        p for part in reading.parts if isinstance(part, ToolResultPart) for p in part.content or ()
    ]
    return any(isinstance(p, FilePart) and p.data == FILES[0].data for p in inner)


def _system_first(reading: Reading) -> bool:
    said = [m for m in reading.messages if m.role == "system" and "be brief" in m.text]
    return bool(said) or "be brief" in reading.system or _any(TextPart, role="system")(reading)


def _system_amid(reading: Reading) -> bool:
    texts = [
        (m.role == "system" or p.role == "system", p.text)
        for m in reading.messages
        for p in m.parts
        if isinstance(p, TextPart)
    ]
    return (True, "be brief") in texts[1:-1]


_SOURCE: Final = SourcePart("s1", "https://example.org/a", "A page")
_DOCUMENT: Final = SourcePart("s2", None, "A paper", "application/pdf", "p.pdf")
_MADE: Final = FilePart("image/png", data=FILES[0].data)

PROBES: Final[Sequence[Probe]] = (
    Probe("text", "text", [USER, DONE], _any(TextPart, text="done")),
    *(
        _thought("reasoning", f"reasoning of {by}", ReasoningPart("why", provider=by), text="why")
        for by in (None, "anthropic", "openai", "google")
    ),
    *(
        _thought(
            f"reasoning.{member}",
            f"{member} of {by}",
            ReasoningPart("why", **{member: value}, provider=by),  # type: ignore[arg-type]
            **{member: value},
        )
        for member, value in (("signature", "sig"), ("encrypted", "enc"), ("id", "rs_1"))
        for by in (None, "anthropic", "openai", "google")
    ),
    _called("tool_call", "call", [CALL], [FOUND], _any(ToolCallPart, call_id="call_1")),
    _called("tool_call", "name of a call", [CALL], [FOUND], _any(ToolCallPart, name="search")),
    _called("tool_call.input", "input", [CALL], [FOUND], _any(ToolCallPart, input={"q": "x"})),
    _called(
        "provider_executed",
        "provider's tool",
        [
            ToolCallPart("call_1", "web", {"q": "x"}, provider_executed=True),
            ToolResultPart("call_1", "found", "web", provider_executed=True),
        ],
        [],
        _any(ToolCallPart, provider_executed=True),
    ),
    _called("tool_result", "result", [CALL], [FOUND], _any(ToolResultPart, output="found")),
    Probe(
        "result of no call",
        "tool_result",
        [USER, Message.tool([ToolResultPart("call_9", "late", "search")], id="t"), DONE],
        _any(ToolResultPart, output="late"),
    ),
    _called(
        "tool_result.is_error",
        "error",
        [CALL],
        [ToolResultPart("call_1", "failed", "search", is_error=True)],
        _any(ToolResultPart, is_error=True),
    ),
    _called(
        "tool_result.denied",
        "denial",
        [CALL],
        [ToolResultPart("call_1", "no", "search", denied=True)],
        _any(ToolResultPart, denied=True),
    ),
    _called(
        "tool_result.content",
        "file in a result",
        [CALL],
        [ToolResultPart("call_1", name="search", content=(TextPart("see"), _MADE))],
        _holds_file,
    ),
    _called(
        "approval",
        "question",
        [CALL, ApprovalPart("ap_1", "call_1")],
        [],
        _any(ApprovalPart, approval_id="ap_1"),
    ),
    _called(
        "approval",
        "answer",
        [CALL, ApprovalPart("ap_1", "call_1")],
        [ApprovalPart("ap_1", "call_1", approved=True, reason="fine"), FOUND],
        _any(ApprovalPart, approved=True),
    ),
    *(probe for number, file in enumerate(FILES) for probe in _file(file, number)),
    _answered("file.data", "file of the model", _MADE, _any(FilePart, data=_MADE.data)),
    *(
        _answered(f"source.{n}", f"{n} of a source", s, _any(SourcePart, **{n: getattr(s, n)}))
        for s in (_SOURCE, _DOCUMENT)
        for n in ("source_id", "url", "title", "media_type", "name")
        if getattr(s, n) is not None
    ),
    _answered("data", "data", DataPart("weather", {"sky": 1}), _any(DataPart, name="weather")),
    Probe("system", "system", [Message.system("be brief", id="s"), USER, DONE], _system_first),
    Probe(
        "system amid",
        "position",
        [USER, DONE, Message.system("be brief", id="s"), USER, DONE],
        _system_amid,
    ),
    Probe(
        "system in a question",
        "text.role",
        [Message.user([TextPart("be brief", role="system"), TextPart("x")], id="u"), DONE],
        _system_first,
    ),
    _asked("raw", "raw of another", RawPart({"type": "odd"}), lambda reading: False),
    _asked("extra", "extra of another", TextPart("y", extra={"odd": 1}), lambda reading: False),
)
"""Every type and field of a part, in a role where it is usual."""


def every_place() -> list[list[Message]]:
    """Each type of part with each of its fields, in every role, also where nobody expects it."""
    inputs: list[Json] = [{}, [1], "bad", None]
    parts: list[Part] = [
        TextPart("words", role="system"),
        *(
            ReasoningPart("why", provider=by, **{member: "x"})  # type: ignore[arg-type]
            for by in (None, "anthropic", "openai", "google")
            for member in ("signature", "encrypted", "id")
        ),
        *(ToolCallPart("call_1", "f", value) for value in inputs),
        ToolCallPart("call_1", "", {}),
        ToolCallPart("call_1", "f", {}, provider_executed=True),
        *(ToolResultPart("call_1", value, "f") for value in inputs),
        ToolResultPart("call_1", "text", "f", provider_executed=True),
        ToolResultPart("call_1", "text", "f", is_error=True),
        ToolResultPart("call_1", None, "f", denied=True),
        *(ToolResultPart("call_1", None, "f", content=(file,)) for file in FILES),
        ToolResultPart("call_1", None, content=(RawPart(1), DataPart("d", 1))),
        ApprovalPart("ap_1", "call_1"),
        ApprovalPart("ap_1", "call_1", approved=False, reason="no"),
        ApprovalPart("ap_1", approved=True),
        *FILES,
        FilePart(),
        FilePart(name="n"),
        FilePart("video/mp4", url="https://example.org/v.mp4"),
        FilePart("image/png", file_id="file-1"),
        FilePart("image/png", data=FILES[0].data, url="https://example.org/b.png", file_id="f"),
        FilePart("audio/mpeg", url="https://example.org/a.mp3", name="a"),
        FilePart("audio/ogg", data="T2dn"),
        FilePart("text/csv", data="YSxi", name="t.csv"),
        FilePart("application/zip", data="UEs=", name="z.zip"),
        FilePart(data="AAAA"),
        FilePart(url="https://example.org/x"),
        _SOURCE,
        _DOCUMENT,
        SourcePart("s3", "https://example.org/a", "t", "text/html", "n.html"),
        SourcePart(title="t"),
        SourcePart(name="n"),
        DataPart("d", {"x": 1}),
        RawPart({"type": "odd"}),
        RawPart(None),
    ]
    asked: list[Part] = [CALL, ApprovalPart("ap_1", "call_1")]
    twice = Message.tool([FOUND, FOUND], id="t")
    made = [[USER, Message.assistant([CALL], id="c"), twice]]
    for role in get_args(Role):
        for number, part in enumerate(parts):
            alone = Message.of(role, [part], id=f"m{number}")
            amid = Message.of(role, [TextPart("x"), part, TextPart("y")], id=f"n{number}")
            before = [USER, Message.assistant(asked, id="c")]
            made += [[alone], [USER, amid, DONE], [*before, alone, DONE], [*before, amid]]
    return made
