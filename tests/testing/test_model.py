"""The model itself, by examples written out by hand from DESIGN 3."""

from __future__ import annotations

from typing import Any

import pytest

from threadkeep.testing.contract.kit import asks, says, system, tells, turns, user
from threadkeep.testing.model import Model
from threadkeep.testing.model_threads import contains, merged
from threadkeep.values.errors import ConflictError, InvalidError, NotFoundError


@pytest.fixture
def model() -> Model:
    return Model(lambda _: 10, ceiling=8)


def path(model: Model, **which: Any) -> list[str]:
    return [row.id for row in model.list("t", **which)]


def window(model: Model, **which: Any) -> list[str]:
    return [row.id for row in model.window("t", **which).rows]


def reason(caught: pytest.ExceptionInfo[ConflictError]) -> str:
    return caught.value.reason


def test_an_append_makes_the_thread_and_moves_the_head(model: Model) -> None:
    rows = model.append("t", turns(1, 2))
    assert [(row.seq, row.parent, row.turn) for row in rows] == [
        (1, None, 1),
        (2, 1, 1),
        (3, 2, 2),
        (4, 3, 2),
    ]
    assert (model.get("t").head, model.get("t").turns) == (4, 2)


def test_replays_store_nothing(model: Model) -> None:
    rows = model.append("t", turns(1, 2))
    assert model.append("t", turns(1, 2)) == rows
    assert model.append("t", turns(1, 2)[:1], parent="unknown") == rows[:1]
    assert model.append("t", turns(1, 3))[:4] == rows
    assert path(model) == [m.id for m in turns(1, 3)]


def test_replays_that_do_not_fit(model: Model) -> None:
    model.append("t", turns(1, 2))
    u1, a1, u2, _ = turns(1, 2)
    for batch, why in (
        ([user("u1", "other")], "message_differs"),
        ([a1, u1], "message_order"),
        ([u1, u2], "message_order"),
        ([user("x"), u1], "message_order"),
        ([u1, user("x")], "head_moved"),
    ):
        with pytest.raises(ConflictError) as caught:
            model.append("t", batch)
        assert reason(caught) == why
    assert [row.id for row in model.append("t", [u1, user("x")], parent="a2")] == ["u1", "x"]
    assert path(model) == ["u1", "x"]


def test_an_expected_head(model: Model) -> None:
    model.append("t", turns(1, 1), expected_head=None)
    with pytest.raises(ConflictError) as caught:
        model.append("t", [says("x")], expected_head="u1")
    assert (reason(caught), caught.value.head) == ("head_moved", "a1")
    model.append("t", [says("x")], expected_head="u1", on_conflict="sibling")
    assert [row.id for row in model.siblings("t", "x")] == ["a1", "x"]
    with pytest.raises(NotFoundError):
        model.append("unknown", [says("x")], expected_head="u1")
    with pytest.raises(InvalidError):
        model.append("t", [says("y")], expected_head="x", parent="x")


def test_removals(model: Model) -> None:
    model.append("t", turns(1, 2))
    model.append("t", [says("b1")], parent="u1")
    assert model.delete("t", "u1")
    assert path(model) == ["b1"]
    assert path(model, leaf="a2") == ["a1", "u2", "a2"]
    assert model.delete("t", "b1")
    assert model.get("t").head is None
    model.set_head("t", "u2")
    with pytest.raises(ConflictError) as caught:
        model.pop_last("t")
    assert reason(caught) == "has_children"
    assert model.truncate("t", "a1") == 3
    assert model.append("t", [user("x")])[0].seq == 6
    assert [row.seq for row in model.replace_all("t", turns(1, 1))] == [7, 8]


def test_update_and_fork(model: Model) -> None:
    model.append("t", turns(1, 1))
    assert model.update("t", "a1", says("a1", "new")).message.text == "new"
    for item, why in ((says("u1"), "role_fixed"), (user("a1"), "role_fixed")):
        with pytest.raises(ConflictError) as caught:
            model.update("t", item.id or "", item)
        assert reason(caught) == why
    assert model.update("t", "x", user("x"), parent="u1").parent == 1
    model.fork("t", "f", at="a1")
    assert [(row.id, row.seq) for row in model.list("f")] == [("u1", 1), ("a1", 2)]
    with pytest.raises(ConflictError):
        model.fork("t", "f")


def test_users_do_not_see_each_other(model: Model) -> None:
    ann, bob = model.as_user("ann"), model.as_user("bob")
    ann.append("t", turns(1, 1))
    assert bob.list("t") == []
    for call in (
        lambda: bob.get("t"),
        lambda: bob.create("t", exist_ok=True),
        lambda: bob.append("t", [user("x")]),
        lambda: bob.replace_all("t", []),
    ):
        with pytest.raises(NotFoundError):
            call()
    assert [thread.id for thread in model.list_threads()] == ["t"]


def test_windows_of_turns(model: Model) -> None:
    model.append("t", [system("s"), *turns(1, 3)])
    assert window(model, turns=0) == []
    assert window(model, turns=1) == ["u3", "a3"]
    assert window(model, turns=9) == ["s", "u1", "a1", "u2", "a2", "u3", "a3"]
    assert window(model, turns=1, keep_system=True) == ["s", "u3", "a3"]
    assert window(model, turns=2, steady=2) == ["u1", "a1", "u2", "a2", "u3", "a3"]


def test_windows_of_tokens_and_messages(model: Model) -> None:
    model.append("t", [user("u1"), asks("c", "x"), tells("r", "x"), says("a")])
    assert window(model, messages=2) == ["c", "r", "a"]
    assert window(model, tokens=29) == ["a"]
    assert window(model, tokens=30) == ["c", "r", "a"]
    assert model.window("t", tokens=9).truncated
    assert not model.window("t", tokens=40).truncated


def test_a_late_result(model: Model) -> None:
    model.append("t", [user("u1"), asks("c", "x"), user("u2"), tells("r", "x"), says("a")])
    assert window(model, turns=1) == ["c", "u2", "r", "a"]
    assert window(model, tokens=30) == ["a"]


def test_the_ceiling(model: Model) -> None:
    model.append("t", [*turns(1, 4), asks("c", "x"), tells("r", "x")])
    assert window(model, turns=4)[0] == "u2"
    assert model.window("t", turns=4).truncated
    assert window(model, turns=3) == ["u2", "a2", "u3", "a3", "u4", "a4", "c", "r"]
    assert not model.window("t", turns=3).truncated


def test_merge_and_containment() -> None:
    assert merged({"a": {"x": 1, "y": 2}, "b": 1}, {"a": {"x": None}, "b": [1]}) == {
        "a": {"y": 2},
        "b": [1],
    }
    assert merged({"a": 1}, None) is None
    assert contains({"a": [1, {"b": 2, "c": 3}]}, {"a": [{"b": 2}]})
    assert not contains({"a": 1}, {"a": True})
    assert not contains(None, {})
