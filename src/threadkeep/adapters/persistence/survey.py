"""Whether the app's tables are such that the adapter can work on them, and what would mend them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from threadkeep.adapters.persistence.ddl import create_table, quoted, type_of
from threadkeep.adapters.persistence.naming import Column, Family, Naming
from threadkeep.sql import quote_name
from threadkeep.sql.host import quote_column
from threadkeep.values.errors import SchemaMismatchError
from threadkeep.values.ports import Row

_YES: Final = "true"
_TABLES: Final = "rp"
_VIEW: Final = "v"
# What pg_relation_is_updatable says of a view that takes both INSERT and UPDATE.
_WRITABLE: Final = 4 | 8
_TYPES: Final[Mapping[Family, tuple[str, ...]]] = {
    "text": ("text", "character varying"),
    "time": ("timestamp with time zone",),
    "json": ("jsonb", "json", "text", "character varying"),
    "number": ("bigint", "numeric"),
}
_WORDS: Final[Mapping[Family, str]] = {
    "text": "text",
    "time": "timestamptz",
    "json": "jsonb, json or text",
    "number": "bigint",
}
_PRIVILEGES: Final = ("SELECT", "INSERT", "UPDATE")
_ORDER: Final = ("create", "add", "type", "null", "key", "grant")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a table, and the SQL that would mend it, if any does.

    `column` is None where it is about the table as a whole.
    """

    table: str
    column: str | None
    rule: str
    ddl: str | None = field(default=None, repr=False)
    stage: str = field(default="", repr=False, compare=False)

    def __str__(self) -> str:
        name = self.table if self.column is None else f"{self.table}.{quote_column(self.column)}"
        return f"{name} {self.rule}"


class TablesMismatchError(SchemaMismatchError):
    """The app's tables cannot be worked on. `problems` has all that is wrong, `ddl` mends it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        mending = sorted((p for p in problems if p.ddl), key=lambda p: _ORDER.index(p.stage))
        self.ddl = "".join(f"{line}\n" for line in dict.fromkeys(p.ddl or "" for p in mending))
        told = "; ".join(str(problem) for problem in problems)
        super().__init__(told, command="the SQL in `ddl`, once it was read")


@dataclass(frozen=True, slots=True)
class SchemaReport:
    """Tables on which the adapter can work: `notes` says what is worth to know of them."""

    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What the catalog says of one column.

    `strict`: its domain takes no NULL. `filled`: something stands for it where it is not given, if
    only NULL does not; `default`: that is a plain default of its own. `computed`: it cannot be
    written. `sequence`: what its default draws on and the role may not use.
    """

    type: str
    modifier: int
    not_null: bool
    strict: bool
    filled: bool
    default: bool
    identity: str
    computed: bool
    primary: bool
    partitions: bool
    exact: bool
    sequence: str | None
    privileges: Mapping[str, bool]

    @classmethod
    def of(cls, facts: Sequence[str | None]) -> Found:
        base, modifier, not_null, strict, filled, default, identity, *more = facts
        computed, primary, partitions, exact, sequence, *granted = more
        return cls(
            base or "",
            int(modifier or -1),
            not_null == _YES,
            strict == _YES,
            filled == _YES,
            default == _YES,
            identity or "",
            computed == _YES,
            primary == _YES,
            partitions == _YES,
            exact == _YES,
            sequence,
            _privileges(granted),
        )

    @property
    def coarse(self) -> bool:
        """Whether a time in it loses microseconds."""
        return 0 <= self.modifier < 6


@dataclass(slots=True)
class Look:
    """What the catalog says of one table."""

    role: str = ""
    usable: bool = True
    oid: str | None = None
    kind: str = ""
    secured: bool = False
    updatable: int = 0
    privileges: Mapping[str, bool] = field(default_factory=dict)
    columns: dict[str, Found] = field(default_factory=dict)
    keys: dict[str, set[str]] = field(default_factory=dict)
    deferred: dict[str, set[str]] = field(default_factory=dict)
    foreign: dict[str, set[str]] = field(default_factory=dict)

    def take(self, fact: str, name: str, facts: Sequence[str | None]) -> None:
        """Read one row of the statement `look`."""
        if fact == "table":
            usable, self.oid, kind, secured, updatable, *granted = facts
            self.role, self.usable = name, usable == _YES
            self.kind, self.secured = kind or "", secured == _YES
            self.updatable = int(updatable or 0)
            self.privileges = _privileges(granted)
        elif fact == "column":
            self.columns[name] = Found.of(facts)
        else:
            kinds = {"key": self.keys, "deferred": self.deferred, "foreign": self.foreign}
            kinds[fact].setdefault(name, set()).add(str(facts[0]))


def _privileges(granted: Sequence[str | None]) -> dict[str, bool]:
    return {name: held == _YES for name, held in zip(_PRIVILEGES, granted, strict=True)}


def read(rows: Sequence[Row], naming: Naming) -> dict[str, Look]:
    """What the rows of the statement `look` say, by table."""
    looks = {label: Look() for label in naming.tables}
    for label, fact, name, facts in rows:
        looks[label].take(fact, name, json.loads(facts))
    return looks


