"""The genuine AI SDK, once for all tests of dialects."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from genuine import Genuine, available


@pytest.fixture(scope="session")
def genuine() -> Iterator[Genuine]:
    """A running process with the npm packages; skips with the reason where there is none."""
    reason = available()
    if reason is not None:
        pytest.skip(reason)
    with Genuine() as running:
        yield running
