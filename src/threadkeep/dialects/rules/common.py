"""What the rules of several providers share: faults, tests of members, well-formed text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import orjson

if TYPE_CHECKING:
    from threadkeep.values.parts import Json

ILL_FORMED: Final = "ill-formed-unicode"
ILL_FORMED_SENTENCE: Final = "No string and no key may hold a lone surrogate."

SURROGATE: Final = re.compile("[\ud800-\udfff]")

_MAX_PATH: Final = 100

# A path in a fault names members of the formats only: any other key is content.
_MEMBERS: Final = re.compile(
    "action|actions|arguments|args|code|code_execution_result|codeExecutionResult|content|context|"
    "custom|data|encrypted_content|executable_code|executableCode|file|file_data|fileData|file_id|"
    "filename|file_uri|fileUri|function|function_call|functionCall|function_response|"
    "functionResponse|id|image_url|inline_data|inlineData|input|input_audio|name|operation|output|"
    "outputs|parts|queries|refusal|response|result|role|signature|source|summary|text|thinking|"
    "thoughtSignature|tool_call|tool_call_id|tool_calls|toolCall|tool_response|toolResponse|"
    "tool_use_id|tools|type|url"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One place where a history breaks a rule.

    `rule` is a stable code, `index` the item's place in the history (None where it is the history
    or the system text that breaks it), `at` the path inside the item, `detail` the rule in one
    sentence. None of them ever carries content.
    """

    rule: str
    index: int | None
    at: str | None
    detail: str


class Rules(Protocol):
    """What the module of a provider has."""

    RULES: Mapping[str, str]

    def inspect(self, items: Sequence[Json], report: Report) -> None:
        """Report every fault of the items, in any order."""


class Report:
    """Collects the faults of one history."""

    __slots__ = ("_faults", "_order", "_rules")

    def __init__(self, rules: Mapping[str, str]) -> None:
        self._rules = rules
        self._order = {rule: place for place, rule in enumerate(rules)}
        self._faults: list[Fault] = []

    def add(self, rule: str, index: int | None, at: str | None = None) -> None:
        """Note that `rule` is broken there."""
        self._faults.append(Fault(rule, index, at, self._rules[rule]))

    def sorted(self) -> list[Fault]:
        """The faults by place (those of the whole history first), then by the order of rules."""
        order = self._order
        return sorted(
            self._faults,
            key=lambda fault: (-1 if fault.index is None else fault.index, order[fault.rule]),
        )


Test = Callable[["Json"], bool]
"""What a member's value must be."""


def is_text(value: Json) -> bool:
    """A string, which may be empty."""
    return isinstance(value, str)


def is_filled(value: Json) -> bool:
    """A string that is not empty."""
    return isinstance(value, str) and value != ""


def is_object(value: Json) -> bool:
    """An object."""
    return isinstance(value, dict)


def is_list(value: Json) -> bool:
    """A list."""
    return isinstance(value, list)


def is_bool(value: Json) -> bool:
    """True or false."""
    return isinstance(value, bool)


def is_present(value: Json) -> bool:
    """Anything but null."""
    return value is not None


def among(*names: str) -> Test:
    """One of these strings."""
    known = frozenset(names)
    return lambda value: isinstance(value, str) and value in known


def kind_of(value: Json, member: str = "type") -> str:
    """The member that tells what an object is; an empty string where it tells nothing."""
    kind = value.get(member) if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else ""


def wrong_members(value: Mapping[str, Json], tests: Mapping[str, Test]) -> Iterator[str]:
    """The names of the members that are missing or not what they must be."""
    for name, test in tests.items():
        if not test(value.get(name)):
            yield name


def join(at: str | None, member: str | int) -> str:
    """The path one step further."""
    if isinstance(member, int):
        return f"{at or ''}[{member}]"
    return f"{at}.{member}" if at else member


def inspect_unicode(items: Sequence[Json], report: Report) -> None:
    """Report every item with a lone surrogate, once for each path that can be named."""
    for index, item in enumerate(items):
        if is_well_formed(item):
            continue
        for at in dict.fromkeys(_ill_formed(item)):
            report.add(ILL_FORMED, index, at or None)


def is_well_formed(value: Json) -> bool:
    """Whether UTF-8 can hold every string and key of a value."""
    try:
        orjson.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return next(_ill_formed(value), None) is None
    return True


def _ill_formed(root: Json) -> Iterator[str]:
    # A stack of its own: values may be nested deeper than Python calls may be.
    stack: list[tuple[Json, str, bool]] = [(root, "", True)]
    while stack:
        value, at, named = stack.pop()
        if isinstance(value, str):
            if not value.isascii() and SURROGATE.search(value):
                yield at
        elif isinstance(value, list):
            # A list in a list gets no step of its own: paths stay short, and this stays linear.
            step = named and not at.endswith("]")
            items = [(item, join(at, i) if step else at, named) for i, item in enumerate(value)]
            stack.extend(reversed(items))
        elif isinstance(value, dict):
            members: list[tuple[Json, str, bool]] = []
            for key, item in value.items():
                if isinstance(key, str) and not key.isascii() and SURROGATE.search(key):
                    yield at
                known = named and len(at) < _MAX_PATH and isinstance(key, str)
                known = known and _MEMBERS.fullmatch(key) is not None
                members.append((item, join(at, key) if known else at, known))
            stack.extend(reversed(members))
