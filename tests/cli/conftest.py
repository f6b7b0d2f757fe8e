"""The command line, run in this process against a database of the test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from commands import Cli, Ended

from threadkeep.cli.app import run

if TYPE_CHECKING:
    from threadkeep.testing.servers import Database


@pytest.fixture
def cli(
    database: Database, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Cli:
    """Run a command; the environment names the test's database."""
    monkeypatch.setenv("THREADKEEP_URL", database.url)

    def call(*arguments: str | Path) -> Ended:
        capfdbinary.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capfdbinary.readouterr()
        return Ended(code, out.decode(), err.decode())

    return call
