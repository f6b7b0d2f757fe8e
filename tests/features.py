"""Which test proves which row of the feature table, and which defect of a seed it keeps away.

A test claims rows at the end of its docstring, `[A1 B2]` or `[seed 001 defect 3, 9]`. With
`--features` only such tests run, and the table is printed at the end: row, test, pass or fail.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

_CLAIMS = re.compile(r"\[((?:[A-O]\d{1,2}|seed \d{3} defects? \d+(?:, ?\d+)*)[^\]]*)\]\s*\Z")
_ROW = re.compile(r"\b[A-O]\d{1,2}\b")
_DEFECTS = re.compile(r"seed (\d{3}) defects? (\d+(?:, ?\d+)*)")
_PROPERTY = "features"

SEEDS = {"000": 17, "001": 18, "002": 9, "003": 18, "004": 24}
"""How many defects the contracts number for each seed."""


def table() -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The rows with their names, and those that no test claims with the reason."""
    text = Path(__file__).with_name("features.toml").read_text("utf-8")
    parsed = tomllib.loads(text)
    return parsed["rows"], parsed["left_out"]


def claims(docstring: str | None) -> Iterator[str]:
    """The rows and defects that a test's docstring claims: `B4`, `seed 001 defect 9`."""
    found = _CLAIMS.search(docstring or "")
    if found is None:
        return
    for seed, numbers in _DEFECTS.findall(found[1]):
        for number in re.findall(r"\d+", numbers):
            yield f"seed {seed} defect {number}"
    yield from _ROW.findall(_DEFECTS.sub("", found[1]))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--features", action="store_true", help="run the tests that claim a feature")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    kept: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        found = list(claims(getattr(getattr(item, "function", None), "__doc__", None)))
        if found:
            item.user_properties.append((_PROPERTY, " | ".join(found)))
        (kept if found else others).append(item)
    if config.getoption("--features"):
        config.hook.pytest_deselected(items=others)
        items[:] = kept


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if not config.getoption("--features"):
        return
    proofs: dict[str, dict[str, str]] = defaultdict(dict)
    for outcome in ("passed", "skipped", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, ()):
            for name, value in getattr(report, "user_properties", ()):
                if name == _PROPERTY:
                    test = report.nodeid.split("[")[0]
                    for feature in value.split(" | "):
                        # Of one test with several parameters the worst outcome counts.
                        proofs[feature][test] = outcome
    terminalreporter.section("features")
    for line in _lines(proofs):
        terminalreporter.write_line(line)


def _lines(proofs: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    rows, left_out = table()
    defects = [f"seed {seed} defect {n + 1}" for seed, most in SEEDS.items() for n in range(most)]
    for feature in (*rows, *defects):
        name = rows.get(feature, "")
        tests = proofs.get(feature)
        for test, outcome in (tests or {}).items():
            yield f"{feature:<19} {name:<40} {outcome:<8} {test}"
        if not tests:
            reason = left_out.get(feature, "no test claims it")
            yield f"{feature:<19} {name:<40} {'none':<8} {reason}"
