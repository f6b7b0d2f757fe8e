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
    *("branches", "concurrency", "isolation", "kit", "lossless", "messages", "threads", "turns"),
    "windows",
)
# Before they are imported: pytest then says in detail what an assertion of theirs saw.
pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in _MODULES))

from threadkeep.testing.contract.branches import BranchesContract  # noqa: E402
from threadkeep.testing.contract.concurrency import ConcurrencyContract  # noqa: E402
from threadkeep.testing.contract.isolation import IsolationContract  # noqa: E402
from threadkeep.testing.contract.kit import Contract  # noqa: E402
from threadkeep.testing.contract.lossless import LosslessContract  # noqa: E402
from threadkeep.testing.contract.messages import MessagesContract  # noqa: E402
from threadkeep.testing.contract.threads import ThreadsContract  # noqa: E402
from threadkeep.testing.contract.turns import TurnsContract  # noqa: E402
from threadkeep.testing.contract.windows import WindowsContract  # noqa: E402

__all__ = [
    "BranchesContract",
    "ConcurrencyContract",
    "Contract",
    "IsolationContract",
    "LosslessContract",
    "MessagesContract",
    "ThreadsContract",
    "TurnsContract",
    "WindowsContract",
]
