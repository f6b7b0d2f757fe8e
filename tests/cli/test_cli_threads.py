"""`threadkeep threads`: the conversations of an owner."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from commands import Cli

    from threadkeep.sync import Store

DAY = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
def threads(blocking_store: Store) -> None:
    """Five threads of an owner, one of another."""
    own = blocking_store.owner("me")
    for n in range(3):
        own.threads.create(f"t{n}", title=f"Title {n}", active_at=DAY + timedelta(days=n))
    own.threads.create("meta", metadata={"project": "x", "n": 1}, external_id="e", active_at=DAY)
    blocking_store.owner("me", "ann").threads.create("hers", active_at=DAY)
    own.threads.archive("t0")
    blocking_store.owner("you").threads.create("foreign")


def ids(cli: Cli, *arguments: str) -> list[str]:
    """The ids that the command lists."""
    return [thread["id"] for thread in cli("threads", "--json", *arguments).json["threads"]]


@pytest.mark.usefixtures("threads")
def test_threads_come_by_activity(cli: Cli) -> None:
    """The latest active first, without archived ones and those of other owners."""
    assert ids(cli, "--owner", "me")[:2] == ["t2", "t1"]
    assert set(ids(cli, "--owner", "me")) == {"t2", "t1", "meta", "hers"}
    assert ids(cli, "--owner", "nobody") == []


@pytest.mark.usefixtures("threads")
def test_filters_narrow_the_list(cli: Cli) -> None:
    """Status, user, external id and metadata each leave only what matches."""
    assert ids(cli, "--owner", "me", "--status", "archived") == ["t0"]
    assert len(ids(cli, "--owner", "me", "--status", "all")) == 5
    assert ids(cli, "--owner", "me", "--user", "ann") == ["hers"]
    assert ids(cli, "--owner", "me", "--external-id", "e") == ["meta"]
    assert ids(cli, "--owner", "me", "--metadata", '{"project":"x"}') == ["meta"]
    for wrong in ("[1]", "{", '"x"'):
        assert cli("threads", "--owner", "me", "--metadata", wrong).code == 2


@pytest.mark.usefixtures("threads")
def test_a_limit_says_that_there_is_more(cli: Cli) -> None:
    """--limit lists so many and says whether more follow; --all lists them all."""
    cut = cli("threads", "--owner", "me", "--limit", "2", "--json").json
    assert ([t["id"] for t in cut["threads"]], cut["more"]) == (["t2", "t1"], True)
    whole = cli("threads", "--owner", "me", "--limit", "2", "--all", "--json").json
    assert (len(whole["threads"]), whole["more"]) == (4, False)
    assert cli("threads", "--owner", "me", "--limit", "4", "--json").json["more"] is False
    assert cli("threads", "--owner", "me", "--limit", "0").code == 2


@pytest.mark.usefixtures("threads")
def test_the_table_names_threads(cli: Cli) -> None:
    """For people: id, last activity, number of messages and title on one line each."""
    ended = cli("threads", "--owner", "me", "--status", "all")
    rows = [line.split() for line in ended.out.splitlines()]
    assert ["t2", "2025-01-03", "00:00", "0", "Title", "2"] in rows
    assert ["t0", "2025-01-01", "00:00", "0", "Title", "0", "archived"] in rows
    assert "threads: 5" in ended.err
