"""What providers demand of a history, and where a history breaks it.

The rules are those for which a provider is known to answer 400, and one of ours: the roles of
`anthropic` and `gemini` alternate. What depends on the model or on the rest of the request (which
tools are declared, whether thinking is on) is not looked at, and members that a provider does not
know are not either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast

from threadkeep.dialects.rules.common import (
    ILL_FORMED,
    Fault,
    Report,
    Rules,
    inspect_unicode,
    is_well_formed,
)
from threadkeep.values.errors import InvalidError

if TYPE_CHECKING:
    from threadkeep.values.parts import Json

__all__ = ["PROVIDERS", "Fault", "check", "rules"]

PROVIDERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "anthropic": "threadkeep.dialects.rules.anthropic",
        "gemini": "threadkeep.dialects.rules.gemini",
        "openai-chat": "threadkeep.dialects.rules.openai_chat",
        "openai-responses": "threadkeep.dialects.rules.openai_responses",
    }
)
"""The module of each provider; it is imported when it is first asked for."""


def check(items: Sequence[Json], *, provider: str, system: str | None = None) -> list[Fault]:
    """Every rule of the provider that a history of its own items breaks; empty if there is none.

    `items` may hold any JSON value. `system` is the text that goes to the provider apart from the
    items. The faults are ordered by place, those of the whole history first, and at one place in
    the order of `rules(provider)`. Takes time proportional to the size of the history. An unknown
    provider is an InvalidError.
    """
    module = _module(provider)
    report = Report(module.RULES)
    if system is not None and not is_well_formed(system):
        report.add(ILL_FORMED, None, "system")
    module.inspect(items, report)
    inspect_unicode(items, report)
    return report.sorted()


def rules(provider: str) -> Mapping[str, str]:
    """Every code that `check` may give for the provider, in order, with its sentence."""
    return MappingProxyType(dict(_module(provider).RULES))


def _module(provider: str) -> Rules:
    path = PROVIDERS.get(provider) if isinstance(provider, str) else None
    if path is None:
        raise InvalidError("provider", f"must be one of {', '.join(PROVIDERS)}")
    return cast("Rules", import_module(path))
