"""Model messages pruned, as `pruneMessages` of npm `ai` 7.0.173 does it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, Literal

from threadkeep.values.errors import InvalidError
from threadkeep.values.parts import Json

_Content = list[Mapping[str, Json]]
_THOUGHTS: Final = frozenset({"reasoning", "reasoning-file"})
_CALLS: Final = frozenset({"tool-call", "tool-result"})
_APPROVALS: Final = frozenset({"tool-approval-request", "tool-approval-response"})
_REASONING: Final = ("none", "all", "before-last-message")
_TAIL: Final = re.compile("before-last-([0-9]{1,18})-messages")
_SPANS: Final = "all, before-last-message, before-last-N-messages"


def prune_messages(
    messages: Sequence[Mapping[str, Json]],
    *,
    reasoning: Literal["none", "all", "before-last-message"] = "none",
    tool_calls: str | Sequence[Mapping[str, Json]] = "none",
    empty_messages: Literal["remove", "keep"] = "remove",
) -> list[Json]:
    """The messages without what the options name; messages are kept or copied, never changed.

    `reasoning` takes reasoning out of all assistant messages, or all but the last message.
    `tool_calls` takes calls, results and approvals out: of all messages, or of all but the last,
    or the last N (`before-last-N-messages`). What the kept messages call, answer or approve stays
    with its other half. A list of `{"type": ..., "tools": [...]}` does so one after the other,
    each for its tools only, or for all if it names none. Reasoning goes with what it led to. A
    message that is empty is left out unless `empty_messages` is `keep`.

    Raises InvalidError for an option that is none of these, a message without a text or a list of
    parts, and, where tool parts are looked at, one without its ids.
    """
    if reasoning not in _REASONING:
        raise InvalidError("reasoning", f"must be one of {', '.join(_REASONING)}")
    if empty_messages not in ("remove", "keep"):
        raise InvalidError("empty_messages", "must be one of remove, keep")
    rules = _rules(tool_calls)
    _check(messages)
    kept: list[Json] = list(messages)
    if reasoning != "none":
        last = len(kept) - 1 if reasoning == "before-last-message" else len(kept)
        kept = [_unthought(one) if i < last else one for i, one in enumerate(kept)]
    for rule in rules:
        kept = _prune(kept, rule)
    return [one for one in kept if one["content"]] if empty_messages == "remove" else kept


@dataclass(frozen=True, slots=True)
class _Rule:
    """Which calls go: those before the last `tail` messages, of `tools` (None: of all)."""

    tail: int
    tools: frozenset[str] | None = None


@dataclass(slots=True)
class _Index:
    """Which calls and approvals must stay, and which tool an approval is about."""

    calls: set[str] = field(default_factory=set)
    approvals: set[str] = field(default_factory=set)
    tool_of_approval: dict[str, str] = field(default_factory=dict)


def _rules(tool_calls: object) -> list[_Rule]:
    if isinstance(tool_calls, str):
        if tool_calls == "none":
            return []
        return [_Rule(_tail(tool_calls, "tool_calls", f"none, {_SPANS}, or a list"))]
    if not isinstance(tool_calls, Sequence) or isinstance(tool_calls, bytes):
        raise InvalidError("tool_calls", f"must be one of none, {_SPANS}, or a list")
    rules = []
    for index, one in enumerate(tool_calls):
        where = f"tool_calls[{index}]"
        if not isinstance(one, Mapping):
            raise InvalidError(where, "must be an object with a type")
        tools = one.get("tools")
        if tools is not None and not (
            isinstance(tools, (list, tuple, set, frozenset))
            and all(isinstance(name, str) for name in tools)
        ):
            raise InvalidError(f"{where}.tools", "must be a list of names")
        tail = _tail(one.get("type"), f"{where}.type", _SPANS)
        rules.append(_Rule(tail, None if tools is None else frozenset(tools)))
    return rules


def _tail(span: object, field: str, known: str) -> int:
    if span == "all":
        return 0
    if span == "before-last-message":
        return 1
    match = _TAIL.fullmatch(span) if isinstance(span, str) else None
    if match is None:
        raise InvalidError(field, f"must be one of {known}")
    return int(match[1])


def _check(messages: object) -> None:
    if not isinstance(messages, Sequence) or isinstance(messages, (str, bytes)):
        raise InvalidError("messages", "must be a list")
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if not isinstance(message, Mapping):
            raise InvalidError(where, "must be an object")
        content = message.get("content")
        if isinstance(content, str):
            continue
        if not isinstance(content, list):
            raise InvalidError(f"{where}.content", "must be a string or a list")
        if not all(isinstance(part, Mapping) for part in content):
            raise InvalidError(f"{where}.content", "must be a list of objects")


def _content(message: Mapping[str, Json], *roles: str) -> _Content | None:
    """The parts of a message in one of these roles; None if it has none to look at."""
    content = message["content"]
    if isinstance(content, str) or message.get("role") not in roles:
        return None
    parts: _Content = content
    return parts


def _unthought(message: Mapping[str, Json]) -> Json:
    content = _content(message, "assistant")
    if content is None:
        return message
    return {**message, "content": [part for part in content if _kind(part) not in _THOUGHTS]}


def _prune(messages: Sequence[Json], rule: _Rule) -> list[Json]:
    first = len(messages) - rule.tail
    index = _index(messages, first)
    pruned: list[Json] = []
    for position, message in enumerate(messages):
        content = _content(message, "assistant", "tool")
        if content is None or position >= first:
            pruned.append(message)
            continue
        keep = [_stays(part, rule, index) for part in content]
        if message["role"] == "assistant":
            keep = _with_thoughts(content, keep)
        left = [part for part, stays in zip(content, keep, strict=True) if stays]
        pruned.append({**message, "content": left})
    return pruned


def _index(messages: Sequence[Json], first: int) -> _Index:
    index = _Index()
    tools: dict[str, str] = {}
    requests: list[tuple[str, str]] = []
    for position, part in _tool_parts(messages):
        if _kind(part) in _CALLS:
            call = _id(part, "toolCallId")
            tools[call] = _id(part, "toolName")
            if position >= first:
                index.calls.add(call)
        else:
            approval = _id(part, "approvalId")
            if _kind(part) == "tool-approval-request":
                requests.append((approval, _id(part, "toolCallId")))
            if position >= first:
                index.approvals.add(approval)
    call_of = dict(requests)
    index.calls |= {call_of[one] for one in index.approvals if one in call_of}
    index.tool_of_approval.update((one, tools[call]) for one, call in requests if call in tools)
    return index


def _tool_parts(messages: Sequence[Json]) -> Iterator[tuple[int, Mapping[str, Json]]]:
    for position, message in enumerate(messages):
        for part in _content(message, "assistant", "tool") or ():
            if _kind(part) in _CALLS or _kind(part) in _APPROVALS:
                yield position, part


def _stays(part: Mapping[str, Json], rule: _Rule, index: _Index) -> bool:
    kind = _kind(part)
    name: str | None
    if kind in _CALLS:
        if part["toolCallId"] in index.calls:
            return True
        name = part["toolName"]
    elif kind in _APPROVALS:
        if part["approvalId"] in index.approvals:
            return True
        name = index.tool_of_approval.get(part["approvalId"])
    else:
        return True
    return rule.tools is not None and name is not None and name not in rule.tools


def _with_thoughts(content: _Content, keep: list[bool]) -> list[bool]:
    """The same choice, without the runs of reasoning after which nothing is left of what came.

    Neighbouring reasoning parts may be one item of the provider's: they stay or go together.
    """
    kept: list[bool] = []
    runs = [
        (thoughts, [stays for _, stays in run])
        for thoughts, run in groupby(
            zip(content, keep, strict=True), key=lambda pair: _kind(pair[0]) in _THOUGHTS
        )
    ]
    for position, (thoughts, stays) in enumerate(runs):
        if thoughts and position + 1 < len(runs) and not any(runs[position + 1][1]):
            stays = [False] * len(stays)
        kept.extend(stays)
    return kept


def _kind(part: Mapping[str, Json]) -> str:
    kind = part.get("type")
    return kind if isinstance(kind, str) else ""


def _id(part: Mapping[str, Json], key: str) -> str:
    value = part.get(key)
    if not isinstance(value, str):
        raise InvalidError(f"messages.content.{key}", "must be a string")
    return value
