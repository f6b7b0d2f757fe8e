"""Whatever happened to a history, and in whatever format it is stored: what a model gets of it is a
history that its provider accepts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any, Final

import pytest
from anthropic.types import MessageParam
from faulty import FAULTS, LONE, history
from google.genai.types import Content
from openai.types.chat import ChatCompletionMessageParam
from openai.types.responses import ResponseInputItemParam
from pydantic import TypeAdapter

from threadkeep import Message, check, convert, dialects
from threadkeep.dialects.healing import Policy
from threadkeep.dialects.rules import PROVIDERS, Fault
from threadkeep.values import jsontext
from threadkeep.values.parts import Json, Part, ToolCallPart, ToolResultPart

if TYPE_CHECKING:
    from threadkeep import Store
    from threadkeep.sync import Owner
    from threadkeep.values.page import Window

SOURCES: Final = ("threadkeep", *PROVIDERS, "ai-sdk-ui@7", "langchain", "pydantic-ai")
OTHERS: Final = ("ag-ui", "ai-sdk-ui@7", "aui/v0", "langchain", "pydantic-ai", "threadkeep")
WINDOWS: Final[Sequence[Mapping[str, int]]] = (
    {"turns": 1},
    {"turns": 2},
    {"turns": 4},
    {"tokens": 120},
    {"tokens": 10**6},
    {"messages": 1},
    {"messages": 3},
    {"messages": 7},
)
TYPES: Final[Mapping[str, TypeAdapter[Any]]] = {
    "anthropic": TypeAdapter(list[MessageParam]),
    "gemini": TypeAdapter(list[Content]),
    "openai-chat": TypeAdapter(list[ChatCompletionMessageParam]),
    "openai-responses": TypeAdapter(list[ResponseInputItemParam]),
}
HEALING: Final[Sequence[Policy]] = ("error", "drop")
ALL: Final[Sequence[Policy]] = ("keep", *HEALING)


def consume(value: Any) -> None:
    """Walk through what was validated: an iterable is validated only then."""
    if isinstance(value, dict):
        value = value.values()
    if not isinstance(value, str | bytes) and hasattr(value, "__iter__"):
        for inner in value:
            consume(inner)


def accept(window: Sequence[Json], provider: str) -> None:
    """Raise where the provider's own package refuses the items."""
    validated = TYPES[provider].validate_python(list(window))
    if provider != "gemini":
        consume(validated)


def write(chat: Owner, thread: str, messages: Sequence[Message], source: str) -> bool:
    """Store the messages in a format; False where none are left to store."""
    if source == "threadkeep":
        chat.messages.append(thread, list(messages))
        return True
    items = list(dialects.get(source).dump(messages))
    if items:
        chat.messages.append(thread, items, dialect=source)
    return bool(items)


def write_mixed(chat: Owner, thread: str, messages: Sequence[Message], random: Random) -> bool:
    """Store the messages in two formats by turns, a few each; False where none are left."""
    formats = random.sample(SOURCES, 2)
    at, some = 0, False
    while at < len(messages):
        count = random.randint(1, 3)
        some |= write(chat, thread, messages[at : at + count], random.choice(formats))
        at += count
    return some


def read(
    chat: Owner, thread: str, extent: Mapping[str, int], provider: str, heal: Policy
) -> Window[Json]:
    return chat.messages.window(thread, **extent, dialect=provider, heal=heal)  # type: ignore[call-overload, no-any-return]


def stored(chat: Owner, thread: str) -> list[tuple[str | None, str, str]]:
    return [(m.id, m.format, m.json) for m in chat.messages.list(thread, tree=True, limit=1000)]


def as_stored(items: Sequence[Json], format: str) -> list[Message]:
    """Native items as they would be if they were stored."""
    traits = [dialects.get(format).traits(item) for item in items]
    return [
        Message(said.role, jsontext.encode(item, overflow=True), format, said.id)
        for said, item in zip(traits, items, strict=True)
    ]


def healed(window: Window[Json], provider: str, heal: Policy) -> None:
    """Nothing is wrong with the window, and healing it again does nothing."""
    if window:
        assert check(window, provider=provider, system=window.system) == []
        accept(window, provider)
        again = convert(as_stored(window, provider), provider, heal=heal)
        assert list(again) == list(window)
        assert again.repairs == ()


def through(store: Store, seeds: range, combinations: int) -> None:
    chat = store.owner("o")
    choices: list[tuple[str, Policy]] = [
        (provider, heal) for provider in PROVIDERS for heal in HEALING
    ]
    for seed in seeds:
        random = Random(seed)
        messages = history(seed).messages
        source = [*SOURCES, ""][seed % (len(SOURCES) + 1)]
        if source:
            some = write(chat, f"t{seed}", messages, source)
        else:
            some = write_mixed(chat, f"t{seed}", messages, random)
        if not some:
            continue
        before = stored(chat, f"t{seed}")
        for extent in WINDOWS:
            for provider, heal in random.sample(choices, combinations):
                healed(read(chat, f"t{seed}", extent, provider, heal), provider, heal)
        assert stored(chat, f"t{seed}") == before


def test_a_healed_window_breaks_no_rule(blocking_store: Store) -> None:
    """200 spoilt histories are accepted in every window by a provider, and stay as they were.

    [G5]
    """
    through(blocking_store, range(200), 2)


