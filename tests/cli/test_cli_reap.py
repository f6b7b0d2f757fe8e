"""`threadkeep reap`: it only writes down what reads show, and deletes what they refuse."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from threadkeep import Message, connect

if TYPE_CHECKING:
    from commands import Cli

    from threadkeep.testing.servers import Database

SECONDS = 60.0


def interrupt(url: str, *threads: str) -> list[str]:
    """Leave a turn behind in each thread, as a process does that dies; the runs' ids."""
    with connect(url) as store:
        chat = store.owner("o")
        turns = [chat.turn(t, Message.user("q"), lease=0.01) for t in threads]
        for turn in turns:
            turn.__enter__()
        deadline = time.monotonic() + SECONDS
        for turn in turns:
            while chat.runs.get(turn.thread_id, turn.id).status == "running":
                assert time.monotonic() < deadline
                time.sleep(0.01)
        return [turn.id for turn in turns]


def test_reap_writes_down_what_was_interrupted_once(cli: Cli, database: Database) -> None:
    """As the admin role it says how many there were; a second time there are none."""
    runs = interrupt(database.url, "t1", "t2")
    with connect(database.url) as store:
        # They end within the time that the other command takes at the least.
        for owner in ("anon_1", "anon_2", "anon_3"):
            store.owner(owner).refresh_tokens.create(lifetime=0.001)
        kept = store.owner("anon_1").refresh_tokens.create(lifetime=600)
    as_admin = ("reap", "--url", database.admin_url)
    ended = cli(*as_admin, "--json")
    assert (ended.code, ended.json) == (0, {"reaped": 2, "purged": 3})
    again = cli(*as_admin)
    told = "interrupted runs written down: 0\nexpired refresh tokens deleted: 0\n"
    assert (again.code, again.out) == (0, told)
    with connect(database.url) as store:
        found = [
            store.owner("o").runs.get(t, run) for t, run in zip(("t1", "t2"), runs, strict=True)
        ]
        assert {run.status for run in found} == {"interrupted"}
        assert store.owner("anon_1").refresh_tokens.check(kept.id, 0) == kept


def test_reap_takes_the_admin_url_of_the_environment(
    cli: Cli, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The app's URL is enough where THREADKEEP_ADMIN_URL stands beside it; alone it is not."""
    interrupt(database.url, "t")
    refused = cli("reap", "--json")
    assert (refused.code, refused.out) == (5, "")
    assert refused.errors[0]["error"]["code"] == "forbidden"
    monkeypatch.setenv("THREADKEEP_ADMIN_URL", database.admin_url)
    assert cli("reap", "--json").json == {"reaped": 1, "purged": 0}
