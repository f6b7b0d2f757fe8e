"""What is entered: a turn and a span."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, overload

from threadkeep import store
from threadkeep.dialects.healing import Policy
from threadkeep.sync.faces import Face, blocking, step
from threadkeep.values.message import Message
from threadkeep.values.page import Window
from threadkeep.values.parts import Json
from threadkeep.values.run import Usage
from threadkeep.values.unset import UNSET, Unset


class OpenSpan(Face[store.OpenSpan]):
    """A span as a context: started on entering, ended on leaving, however that happens.

    `id` is the span's id: the `parent` of what is started inside.
    """

    @property
    def id(self) -> str:
        """The id of the span."""
        return self._inner.id

    def set(
        self,
        *,
        output: Json | bytes | Unset = UNSET,
        usage: Usage | Unset = UNSET,
        metadata: Mapping[str, Json] | Unset = UNSET,
    ) -> None:
        """What the span is to end with, as `spans.end` takes it; the last that was said counts."""
        self._inner.set(output=output, usage=usage, metadata=metadata)

    def __enter__(self) -> Self:
        step(self._inner.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        step(self._inner.__aexit__(kind, error, trace))


class Turn(Face[store.Turn]):
    """A run as a context: begun on entering, ended on leaving, interrupted where the process dies.

    `id` is the run's id, `messages` what the turn has stored so far, in order.
    """

    append = blocking(store.Turn.append)
    touch = blocking(store.Turn.touch)

    @property
    def id(self) -> str:
        """The id of the run."""
        return self._inner.id

    @property
    def thread_id(self) -> str:
        """The id of the thread."""
        return self._inner.thread_id

    @property
    def messages(self) -> list[Message]:
        """What the turn has stored so far, in order."""
        return self._inner.messages

    def add_usage(self, usage: Usage) -> None:
        """Add what a call of a model used; it is stored when the turn is left."""
        self._inner.add_usage(usage)

    if TYPE_CHECKING:

        @overload
        def window(
            self,
            *,
            turns: int | None = ...,
            tokens: int | None = ...,
            messages: int | None = ...,
            leaf: str | None = ...,
            keep_system: bool = ...,
            steady: int = ...,
        ) -> Window[Message]: ...
        @overload
        def window(
            self,
            *,
            turns: int | None = ...,
            tokens: int | None = ...,
            messages: int | None = ...,
            leaf: str | None = ...,
            keep_system: bool = ...,
            steady: int = ...,
            dialect: str,
            strict: bool = ...,
            heal: Policy | None = ...,
        ) -> Window[Json]: ...
        def window(self, **kwargs: Any) -> Window[Any]: ...
    else:
        window = blocking(store.Turn.window)

    def __enter__(self) -> Self:
        step(self._inner.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        step(self._inner.__aexit__(kind, error, trace))
