"""The kits of all dialects: recorded items, generated items, and what the real package accepts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from threadkeep import dialects
from threadkeep.values.ports import Dialect

if TYPE_CHECKING:
    from genuine import Genuine
    from hypothesis.strategies import SearchStrategy

    from threadkeep.values.parts import Json

_MODULES: Final[Mapping[str, str]] = {
    "ag-ui": "kit_ag_ui",
    "anthropic": "kit_anthropic",
    "aui/v0": "kit_assistant_ui",
    "chatkit": "kit_chatkit",
    "claude-export": "kit_claude_export",
    "gemini": "kit_gemini",
    "langchain": "kit_langchain",
    "openai-chat": "kit_openai_chat",
    "openai-responses": "kit_openai_responses",
    "pydantic-ai": "kit_pydantic_ai",
    "threadkeep": "kit_threadkeep",
}
_BY_TAG: Final = ("kit_ai_sdk_ui", "kit_ai_sdk_model")

OLD: Final = ("ai-sdk-model@4", "ai-sdk-ui@4")
"""The tags that are read only."""


@dataclass(frozen=True, slots=True)
class Kit:
    """What the tests need of one dialect."""

    tag: str
    corpus: Sequence[Json]
    items: SearchStrategy[Json]
    _accepts: Any
    _is_by_tag: bool

    @property
    def dialect(self) -> Dialect:
        """The dialect itself."""
        return dialects.get(self.tag)

    @property
    def needs_node(self) -> bool:
        """Whether Node judges what is accepted."""
        return self._is_by_tag

    def accept(self, items: Sequence[Json], genuine: Genuine | None = None) -> None:
        """Raise where the framework's own package refuses the items."""
        if self._is_by_tag:
            self._accepts(self.tag, items, genuine)
        else:
            self._accepts(items)


def _kits() -> dict[str, Kit]:
    made: dict[str, Kit] = {}
    for tag, name in _MODULES.items():
        kit = import_module(name)
        made[tag] = Kit(tag, kit.corpus, kit.items, kit.accepts, _is_by_tag=False)
    for name in _BY_TAG:
        kit = import_module(name)
        for tag in kit.corpora:
            made[tag] = Kit(tag, kit.corpora[tag], kit.items[tag], kit.accepts, _is_by_tag=True)
    return made


KITS: Final = _kits()
WRITTEN: Final = tuple(tag for tag in KITS if tag not in OLD)
"""The tags that other formats are converted into."""
