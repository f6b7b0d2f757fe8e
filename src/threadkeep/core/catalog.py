"""The catalog as facts: what stands in a schema, printed the same in every schema and version.

A fact is a kind, an object and its definition. Schema names are left out of the definitions, the
two roles stand as `:"app_role"` and `:"admin_role"`. `sql/catalog.json` holds the facts of a
database that this version migrated; `tools/generate_schema.py` writes it.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from threadkeep.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterable

    from threadkeep.core.schema import Options
    from threadkeep.values.ports import Transaction

Facts = dict[tuple[str, str], str]
"""Definitions by kind and object. What hangs on a table is called `table.name`."""

BLOCKS = {
    "table": "catalog_tables",
    "column": "catalog_columns",
    "constraint": "catalog_constraints",
    "index": "catalog_indexes",
    "trigger": "catalog_triggers",
    "view": "catalog_views",
    "function": "catalog_functions",
    "rls": "catalog_security",
    "policy": "catalog_policies",
    "privilege": "catalog_privileges",
}
ACCESS = ("rls", "policy", "privilege")
OBJECTS = ("table", "view", "function")
LEDGER = "schema_migrations"


async def read_facts(
    tx: Transaction,
    options: Options,
    *,
    names: list[str] | None,
    kinds: Iterable[str] = tuple(BLOCKS),
) -> Facts:
    """The facts about these tables, views and functions; about all in the schema if None.

    Leaves the search path as it was.
    """
    sql = statements(options.schema)
    roles = list(options.roles.values())
    found: Facts = {}
    [[before, _]] = await tx.fetch(sql["catalog_enter"], options.schema)
    for kind in kinds:
        args: list[object] = [options.schema, names]
        if kind == "policy":
            args += [roles, [f':"{option}"' for option in options.roles]]
        elif kind == "privilege":
            args += [roles, list(options.roles)]
        for name, definition in await tx.fetch(sql[BLOCKS[kind]], *args):
            found[kind, name] = definition
    await tx.fetch(sql["catalog_leave"], before)
    return found


@cache
def _shipped() -> dict[str, dict[str, str]]:
    facts: dict[str, dict[str, str]] = json.loads(
        (files("threadkeep.sql") / "catalog.json").read_text("utf-8")
    )
    return facts


def expected_facts(options: Options, kinds: Iterable[str] = tuple(BLOCKS)) -> Facts:
    """The facts of a correctly migrated database."""
    expected = {(k, name): text for k in kinds for name, text in _shipped()[k].items()}
    if not options.rls:
        expected = {key: text for key, text in expected.items() if key[0] != "policy"}
        expected |= {key: "disabled" for key in expected if key[0] == "rls"}
    return expected


def expected_names() -> list[str]:
    """What is ours in a schema: tables, views and functions, and the schema's own privileges."""
    return [name for kind in OBJECTS for name in _shipped()[kind]] + ["schema"]


def data_tables() -> list[str]:
    """The tables that hold rows of owners."""
    return [name for name in _shipped()["table"] if name != LEDGER]


def dump_facts(facts: Facts) -> str:
    """The text of `catalog.json`."""
    by_kind: dict[str, dict[str, str]] = {kind: {} for kind in BLOCKS}
    # Columns keep their order in the table; the rest must not hang on a database's collation.
    for (kind, name), definition in sorted(
        facts.items(), key=lambda fact: fact[0][1] if fact[0][0] != "column" else ""
    ):
        by_kind[kind][name] = definition
    return json.dumps(by_kind, indent=1, ensure_ascii=False) + "\n"
