"""What every store must do, as tests: subclass a suite and give it the fixture `store`.

    from threadkeep.testing.contract import ThreadsContract

    class TestThreads(ThreadsContract):
        @pytest.fixture
        async def store(self): ...   # an AsyncStore, as the app's role

Each test has one sentence that names the property it checks.
"""

from __future__ import annotations

import pytest

_MODULES = (
    *("access", "attachments", "branches", "bulk", "concurrency", "credentials"),
    *("feedback", "filters", "finding", "handover"),
    *("isolation", "kit"),
    *("lossless", "messages", "orders", "sessions", "span_kit", "span_lists", "spans", "threads"),
    *("recorded", "telemetry", "tool_calls", "totals", "transfer", "trees", "turns", "windows"),
)
# Before they are imported: pytest then says in detail what an assertion of theirs saw.
pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in _MODULES))

from threadkeep.testing.contract.access import AccessContract  # noqa: E402
from threadkeep.testing.contract.attachments import AttachmentsContract  # noqa: E402
from threadkeep.testing.contract.branches import BranchesContract  # noqa: E402
from threadkeep.testing.contract.bulk import BulkContract  # noqa: E402
from threadkeep.testing.contract.concurrency import ConcurrencyContract  # noqa: E402
from threadkeep.testing.contract.credentials import CredentialsContract  # noqa: E402
from threadkeep.testing.contract.feedback import FeedbackContract  # noqa: E402
from threadkeep.testing.contract.filters import FiltersContract  # noqa: E402
from threadkeep.testing.contract.finding import FindingContract  # noqa: E402
from threadkeep.testing.contract.handover import HandoverContract  # noqa: E402
from threadkeep.testing.contract.isolation import IsolationContract  # noqa: E402
from threadkeep.testing.contract.kit import Contract  # noqa: E402
from threadkeep.testing.contract.lossless import LosslessContract  # noqa: E402
from threadkeep.testing.contract.messages import MessagesContract  # noqa: E402
from threadkeep.testing.contract.orders import OrdersContract  # noqa: E402
from threadkeep.testing.contract.recorded import (  # noqa: E402
    RecordedRunsContract,
    RecordedSpansContract,
)
from threadkeep.testing.contract.sessions import SessionsContract  # noqa: E402
from threadkeep.testing.contract.span_lists import SpanListsContract  # noqa: E402
from threadkeep.testing.contract.spans import SpansContract  # noqa: E402
from threadkeep.testing.contract.telemetry import EventsContract, ScoresContract  # noqa: E402
from threadkeep.testing.contract.threads import ThreadsContract  # noqa: E402
from threadkeep.testing.contract.tool_calls import ToolCallsContract  # noqa: E402
from threadkeep.testing.contract.totals import TotalsContract  # noqa: E402
from threadkeep.testing.contract.transfer import TransferContract  # noqa: E402
from threadkeep.testing.contract.trees import TreesContract  # noqa: E402
from threadkeep.testing.contract.turns import TurnsContract  # noqa: E402
from threadkeep.testing.contract.windows import WindowsContract  # noqa: E402

__all__ = [
    "AccessContract",
    "AttachmentsContract",
    "BranchesContract",
    "BulkContract",
    "ConcurrencyContract",
    "Contract",
    "CredentialsContract",
    "EventsContract",
    "FeedbackContract",
    "FiltersContract",
    "FindingContract",
    "HandoverContract",
    "IsolationContract",
    "LosslessContract",
    "MessagesContract",
    "OrdersContract",
    "RecordedRunsContract",
    "RecordedSpansContract",
    "ScoresContract",
    "SessionsContract",
    "SpanListsContract",
    "SpansContract",
    "ThreadsContract",
    "ToolCallsContract",
    "TotalsContract",
    "TransferContract",
    "TreesContract",
    "TurnsContract",
    "WindowsContract",
]
