"""Usage as the seed says it, and as the store does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from threadkeep.values.errors import InvalidError
from threadkeep.values.parts import Json
from threadkeep.values.run import Usage

KEPT: Final = "token_usage"
"""The member of a trace's metadata for what was said of its usage that no column says."""

_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "input_tokens": ("promptTokens", "prompt_tokens", "inputTokens", "input_tokens"),
    "output_tokens": ("completionTokens", "completion_tokens", "outputTokens", "output_tokens"),
    "cached_tokens": ("cachedTokens", "cached_tokens", "cachedInputTokens"),
    "reasoning_tokens": ("reasoningTokens", "reasoning_tokens"),
}
_TOTAL: Final = ("totalTokens", "total_tokens")


def usage_of(said: Usage | Mapping[str, Json] | None) -> tuple[Usage, dict[str, Json]]:
    """The usage, and the members that it has no place for, a total among them that is no sum.

    `promptTokens`, `completionTokens` and `totalTokens`, or the names that providers have for
    them. InvalidError for what is no mapping, and for a number that is none.
    """
    if said is None:
        return Usage(), {}
    if isinstance(said, Usage):
        return said, {}
    if not isinstance(said, Mapping):
        raise InvalidError("token_usage", "must be a mapping or a Usage")
    found: dict[str, Any] = {}
    rest = dict(said)
    for field, names in _NAMES.items():
        for name in names:
            value = rest.pop(name, None)
            if value is not None:
                found[field] = value
    usage = Usage(**found)
    total = next((rest.pop(name) for name in _TOTAL if rest.get(name) is not None), None)
    if total not in (None, _sum(usage)):
        rest["totalTokens"] = total
    return usage, {name: value for name, value in rest.items() if value is not None}


def tokens_of(usage: Usage, rest: object) -> dict[str, Json] | None:
    """`{promptTokens, completionTokens, totalTokens}` and what else is known; None for nothing."""
    known: dict[str, Json] = {
        "promptTokens": usage.input_tokens,
        "completionTokens": usage.output_tokens,
        "totalTokens": _sum(usage),
        "cachedTokens": usage.cached_tokens,
        "reasoningTokens": usage.reasoning_tokens,
        **(rest if isinstance(rest, Mapping) else {}),
    }
    return {name: value for name, value in known.items() if value is not None} or None


def _sum(usage: Usage) -> int | None:
    if usage.input_tokens is None and usage.output_tokens is None:
        return None
    return (usage.input_tokens or 0) + (usage.output_tokens or 0)
