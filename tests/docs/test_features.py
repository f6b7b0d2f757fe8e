"""Every row of the feature table, and every defect of a seed, has a test or a reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import threadkeep.testing
from features import SEEDS, claims, table

PLACES = (Path(__file__).parents[1], Path(str(threadkeep.testing.__file__)).parent)


def claimed() -> Iterator[str]:
    """What the tests claim."""
    for place in PLACES:
        for path in place.rglob("*.py"):
            if "node_modules" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield from claims(ast.get_docstring(node))


def test_every_row_has_a_test_or_a_reason() -> None:
    """A row, or a defect with a behaviour, that no test claims is named with why."""
    rows, left_out = table()
    defects = {f"seed {seed} defect {n + 1}" for seed, most in SEEDS.items() for n in range(most)}
    wanted = {*rows, *defects}
    said = set(claimed())
    assert wanted - said == left_out.keys()
    assert left_out.keys() <= wanted
    assert all(reason.endswith(".") for reason in left_out.values())