def judge(looks: Mapping[str, Look], naming: Naming) -> SchemaReport:
    """TablesMismatchError with all that is wrong; else what is worth to know."""
    problems = _problems(looks, naming)
    if problems:
        raise TablesMismatchError(problems)
    return SchemaReport(
        tuple(note for label in naming.tables for note in _notes(label, looks[label], naming))
    )


def check_there(looks: Mapping[str, Look], naming: Naming) -> None:
    """TablesMismatchError where something is missing, or would not keep the order."""
    grave = [p for p in _problems(looks, naming) if p.stage in ("create", "add", "type")]
    if grave:
        raise TablesMismatchError(grave)


def jsonb_columns(looks: Mapping[str, Look], naming: Naming) -> dict[str, bool]:
    """Which columns for JSON are jsonb, by what they are called here: `messages.parts_json`."""
    return {
        f"{label}.{column.name}": look.columns[name].type == "jsonb"
        for label, look in looks.items()
        for column, name in naming.contract(label)
        if column.family == "json"
    }


def _problems(looks: Mapping[str, Look], naming: Naming) -> list[Problem]:
    found = [problem for label in naming.tables for problem in _of(label, looks[label], naming)]
    one, other = (looks[label].oid for label in ("messages", "sessions"))
    if one is not None and one == other:
        rule = "is the table of messages too"
        found.append(Problem(naming.tables["sessions"].sql, None, rule, stage="create"))
    return found


Say = Callable[..., Problem]


def _of(label: str, look: Look, naming: Naming) -> Iterator[Problem]:
    table = naming.tables[label]

    def say(stage: str, column: str | None, rule: str, ddl: str | None = None) -> Problem:
        if look.kind == _VIEW and stage != "grant":
            ddl = None
        return Problem(table.sql, column, rule, ddl, stage)

    role = quote_name(look.role) if look.role else "CURRENT_USER"
    if not look.usable and table.schema is not None:
        schema = quote_name(table.schema)
        grant = f"GRANT USAGE ON SCHEMA {schema} TO {role};"
        yield say("grant", None, "is in a schema that the role may not use", grant)
    if look.oid is None:
        yield from _absent(label, naming, role, say)
        return
    if look.kind == _VIEW and look.updatable & _WRITABLE != _WRITABLE:
        yield say("create", None, "is a view that cannot be written to")
    elif look.kind not in (*_TABLES, _VIEW):
        yield say("create", None, "is not a table")
        return
    for column, name in naming.contract(label):
        yield from _column(column, name, look, naming, label, say)
    yield from _others(label, look, naming, role, say)
    yield from _granted(label, look, naming, role, say)
    if look.kind != _VIEW:
        yield from _keyed(label, look, naming, say)


def _keyed(label: str, look: Look, naming: Naming, say: Say) -> Iterator[Problem]:
    table, key = naming.tables[label].sql, naming.key(label)
    for name, columns in look.deferred.items():
        if columns == set(key):
            ddl = f"ALTER TABLE {table} DROP CONSTRAINT {quote_name(name)};"
            yield say("type", None, f"has a deferrable key on ({quoted(key)})", ddl)
    if set(key) not in look.keys.values():
        split = {name for name, found in look.columns.items() if found.partitions}
        # A unique index holds in a partition only.
        mends = None if split - set(key) else f"CREATE UNIQUE INDEX ON {table} ({quoted(key)});"
        rule = f"has no unique key on exactly ({quoted(key)}) that ON CONFLICT can use"
        yield say("key", None, rule, mends)


def _absent(label: str, naming: Naming, role: str, say: Say) -> Iterator[Problem]:
    table = naming.tables[label]
    lines = [create_table(naming, label, "jsonb")]
    if table.schema is not None:
        schema = quote_name(table.schema)
        lines.insert(0, f"CREATE SCHEMA IF NOT EXISTS {schema};")
        lines.append(f"GRANT USAGE ON SCHEMA {schema} TO {role};")
    granted = "SELECT, INSERT, UPDATE" if label == "sessions" else "SELECT, INSERT"
    lines.append(f"GRANT {granted} ON {table.sql} TO {role};")
    yield say("create", None, "is missing", "\n".join(lines))


def _column(
    column: Column, name: str, look: Look, naming: Naming, label: str, say: Say
) -> Iterator[Problem]:
    table, own = naming.tables[label].sql, quote_column(name)
    found = look.columns.get(name)
    change = f"ALTER TABLE {table} ALTER COLUMN {own}"
    if found is None:
        yield say(
            "add", name, "is missing", f"ALTER TABLE {table} ADD COLUMN {_added(column, own)};"
        )
        return
    if found.computed:
        by = "view" if look.kind == _VIEW else "server"
        yield say("type", name, f"is generated by the {by} and cannot be written")
    elif found.identity == "a":
        ddl = f"{change} SET GENERATED BY DEFAULT;"
        yield say("type", name, "is generated by the server and cannot be written", ddl)
    yield from _typed(column, name, look, naming, label, say)
    if look.kind == _VIEW:
        return
    strict = found.not_null or found.strict
    if column.required and not strict:
        yield say("null", name, "must be NOT NULL", f"{change} SET NOT NULL;")
    if not column.required and strict:
        yield say("null", name, "must take NULL", _loosened(found, change))


