"""SQL over tables that an app made: the blocks of this folder, and how names get into them.

A block begins with `-- name: x`, or `-- name: x, y reversed`, and a line on its purpose, as in the
folder above. Its marks are comments, most for a name that the app may have chosen:

    /*table messages*/             the table that is called `messages` here
    /*column messages.thread_id*/  a column of it
    /*with messages.seq*/          its line stays only where there is such a column
    /*without messages.seq*/       its line stays only where there is none
    /*use visible*/                the block `-- fragment: visible`

A line with the mark of a column that there is not is left out, in a fragment too. Any mark left
over is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from threadkeep.sql import assemble, quote_name, split
from threadkeep.values.errors import InvalidError
from threadkeep.values.ports import Statement

_NAME: Final = re.compile(r"/\*(?:table|column) ([\w.]+)\*/")
_KEPT: Final = re.compile(r"/\*(with|without|column) ([\w.]+)\*/")
_CONDITION: Final = re.compile(r" */\*(?:with|without) [\w.]+\*/")
_LEFT_OVER: Final = re.compile(r"/\*[^*]*\*/")
_QUOTED: Final = r'"(?:[^"\0]|"")+"'
_SAFE: Final = re.compile(rf"{_QUOTED}(?:\.{_QUOTED})?")
_SPACE: Final = r"[ \t\n\r\f\v]*"
_PLAIN: Final = r"[A-Za-z_\x80-\U0010ffff][A-Za-z_\x80-\U0010ffff0-9$]*"
_IDENTIFIER: Final = re.compile(rf"{_SPACE}(?:({_QUOTED})|({_PLAIN})){_SPACE}")
_UPPER: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


@dataclass(frozen=True, slots=True)
class TableName:
    """The name of a table, with its schema or without one: then the search path finds it."""

    schema: str | None
    name: str

    @property
    def sql(self) -> str:
        """The name as quoted SQL identifiers."""
        table = quote_name(self.name)
        return table if self.schema is None else f"{quote_name(self.schema)}.{table}"

    @classmethod
    def read(cls, given: str | tuple[str, str], *, field: str = "tables") -> TableName:
        """A name as PostgreSQL reads it: `[schema.]table`.

        What stands in double quotes is taken as it is, with dots, spaces and capitals; what does
        not is folded to lower case. A pair (schema, table) is taken as it is. InvalidError with
        `field` for anything else, and for names that no table can have.
        """
        pair = isinstance(given, tuple) and len(given) == 2 and all(map(_is_str, given))
        names = _parse(given, field) if isinstance(given, str) else list(given) if pair else []
        if not 1 <= len(names) <= 2:
            raise InvalidError(field, "must be the name of a table, or schema.table")
        made = cls(names[0] if len(names) == 2 else None, names[-1])
        try:
            _ = made.sql
        except InvalidError as error:
            raise InvalidError(field, error.rule) from None
        return made


def quote_column(name: object, *, field: str = "columns") -> str:
    """A column's name, taken as it is, as a quoted SQL identifier; InvalidError with `field`."""
    if not isinstance(name, str):
        raise InvalidError(field, "must name each column by a str")
    try:
        return quote_name(name)
    except InvalidError as error:
        raise InvalidError(field, error.rule) from None


def host_statements(file: str, names: Mapping[str, str | None]) -> Mapping[str, Statement]:
    """The blocks of `file` (as "persistence" for persistence.sql), by name, with the app's names.

    `names` has the quoted identifier for each mark: `messages` for a table, `messages.thread_id`
    for a column; None for a column that there is not. ValueError for an identifier that is not
    quoted, so that nothing else gets into a statement, and for a mark without a name.
    """
    return _rendered(file, tuple(sorted(names.items())))


@lru_cache(maxsize=64)
def _rendered(file: str, names: tuple[tuple[str, str | None], ...]) -> Mapping[str, Statement]:
    known = dict(names)
    for name, quoted in names:
        if quoted is not None and not _SAFE.fullmatch(quoted):
            raise ValueError(f"the name for {name} is not quoted")
    return MappingProxyType(
        {
            name: Statement(f"{file}.{name}", _fill(body, known))
            for name, body in _blocks(file, known).items()
        }
    )


def _blocks(file: str, names: Mapping[str, str | None]) -> dict[str, str]:
    """The blocks of a file without the lines that do not stay, still with the marks for names."""
    return assemble(
        (
            kind,
            header,
            "\n".join(_CONDITION.sub("", x) for x in whole.splitlines() if _stays(x, names)),
        )
        for kind, header, whole in split((files(__name__) / f"{file}.sql").read_text("utf-8"))
    )


def _fill(body: str, names: Mapping[str, str | None]) -> str:
    left = _LEFT_OVER.search(_NAME.sub("", body))
    if left:
        raise ValueError(f"unknown mark in SQL: {left.group()}")
    return _NAME.sub(lambda mark: _known(names, mark.group(1)) or "", body)


def _stays(line: str, names: Mapping[str, str | None]) -> bool:
    return all(
        (_known(names, name) is None) == (kind == "without") for kind, name in _KEPT.findall(line)
    )


def _known(names: Mapping[str, str | None], name: str) -> str | None:
    if name not in names:
        raise ValueError(f"a mark in SQL has no name: {name}")
    return names[name]


def _is_str(name: object) -> bool:
    return isinstance(name, str)


def _parse(given: str, field: str) -> list[str]:
    names, at = [], 0
    while True:
        found = _IDENTIFIER.match(given, at)
        if found is None:
            raise InvalidError(field, "must be [schema.]table, with odd names in double quotes")
        quoted, plain = found.groups()
        # As the server does it: ASCII only, whatever the language.
        names.append(quoted[1:-1].replace('""', '"') if quoted else plain.translate(_UPPER))
        at = found.end()
        if at == len(given):
            return names
        if given[at] != ".":
            raise InvalidError(field, "must be [schema.]table, with odd names in double quotes")
        at += 1
