"""ToolUse: a call of a tool together with what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from threadkeep.values.parts import Json, Part


@dataclass(frozen=True, slots=True)
class ToolUse:
    """One call of a tool, and its result where there is one.

    `id` is the call's own, which need not be the only one in the thread; for a format without ids
    it is made up. `output` and `content` are as in ToolResultPart. `is_error` is None where the
    format does not say it. `denied`: a person said no. `called_at` and `answered_at` are the times
    of the two messages; `answered_at` is None where both stand in one message, since nobody knows
    then when the result came. `repr` leaves the content out.
    """

    id: str
    name: str
    input: Json = field(repr=False)
    call_message_id: str | None
    called_at: datetime | None
    output: Json = field(default=None, repr=False)
    content: tuple[Part, ...] | None = field(default=None, repr=False)
    is_error: bool | None = None
    denied: bool = False
    provider_executed: bool | None = None
    pending: bool = True
    result_message_id: str | None = None
    answered_at: datetime | None = None

    @property
    def failed(self) -> bool | None:
        """Whether it ended in an error or was denied; None while it is pending."""
        return None if self.pending else bool(self.is_error or self.denied)

    @property
    def latency(self) -> timedelta | None:
        """From the call to its result, by the times of their messages.

        None where one of them is not known, or the result is older than the call.
        """
        if self.called_at is None or self.answered_at is None:
            return None
        passed = self.answered_at - self.called_at
        return passed if passed >= timedelta(0) else None
