"""Drift: where a database differs from what this version made or expects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from threadkeep.core.catalog import (
    BLOCKS,
    OBJECTS,
    Facts,
    expected_facts,
    expected_names,
    read_facts,
)
from threadkeep.core.ledger import find_place, read_states
from threadkeep.sql import quote_name, statements

if TYPE_CHECKING:
    from threadkeep.core.schema import Options
    from threadkeep.values.ports import Executor, Transaction

_ORDER = ("schema", "migration", "role", *BLOCKS)


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference. `found` is None for what is missing, `expected` for what is too much.

    `kind` is schema, migration, role, table, column, constraint, index, trigger, view, function,
    rls, policy or privilege. What hangs on a table is called `table.name`, a privilege
    `role: object`.
    """

    kind: str
    object: str
    expected: str | None
    found: str | None


async def verify(ex: Executor, options: Options) -> tuple[Finding, ...]:
    """All differences at once; empty for a database as this version migrates it.

    Objects of a host in the same schema are none of our business; whatever hangs on our tables
    is. What hangs on a missing table, or waits for a missing role, is not named on its own.
    """
    async with ex.transaction(None) as tx:
        place = await find_place(tx, options.schema)
        if not place.has_schema:
            return (Finding("schema", options.schema, "exists", None),)
        found = await read_facts(tx, options, names=expected_names())
        absent, _ = await absent_roles(tx, options)
        findings = compare(expected_facts(options), found, absent)
        findings += [Finding("role", options.roles[option], "exists", None) for option in absent]
        if place.has_ledger:
            findings += [
                Finding("migration", f"{m.version:04d}_{m.name}", "applied", m.state)
                for m in await read_states(tx, options.schema)
                if m.state != "applied"
            ]
    findings.sort(key=lambda f: (_ORDER.index(f.kind), f.object))
    return tuple(_with_roles(f, options) for f in findings)


async def absent_roles(tx: Transaction, options: Options) -> tuple[tuple[str, ...], bool]:
    """Which of the roles do not exist, by their option; and may the current role make roles."""
    sql = statements(options.schema)["migration_roles"]
    [[app, admin, may_create]] = await tx.fetch(sql, options.app_role, options.admin_role)
    there = {"app_role": app, "admin_role": admin}
    return tuple(option for option in options.roles if not there[option]), may_create


def compare(expected: Facts, found: Facts, absent: tuple[str, ...]) -> list[Finding]:
    """The differences, in no order; nothing about the roles that are absent."""
    missing = {name for kind, name in expected if kind in OBJECTS and (kind, name) not in found}
    findings = []
    for kind, name in expected.keys() | found.keys():
        want, have = expected.get((kind, name)), found.get((kind, name))
        if want == have or (kind == "privilege" and have == "owner"):
            continue
        if kind not in OBJECTS and _host(kind, name) in missing:
            continue
        if have is None and _waits_for(absent, kind, name, want or ""):
            continue
        findings.append(Finding(kind, name, want, have))
    return findings


def lacks(finding: Finding) -> bool:
    """Is something missing or wrong, as against granted or made on top of what is ours."""
    if finding.expected is None or finding.found is None or finding.kind != "privilege":
        return finding.expected is not None
    return not set(finding.expected.split(", ")) <= set(finding.found.split(", "))


def _host(kind: str, name: str) -> str:
    return name.partition(": ")[2] if kind == "privilege" else name.partition(".")[0]


def _waits_for(absent: tuple[str, ...], kind: str, name: str, definition: str) -> bool:
    if kind == "privilege":
        return name.partition(":")[0] in absent
    return kind == "policy" and any(f':"{option}"' in definition for option in absent)


def _with_roles(finding: Finding, options: Options) -> Finding:
    """The finding with the roles' real names for their marks."""
    if finding.kind == "privilege":
        option, _, name = finding.object.partition(": ")
        return replace(finding, object=f"{options.roles[option]}: {name}")
    if finding.kind != "policy":
        return finding
    texts = [finding.expected, finding.found]
    for option, role in options.roles.items():
        texts = [t and t.replace(f':"{option}"', quote_name(role)) for t in texts]
    return replace(finding, expected=texts[0], found=texts[1])
