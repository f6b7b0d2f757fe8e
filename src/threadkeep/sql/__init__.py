"""The SQL: named blocks from the .sql files, rendered once per schema.

A block begins with `-- name: x` and a line on its purpose. Three marks are filled in, written as
comments: `/*schema*/` before every name of ours, `/*use x*/` for the block `-- fragment: x`, and in
a block headed `-- name: x, y reversed` the direction: `y` is `x` with `/*dir*/DESC` read as ASC and
`/*past*/<` as `>`, and the other way round. Any mark left over is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from threadkeep.values.errors import InvalidError
from threadkeep.values.ports import Statement

_FILES = (
    *("access", "append", "attempts", "threads", "messages", "scans", "runs", "windows"),
    *("migrations", "health", "attachments", "feedback", "sessions", "tool_calls"),
    *("spans", "totals", "bulk", "handover", "events", "scores", "keys", "refresh_tokens"),
)
_HEADER = re.compile(r"^-- (name|fragment): *(.+)$", re.MULTILINE)
_MARK = re.compile(r"/\*use (\w+)\*/")
_LEFT_OVER = re.compile(r"/\*[^*]*\*/")


def quote_name(name: str) -> str:
    """A schema or role name as a quoted SQL identifier; InvalidError if it cannot be one."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise InvalidError("name", "must not contain a lone surrogate") from None
    if "\0" in name or not 1 <= size <= 63:
        raise InvalidError("name", "must have 1 to 63 UTF-8 bytes and no NUL")
    return '"' + name.replace('"', '""') + '"'


@cache
def statements(schema: str) -> Mapping[str, Statement]:
    """All named blocks, rendered for `schema`, by name."""
    return MappingProxyType(
        {name: Statement(name, render(body, schema)) for name, body in _blocks().items()}
    )


def render(body: str, schema: str) -> str:
    """Fill in the schema; refuses a text with any other mark."""
    text = body.replace("/*schema*/", quote_name(schema) + ".")
    left = _LEFT_OVER.search(text.replace(quote_name(schema), ""))
    if left:
        raise ValueError(f"unknown mark in SQL: {left.group()}")
    return text


def migration_files() -> list[tuple[int, str, str]]:
    """The migrations as (version, name, unrendered SQL), by version."""
    found = []
    for file in (files(__name__) / "migrations").iterdir():
        if file.name.endswith(".sql"):
            version, _, name = file.name.removesuffix(".sql").partition("_")
            found.append((int(version), name, file.read_text("utf-8")))
    return sorted(found)


@cache
def _blocks() -> Mapping[str, str]:
    texts = ((files(__name__) / f"{file}.sql").read_text("utf-8") for file in _FILES)
    return assemble(block for text in texts for block in split(text))


def assemble(blocks: Iterable[tuple[str, str, str]]) -> dict[str, str]:
    """The named blocks of (kind, header, body), their fragments filled in, with their twins."""
    named: dict[str, str] = {}
    twins: dict[str, str] = {}
    fragments: dict[str, str] = {}
    for kind, header, body in blocks:
        if kind == "fragment":
            fragments[header] = body
            continue
        name, _, twin = header.partition(",")
        named[name] = body
        if twin:
            twins[twin.removesuffix("reversed").strip()] = name

    def fill(body: str) -> str:
        return _MARK.sub(lambda mark: fill(fragments[mark.group(1)]), body)

    filled = {name: fill(body) for name, body in named.items()}
    filled |= {twin: _reverse(filled[name]) for twin, name in twins.items()}
    return {name: _forward(body) for name, body in filled.items()}


def split(text: str) -> Iterator[tuple[str, str, str]]:
    """The blocks of a file as (kind, header, body), without their lines on what they are for."""
    headers = list(_HEADER.finditer(text))
    ends = [h.start() for h in headers[1:]] + [len(text)]
    for header, end in zip(headers, ends, strict=True):
        lines = text[header.end() : end].strip().splitlines()
        body = "\n".join(line for line in lines if not line.startswith("--"))
        yield header.group(1), header.group(2).strip(), body.strip().removesuffix(";")


def _reverse(body: str) -> str:
    """A block in the other direction."""
    return body.replace("/*dir*/DESC", "ASC").replace("/*past*/<", ">").replace("/*past*/>", "<")


def _forward(body: str) -> str:
    """A block in its own direction."""
    return body.replace("/*dir*/", "").replace("/*past*/", "")