def _typed(
    column: Column, name: str, look: Look, naming: Naming, label: str, say: Say
) -> Iterator[Problem]:
    table, own = naming.tables[label].sql, quote_column(name)
    found, change = look.columns[name], f"ALTER TABLE {table} ALTER COLUMN {own}"
    if found.type not in _TYPES[column.family]:
        ddl = f"{change} TYPE {type_of(column, 'jsonb')} USING {_using(column, own, found.type)};"
        # A default of the old type would not be cast to these.
        if column.family in ("json", "time") and found.default:
            ddl = f"{change} DROP DEFAULT;\n{ddl}{_default(column, change)}"
        rule = f"is {found.type} and must be {_WORDS[column.family]}"
        yield say("type", name, rule, None if found.computed else ddl)
    elif found.coarse and column.name == "created_at" and "seq" not in naming.columns[label]:
        rule = "must keep microseconds, since it is the order"
        yield say("type", name, rule, f"{change} TYPE timestamptz;")
    elif column.family == "text" and not found.exact:
        rule = "has a collation by which different texts are equal"
        yield say("type", name, rule, f'{change} TYPE text COLLATE pg_catalog."default";')


def _loosened(found: Found, change: str) -> str | None:
    """What lets a column take NULL; None where nothing can: it is of the primary key."""
    if found.primary:
        return None
    lines = [f"{change} DROP NOT NULL;"] if found.not_null else []
    if found.strict:
        lines.append(f"{change} TYPE {found.type};")
    return "\n".join(lines)


def _others(label: str, look: Look, naming: Naming, role: str, say: Say) -> Iterator[Problem]:
    table, ours = naming.tables[label].sql, {name for _, name in naming.contract(label)}
    for name, found in look.columns.items():
        if name in ours or found.computed:
            continue
        if (found.not_null or found.strict) and not found.filled:
            change = f"ALTER TABLE {table} ALTER COLUMN {quote_column(name)}"
            ddl = _loosened(found, change)
            if found.primary and found.type == "uuid":
                ddl = f"{change} SET DEFAULT gen_random_uuid();"
            yield say("null", name, "is not written here: must take NULL or have a default", ddl)
        if found.sequence is not None:
            ddl = f"GRANT USAGE ON SEQUENCE {found.sequence} TO {role};"
            yield say("grant", name, "has a default from a sequence that the role may not use", ddl)


def _granted(label: str, look: Look, naming: Naming, role: str, say: Say) -> Iterator[Problem]:
    table = naming.tables[label].sql
    for privilege in _PRIVILEGES:
        if privilege == "UPDATE" and label == "messages":
            continue
        # Of a column that is missing, what the role may do to the table says what it will.
        needed = [
            (name, (look.columns.get(name) or look).privileges[privilege])
            for column, name in naming.contract(label)
            if privilege != "UPDATE" or column.updated
        ]
        ddl = f"GRANT {privilege} ON {table} TO {role};"
        lacking = [name for name, held in needed if not held]
        rule = f"may not be used by the role: it lacks {privilege}"
        if lacking and len(lacking) == len(needed):
            yield say("grant", None, rule, ddl)
        else:
            yield from (say("grant", name, rule, ddl) for name in lacking)


def _notes(label: str, look: Look, naming: Naming) -> Iterator[str]:
    table = naming.tables[label].sql
    if look.secured:
        yield f"{table} is under row-level security for this role: it sees what that lets through"
    if look.kind == _VIEW:
        yield f"{table} is a view: its keys and what may be NULL were not looked at"
    ours = {name for _, name in naming.contract(label)}
    for name, columns in look.foreign.items():
        if ours & columns:
            yield f"{table} has the foreign key {name}: what it refers to must be there first"
    key = set(naming.key(label))
    for other in look.keys.values():
        if other < key or (other != key and other <= ours):
            yield f"{table} has another unique key, which may refuse what the adapter allows"


def _added(column: Column, own: str) -> str:
    parts = [own, type_of(column, "jsonb")]
    if column.default is not None:
        parts.append(f"DEFAULT {column.default}")
    if column.required:
        parts.append("NOT NULL")
    return " ".join(parts)


def _using(column: Column, own: str, found: str) -> str:
    if column.family == "time":
        if found in ("timestamp without time zone", "date"):
            return f"{own}::timestamp AT TIME ZONE 'UTC'"
        return f"{own}::text::timestamptz"
    if column.family == "json" and found not in ("character", "xml"):
        return f"to_jsonb({own})"
    return f"{own}::text::{type_of(column, 'jsonb')}"


def _default(column: Column, change: str) -> str:
    return "" if column.default is None else f"\n{change} SET DEFAULT {column.default};"