@pytest.mark.prove
@pytest.mark.parametrize("start", range(1_000, 11_000, 1_000))
def test_many_healed_windows_break_no_rule(start: int, blocking_store: Store) -> None:
    """10 000 spoilt histories are accepted in every window by every provider."""
    through(blocking_store, range(start, start + 1_000), len(PROVIDERS) * len(HEALING))


LONELY: Final = {
    "anthropic": {"tool-use-unanswered", "tool-result-unexpected"},
    "gemini": {"response-count", "response-match", "response-unexpected"},
    "openai-chat": {"tool-call-unanswered", "tool-message-unexpected"},
    "openai-responses": {"call-unanswered", "output-unexpected"},
}
"""The rules that calls and results break which stand alone."""


def parts_of(messages: Sequence[Message]) -> Iterator[Part]:
    for message in messages:
        yield from dialects.get(message.format).load([message.payload])[0].parts


def lonely(parts: Iterator[Part]) -> set[str]:
    """The ids of the calls without results, and of the results without calls."""
    called: set[str] = set()
    answered: set[str] = set()
    alone: set[str] = set()
    for part in parts:
        if isinstance(part, ToolCallPart):
            called.add(part.call_id)
        elif isinstance(part, ToolResultPart):
            (answered if part.call_id in called else alone).add(part.call_id)
    return alone | (called - answered)


def ids_at(window: Sequence[Json], fault: Fault, provider: str) -> set[str]:
    """The ids of the calls that a fault is about."""
    assert fault.rule in LONELY[provider], fault
    assert fault.index is not None
    if provider == "gemini":
        at = fault.index - (fault.rule != "response-count")
        calls = functions(window, at, "functionCall")
        return calls ^ functions(window, at + 1, "functionResponse")
    found = window[fault.index]
    for step in re.findall(r"\w+", fault.at or ""):
        found = found[int(step) if step.isdigit() else step]
    return {found if isinstance(found, str) else found["call_id"]}


def functions(window: Sequence[Json], at: int, kind: str) -> set[str]:
    parts = window[at]["parts"] if 0 <= at < len(window) else ()
    return {part[kind]["id"] for part in parts if kind in part}


def kept(store: Store, seeds: range, combinations: int) -> int:
    chat = store.owner("o")
    faults = 0
    for seed in seeds:
        random = Random(seed)
        if not write(chat, f"t{seed}", history(seed, LONE).messages, SOURCES[seed % len(SOURCES)]):
            continue
        before = stored(chat, f"t{seed}")
        for extent in WINDOWS:
            alone = lonely(parts_of(chat.messages.window(f"t{seed}", **extent)))  # type: ignore[call-overload]
            for provider in random.sample(list(PROVIDERS), combinations):
                window = read(chat, f"t{seed}", extent, provider, "keep")
                found = check(window, provider=provider, system=window.system) if window else []
                told = [ids_at(window, fault, provider) for fault in found]
                assert set().union(*told) == alone, (seed, extent, provider)
                if window:
                    accept(window, provider)
                faults += len(found)
        assert stored(chat, f"t{seed}") == before
    return faults


def test_a_kept_window_breaks_only_what_was_broken(blocking_store: Store) -> None:
    """In 200 histories check names each call and result that stands alone, and nothing else."""
    assert kept(blocking_store, range(200), 1) > 500


@pytest.mark.prove
@pytest.mark.parametrize("start", range(1_000, 11_000, 1_000))
def test_many_kept_windows_break_only_what_was_broken(start: int, blocking_store: Store) -> None:
    """The same for 10 000 histories, every window and every provider."""
    assert kept(blocking_store, range(start, start + 1_000), len(PROVIDERS)) > 10_000


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_sound_history_is_not_touched(provider: str, blocking_store: Store) -> None:
    """The provider's own items come back as they are stored, in each window and by each policy."""
    chat = blocking_store.owner("o")
    sound = 0
    for seed in range(20):
        messages = history(seed, (), odd=False).messages
        write(chat, f"t{seed}", messages, provider)
        for extent in WINDOWS:
            plain = [m.payload for m in chat.messages.window(f"t{seed}", **extent)]  # type: ignore[call-overload]
            if not plain or check(plain, provider=provider):
                continue
            sound += 1
            for heal in ALL:
                window = read(chat, f"t{seed}", extent, provider, heal)
                assert [jsontext.encode(i) for i in window] == [jsontext.encode(i) for i in plain]
                assert window.repairs == ()
    assert sound > 60


@pytest.mark.parametrize("tag", OTHERS)
@pytest.mark.parametrize("heal", HEALING)
def test_other_formats_get_calls_and_results_that_belong_together(tag: str, heal: Policy) -> None:
    """Where no provider is asked, calls are answered by the policy, and the rest stays."""
    faults = ("result removed", "call removed", "result late", "result twice", "cut short")
    for seed in range(60):
        made = history(seed, (*faults, "id refused"))
        items = convert(made.messages, tag, heal=heal)
        assert lonely(parts_of(as_stored(items, tag))) == set()
        plain = convert(made.messages, tag)
        assert {repair.what for repair in items.repairs} <= {
            "result_made",
            "result_moved",
            "result_dropped",
            "turn_dropped",
        }
        if not items.repairs and tag != "threadkeep":
            assert list(items) == list(plain)


def test_every_fault_happens() -> None:
    """The generated histories have every fault, and each often."""
    found = [name for seed in range(200) for name in history(seed).faults]
    assert all(found.count(name) >= 10 for name in FAULTS)
