"""What `threadkeep doctor` thinks of what it sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadkeep.core.drift import Finding
from threadkeep.core.health import Health, Isolation, Role, Server
from threadkeep.core.schema import Options
from threadkeep.core.verdicts import Check, Clock, Direct, Surroundings, judge

WELL = Server(
    version="18.1 (Debian)",
    version_num=180001,
    database="d",
    encoding="UTF8",
    started="1",
    standby=False,
    read_only=False,
    fsync=True,
    full_page_writes=True,
    synchronous_commit="on",
    synchronous_standby_names="",
    room=97,
    limit=None,
    tls="TLSv1.3",
    client="10.0.0.7",
)
APP = Role("app", False, False, True, True, True, False, False)  # noqa: FBT003
FOUND = Health(WELL, APP, (), drift=(), isolation=Isolation("rows", proved=True))
HERE = Surroundings("postgresql://h/d", False, {}, None, 10, clock=Clock(0.1, 0.01), lapsed=0)  # noqa: FBT003


def judged(server: Mapping[str, Any] = {}, **around: Any) -> dict[str, Check]:
    """The checks by name, where these members differ from what is well."""
    found = replace(FOUND, server=replace(WELL, **server))
    return {check.name: check for check in judge(found, replace(HERE, **around), Options())}


@pytest.mark.parametrize(
    ("name", "state", "server", "around"),
    [
        ("versions", "failure", {"version": "14.9", "version_num": 140009}, {}),
        ("versions", "ok", {"version": "15.0", "version_num": 150000}, {}),
        ("versions", "warning", {"version": "19.0", "version_num": 190000}, {}),
        ("primary", "failure", {"standby": True, "read_only": True}, {}),
        ("primary", "failure", {"read_only": True}, {}),
        ("encoding", "failure", {"encoding": "SQL_ASCII"}, {}),
        ("encoding", "failure", {"encoding": "LATIN1"}, {}),
        ("durability", "note", {}, {}),
        ("durability", "ok", {}, {"embedded": True}),
        ("durability", "ok", {"synchronous_standby_names": "ANY 1 (a, b)"}, {}),
        ("durability", "warning", {"fsync": False}, {}),
        ("durability", "warning", {"full_page_writes": False}, {}),
        ("durability", "warning", {"synchronous_commit": "off"}, {}),
        (
            "durability",
            "warning",
            {"synchronous_commit": "local", "synchronous_standby_names": "a"},
            {},
        ),
        ("tls", "ok", {}, {}),
        ("tls", "warning", {"tls": None}, {}),
        ("tls", "ok", {"tls": None, "client": "127.0.0.1"}, {}),
        ("tls", "ok", {"tls": None, "client": "::1"}, {}),
        ("tls", "ok", {"tls": None, "client": None}, {}),
        ("tls", "note", {"tls": None}, {"pooled_by": "url"}),
        ("connections", "ok", {"room": 10}, {}),
        ("connections", "warning", {"room": 9}, {}),
        ("connections", "warning", {"limit": 3}, {}),
        ("connections", "ok", {"room": 9}, {"pooled_by": "session"}),
        ("pooler", "ok", {}, {}),
        ("pooler", "note", {}, {"pooled_by": "url"}),
        ("pooler", "ok", {}, {"pooled_by": "url", "direct": Direct()}),
        ("pooler", "ok", {}, {"direct": Direct()}),
        ("pooler", "warning", {}, {"direct": Direct(pooled=True)}),
        ("pooler", "warning", {}, {"direct": Direct(same_server=False)}),
        ("pooler", "warning", {}, {"direct": Direct(trouble="away")}),
        ("connection", "warning", {}, {"async_trouble": "has none"}),
        ("runs", "note", {}, {"lapsed": 10_000}),
    ],
)
def test_each_condition_has_its_verdict(
    name: str, state: str, server: dict[str, Any], around: dict[str, Any]
) -> None:
    """Each state is as documented, and whatever is not well but a note says what to do."""
    check = judged(server, **around)[name]
    assert check.state == state
    assert check.advice or state in ("ok", "note")


@given(st.floats(-10, 10), st.floats(0, 5))
def test_a_clock_is_blamed_only_beyond_doubt(ahead: float, within: float) -> None:
    """It is a warning exactly where even the round trip cannot explain the difference."""
    state = judged(clock=Clock(ahead, within))["clock"].state
    assert (state == "warning") == (abs(ahead) - within > 1)


@given(st.sampled_from([f.name for f in fields(Role)][1:]), st.booleans(), st.booleans())
def test_only_a_role_that_row_level_security_does_not_bind_fails(
    member: str, value: bool, rls: bool
) -> None:
    """The others are at most worth a note, and without row-level security so are those."""
    changed: dict[str, Any] = {member: value}
    role = replace(APP, **changed)
    checks = judge(replace(FOUND, role=role), HERE, Options(rls=rls))
    state = {check.name: check.state for check in checks}["role"]
    unbound = role.superuser or role.bypasses_rls or role.is_admin
    assert (state == "failure") == (unbound and rls)


@given(st.lists(st.text(max_size=9), max_size=9))
def test_drift_is_named_and_counted(names: list[str]) -> None:
    """The first three are named, the rest is counted."""
    drift = tuple(Finding("table", name, "table", None) for name in names)
    checks = judge(replace(FOUND, drift=drift), HERE, Options())
    check = {check.name: check for check in checks}["schema"]
    assert (check.state == "failure") == bool(names)
    assert (f"and {len(names) - 3} more" in check.seen) == (len(names) > 3)


def test_what_could_not_be_looked_at_is_not_called_well() -> None:
    """Tables that could not be compared, and a boundary that could not be tried, are failures."""
    isolation = Isolation("none", proved=False, trouble="no")
    health = replace(FOUND, drift=None, drift_trouble="no", isolation=isolation)
    checks = {check.name: check for check in judge(health, HERE, Options())}
    assert (checks["schema"].state, checks["isolation"].state) == ("failure", "failure")
