"""The app's own names: which tables, which columns, and what each column must be like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from threadkeep.sql.host import TableName, quote_column
from threadkeep.values.errors import InvalidError

Casing = Literal["snake_case", "camel_case"]
Payload = Literal["jsonb", "json"]
Tables = Mapping[str, str | tuple[str, str]]
Columns = Mapping[str, Mapping[str, str]]
Family = Literal["text", "time", "json", "number"]

TABLES: Final = {"messages": "chat_messages", "sessions": "chat_sessions"}
"""What the tables are called where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Column:
    """What one column must be like; `optional` ones are used only where the app names them.

    `updated`: a session's change writes it. `default`: what stands for it in rows of others.
    """

    name: str
    family: Family
    required: bool = True
    updated: bool = False
    optional: bool = False
    default: str | None = None


CONTRACT: Final[Mapping[str, tuple[Column, ...]]] = {
    "messages": (
        Column("thread_id", "text"),
        Column("message_id", "text"),
        Column("session_id", "text", required=False),
        Column("user_id", "text", required=False),
        Column("role", "text"),
        Column("created_at", "time", default="now()"),
        Column("parts_json", "json"),
        Column("seq", "number", optional=True),
    ),
    "sessions": (
        Column("session_id", "text"),
        Column("thread_id", "text"),
        Column("sdk_version", "text", updated=True),
        Column("state_json", "json", required=False, updated=True),
        Column("metadata_json", "json", required=False, updated=True),
        Column("created_at", "time", default="now()"),
        Column("updated_at", "time", updated=True, default="now()"),
        Column("archived_at", "time", required=False, updated=True),
        Column("user_id", "text", required=False, optional=True),
    ),
}
"""The columns of both tables, in the order in which the DDL lists them."""

KEYS: Final = {"messages": ("thread_id", "message_id"), "sessions": ("session_id",)}
"""What must be unique in each."""


@dataclass(frozen=True, slots=True)
class Naming:
    """The tables and columns by the names that they have in the app's database."""

    tables: Mapping[str, TableName]
    columns: Mapping[str, Mapping[str, str]]
    names: Mapping[str, str | None] = field(repr=False, compare=False)

    @classmethod
    def of(
        cls,
        tables: Tables | None = None,
        columns: Columns | None = None,
        *,
        casing: Casing = "snake_case",
        per_user: bool = False,
    ) -> Naming:
        """Check what the app says; InvalidError names what is wrong.

        `tables` and `columns` are by the names of the contract; what they leave out is called as
        there, in the spelling of `casing`. With `per_user` sessions have a user too.
        """
        if casing not in ("snake_case", "camel_case"):
            raise InvalidError("casing", "must be 'snake_case' or 'camel_case'")
        named: dict[str, Any] = {**TABLES, **_known("tables", tables, TABLES)}
        read = {label: TableName.read(name) for label, name in named.items()}
        if read["messages"] == read["sessions"]:
            raise InvalidError("tables", "must be two")
        given = _known("columns", columns, CONTRACT)
        mapped = {
            label: _columns(label, given.get(label, {}), casing, per_user=per_user)
            for label in CONTRACT
        }
        return cls(read, mapped, _marks(read, mapped))

    def contract(self, label: str) -> list[tuple[Column, str]]:
        """The columns of a table that are used, each with the app's name for it."""
        own = self.columns[label]
        return [(column, own[column.name]) for column in CONTRACT[label] if column.name in own]

    def key(self, label: str) -> list[str]:
        """The app's names of the columns that must be unique together."""
        return [self.columns[label][name] for name in KEYS[label]]


def _known(option: str, given: Any, known: Mapping[str, object]) -> Mapping[str, object]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidError(option, "must be a mapping")
    for name in given:
        if name not in known:
            raise InvalidError(option, f"must have no other names than {', '.join(known)}")
    return given


def _columns(label: str, given: object, casing: Casing, *, per_user: bool) -> dict[str, str]:
    known = {column.name: column for column in CONTRACT[label]}
    option = f"columns.{label}"
    chosen = _known(option, given, known)
    made: dict[str, str] = {}
    for name, column in known.items():
        if name in chosen or not column.optional or (label == "sessions" and per_user):
            spelt = chosen.get(name, _camel(name) if casing == "camel_case" else name)
            quote_column(spelt, field=option)
            made[name] = str(spelt)
    if len(set(made.values())) < len(made):
        raise InvalidError(option, "must not name one column twice")
    return made


def _marks(
    tables: Mapping[str, TableName], columns: Mapping[str, Mapping[str, str]]
) -> dict[str, str | None]:
    marks: dict[str, str | None] = {label: name.sql for label, name in tables.items()}
    for label, contract in CONTRACT.items():
        for column in contract:
            own = columns[label].get(column.name)
            marks[f"{label}.{column.name}"] = None if own is None else quote_column(own)
    marks["messages.order"] = marks["messages.seq"] or marks["messages.created_at"]
    return marks


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
