"""Where our tables stand and who may use them, and SQL texts filled in for that."""

from __future__ import annotations

import re
from dataclasses import dataclass

from threadkeep.sql import quote_name, statements
from threadkeep.values.errors import InvalidError

_ROLE_TAG = "$threadkeep$"


@dataclass(frozen=True, slots=True)
class Options:
    """A schema, its two roles, and whether the database itself keeps owners apart.

    `create_schema=False` leaves CREATE SCHEMA to a DBA. `app_role` sees the rows of the owner that
    its transaction named, `admin_role` those of all owners. Names that PostgreSQL keeps for
    itself are refused.
    """

    schema: str = "threadkeep"
    create_schema: bool = True
    rls: bool = True
    app_role: str = "threadkeep_app"
    admin_role: str = "threadkeep_admin"

    def __post_init__(self) -> None:
        for field in ("schema", "app_role", "admin_role"):
            _check_name(field, getattr(self, field))
        if self.app_role == self.admin_role:
            raise InvalidError("admin_role", "must not be the app's role: it sees all owners")

    @property
    def roles(self) -> dict[str, str]:
        """The roles by the name of their option."""
        return {"app_role": self.app_role, "admin_role": self.admin_role}


def _check_name(field: str, name: str) -> None:
    try:
        quote_name(name)
    except InvalidError as error:
        raise InvalidError(field, error.rule) from None
    taken = ("information_schema",) if field == "schema" else ("public", "none")
    if name in taken or name.startswith("pg_"):
        raise InvalidError(field, "must not be a name of PostgreSQL's own")
    if field != "schema" and _ROLE_TAG in name:
        raise InvalidError(field, f"must not contain {_ROLE_TAG}")


def filled(block: str, options: Options, **values: str) -> str:
    """A named block without parameters as one runnable text, its `:"x"` and `:'x'` filled in.

    `schema`, `app_role` and `admin_role` come from the options, other marks from `values`.
    """
    schema = quote_name(options.schema)
    known = {"schema": options.schema, **options.roles, **values}

    def fill(mark: re.Match[str]) -> str:
        if mark["name"]:
            return quote_name(known[mark["name"]])
        return _quote_literal(known[mark["value"]]) if mark["value"] else mark.group()

    # The schema's own name is stepped over: it may hold what looks like a mark.
    marks = rf""":"(?P<name>\w+)"|:'(?P<value>\w+)'|{re.escape(schema)}"""
    return re.sub(marks, fill, statements(options.schema)[block].text) + ";\n"


def _quote_literal(value: str) -> str:
    quoted = value.replace("'", "''")
    # The E form means the same whatever standard_conforming_strings says.
    return "E'" + quoted.replace("\\", "\\\\") + "'" if "\\" in value else f"'{quoted}'"
