"""Which tests run in one worker of pytest-xdist: those that share what is dear to start.

A table, since the mark `xdist_group` does nothing with pytest 9.2 and pytest-xdist 3.8. The largest
groups begin first; all other tests go to whoever is free.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

TOGETHER: Final = (
    "tests/browser/",
    "tests/cli/test_cli_serve.py",
    "tests/examples/test_chat_demo.py",
    "tests/server/test_openapi_schemathesis.py",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """One that keeps together what stands above."""
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    class Grouped(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return next((group for group in TOGETHER if nodeid.startswith(group)), nodeid)

    return Grouped(config, log)
