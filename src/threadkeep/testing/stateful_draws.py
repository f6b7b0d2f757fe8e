"""What the rules of the state machine draw from."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from threadkeep.testing.stateful_base import IDS
from threadkeep.values.message import Message
from threadkeep.values.parts import TextPart, ToolCallPart, ToolResultPart

# A whole owner's handle most of the time, else one of its two users'.
users = st.sampled_from([*[None] * 8, "ann", "bob"])
threads = st.sampled_from([*["t0"] * 5, "t1", "fork"])
metadata_values = st.sampled_from(
    [None, {}, {"a": 1}, {"a": {"b": "x"}}, {"a": {"b": None, "c": [1]}}]
)
picks = st.integers(0, 20)
leaves = st.none() | st.none() | picks


def _message(kind: str, id: str | None, call: int, text: str) -> Message:
    asked = ToolCallPart(f"c{call}", "look", {"at": text})
    told = ToolResultPart(f"c{call}", text)
    if kind == "ask":
        return Message.of("assistant", [TextPart(text), asked], id=id)
    if kind == "tell":
        return Message.tool([told], id=id)
    if kind == "user-tells":
        return Message.user([told], id=id)
    if kind == "user-tells-more":
        return Message.user([told, TextPart(text)], id=id)
    if kind == "both":
        return Message.assistant([asked, told], id=id)
    return Message.of(kind, text, id=id)  # type: ignore[arg-type]


_kinds = [
    *("user", "user", "assistant", "system", "ask", "ask", "tell", "tell"),
    *("user-tells", "user-tells-more", "both"),
]
_calls = st.integers(0, 2)
_texts = st.sampled_from(["x", "yyyyyyyyyyyyyyyy"])
_ids = st.sampled_from(IDS) | st.none()
_sessions = st.sampled_from([None, None, "s"])


def _said(message: Message, session: str | None) -> Message:
    return replace(message, session=session)


items = st.builds(_message, st.sampled_from(_kinds), _ids, _calls, _texts)
items = st.builds(_said, items, _sessions)
_new = st.builds(_message, st.sampled_from(_kinds), st.none(), _calls, _texts)
batches = st.lists(items, min_size=1, max_size=5)
# New messages that go on with a conversation: what a thread mostly gets.
news = st.lists(_new, min_size=1, max_size=6)
# How sure a rule must be that removes much: the longer a thread lives, the more happens to it.
# What an append may be told besides its place.
ways = st.sampled_from([*[{}] * 4, {"force": True}, {"create_thread": False}])
seldom = st.integers(0, 4).map(lambda number: number == 0)
wheres = st.sampled_from(["head", "head", "head", "parent", "root", "expected", "sibling"])
