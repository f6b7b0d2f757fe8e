"""Both faces of the store against the model; `-m prove` searches long."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from threadkeep.connecting import connect, connect_async
from threadkeep.testing.stateful import machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from threadkeep.testing.servers import Database
    from threadkeep.testing.stateful import StoreMachine

SHORT, LONG = 40, 1500


def run(made: type[StoreMachine], examples: int) -> None:
    given = settings(
        max_examples=examples,
        stateful_step_count=40,
        deadline=None,
        report_multiple_bugs=False,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(made, settings=given)


def blocking(database: Database, examples: int) -> None:
    with connect(database.url, pool_size=1) as store:
        run(machine(lambda: store), examples)


def over_asyncio(database: Database, examples: int) -> None:
    with asyncio.Runner() as runner:
        store = runner.run(connected(database))
        try:
            run(machine(lambda: store, run=runner.get_loop().run_until_complete), examples)
        finally:
            runner.run(store.close())


async def connected(database: Database) -> Any:
    return await connect_async(database.url, pool_size=1)


FACES = pytest.mark.parametrize("check", [blocking, over_asyncio])


@FACES
def test_the_store_does_what_the_model_does(
    database: Database, check: Callable[[Database, int], None]
) -> None:
    check(database, SHORT)


@pytest.mark.prove
@FACES
def test_the_store_does_what_the_model_does_for_long(
    database: Database, check: Callable[[Database, int], None]
) -> None:
    check(database, LONG)
