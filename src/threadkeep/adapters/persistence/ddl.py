"""The tables as SQL and as a SQLAlchemy model, with the app's own names."""

from __future__ import annotations

from typing import Final

from threadkeep.adapters.persistence.naming import (
    Casing,
    Column,
    Columns,
    Family,
    Naming,
    Payload,
    Tables,
)
from threadkeep.sql.host import quote_column
from threadkeep.values.errors import InvalidError

_TYPES: Final[dict[Family, str]] = {"text": "text", "time": "timestamptz", "number": "bigint"}
_MODEL_TYPES: Final[dict[Family, str]] = {
    "text": "Text",
    "time": "DateTime(timezone=True)",
    "number": "BigInteger",
}
_PYTHON: Final[dict[Family, str]] = {
    "text": "str",
    "time": "datetime",
    "json": "Any",
    "number": "int",
}
_INDEXES: Final = {
    "messages": (("thread_id", "order"), ("session_id",)),
    "sessions": (("thread_id",),),
}
_CLASSES: Final = {"messages": "ChatMessageRow", "sessions": "ChatSessionRow"}


def persistence_ddl(
    *,
    tables: Tables | None = None,
    columns: Columns | None = None,
    casing: Casing = "snake_case",
    payload: Payload = "jsonb",
    per_user: bool = False,
) -> str:
    """The SQL that makes the two tables, as `PostgresPersistence` with the same names wants them.

    `payload` is the type of what is JSON: with "json" it is kept byte for byte, with "jsonb" as
    its value. With `per_user` sessions have a user too, as an adapter that is bound to one needs.
    """
    naming = Naming.of(tables, columns, casing=casing, per_user=per_user)
    return "\n\n".join(create_table(naming, label, payload) for label in naming.tables) + "\n"


def create_table(naming: Naming, label: str, payload: Payload) -> str:
    """The SQL that makes one of the tables, with its indexes."""
    table = naming.tables[label].sql
    lines = [
        f"{quote_column(name)} {definition(column, payload)}"
        for column, name in naming.contract(label)
    ]
    lines.append(f"PRIMARY KEY ({quoted(naming.key(label))})")
    body = ",\n  ".join(lines)
    indexes = [f"CREATE INDEX ON {table} ({quoted(names)});" for names in _indexes(naming, label)]
    return "\n".join([f"CREATE TABLE {table} (\n  {body}\n);", *indexes])


def definition(column: Column, payload: Payload) -> str:
    """The type of a column, and what else stands behind its name."""
    parts = [type_of(column, payload)]
    if column.required:
        parts.append("NOT NULL")
    if column.default is not None:
        parts.append(f"DEFAULT {column.default}")
    return " ".join(parts)


def type_of(column: Column, payload: Payload) -> str:
    """The type of a column in SQL."""
    if payload not in ("jsonb", "json"):
        raise InvalidError("payload", "must be 'jsonb' or 'json'")
    return _TYPES.get(column.family, payload)


def quoted(names: list[str]) -> str:
    """Names of columns as a list in SQL."""
    return ", ".join(quote_column(name) for name in names)


def sqlalchemy_model(
    *,
    tables: Tables | None = None,
    columns: Columns | None = None,
    casing: Casing = "snake_case",
    payload: Payload = "jsonb",
    per_user: bool = False,
) -> str:
    """The same two tables as Python source: SQLAlchemy 2 classes over a `Base` of their own."""
    naming = Naming.of(tables, columns, casing=casing, per_user=per_user)
    kinds = {
        _model_type(column, payload).partition("(")[0]
        for label in naming.tables
        for column, _ in naming.contract(label)
    }
    general = ["Index", *sorted(kinds - {"JSON", "JSONB"}), "func"]
    head = (
        "from datetime import datetime\nfrom typing import Any\n\n"
        f"from sqlalchemy import {', '.join(sorted(general))}\n"
        f"from sqlalchemy.dialects.postgresql import {payload.upper()}\n"
        "from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\n\n\n"
        "class Base(DeclarativeBase):\n    pass\n"
    )
    return "\n\n".join([head, *(_model(naming, label, payload) for label in naming.tables)])


def _model(naming: Naming, label: str, payload: Payload) -> str:
    table = naming.tables[label]
    primary = naming.key(label)
    lines = [f"class {_CLASSES[label]}(Base):", f"    __tablename__ = {table.name!r}"]
    indexes = [f"Index(None, {', '.join(map(repr, names))})" for names in _indexes(naming, label)]
    options = [] if table.schema is None else [f"{{'schema': {table.schema!r}}}"]
    lines += ["    __table_args__ = (", *(f"        {one}," for one in [*indexes, *options])]
    lines += ["    )", ""]
    for column, name in naming.contract(label):
        python = _PYTHON[column.family] + ("" if column.required else " | None")
        given = [repr(name), _model_type(column, payload)]
        if name in primary:
            given.append("primary_key=True")
        if column.default is not None:
            given.append("server_default=func.now()")
        lines.append(f"    {column.name}: Mapped[{python}] = mapped_column({', '.join(given)})")
    return "\n".join(lines) + "\n"


def _model_type(column: Column, payload: Payload) -> str:
    type_of(column, payload)
    return _MODEL_TYPES.get(column.family, payload.upper())


def _indexes(naming: Naming, label: str) -> list[list[str]]:
    own = naming.columns[label]
    order = own.get("seq") or own.get("created_at", "")
    return [
        [order if name == "order" else own[name] for name in names] for names in _INDEXES[label]
    ]
