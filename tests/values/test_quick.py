"""Quick makers: what they make cannot be told from what the class itself makes."""

from __future__ import annotations

import copy
import importlib
import pickle
import pkgutil
from dataclasses import FrozenInstanceError, dataclass, fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threadkeep import values
from threadkeep.core.drafts import Draft
from threadkeep.values.message import Message
from threadkeep.values.page import Page
from threadkeep.values.quick import maker
from threadkeep.values.run import Usage
from threadkeep.values.thread import Thread


def frozen_values() -> list[type[Any]]:
    """Every frozen dataclass of the room, and the drafts."""
    found: set[type[Any]] = {Draft}
    for module in pkgutil.iter_modules(values.__path__):
        for kind in vars(importlib.import_module(f"threadkeep.values.{module.name}")).values():
            if isinstance(kind, type) and is_dataclass(kind) and kind.__module__ != __name__:
                found.add(kind)
    return sorted(found, key=lambda kind: kind.__name__)


KINDS = [kind for kind in frozen_values() if not hasattr(kind, "__post_init__")]
anything = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.tuples()
)


def test_the_room_is_looked_through() -> None:
    """The kinds that matter are among those that are tried here."""
    assert {Message, Thread, Draft, Page} <= set(KINDS)
    assert len(KINDS) > 12


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_is_made_is_the_same(kind: type[Any], data: st.DataObject) -> None:
    """Equal in its fields, value, hash, repr, pickle and copies, and as frozen."""
    names = [f.name for f in fields(kind)]
    given_ = data.draw(st.tuples(*[anything] * len(names)))
    made, plain = maker(kind)(*given_), kind(*given_)
    assert type(made) is kind
    assert all(getattr(made, name) is value for name, value in zip(names, given_, strict=True))
    assert (made, hash(made), repr(made)) == (plain, hash(plain), repr(plain))
    assert pickle.dumps(made) == pickle.dumps(plain)
    for other in (copy.copy(made), copy.deepcopy(made), replace(made)):
        assert type(other) is kind
        assert other == plain
    assert replace(made, **{names[0]: "x"}) == replace(plain, **{names[0]: "x"})
    for name in (names[0], "unknown"):
        with pytest.raises((FrozenInstanceError, TypeError)):
            setattr(made, name, "x")
        with pytest.raises((FrozenInstanceError, TypeError)):
            delattr(made, name)
    assert not hasattr(made, "__dict__")
    assert made == plain


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_must_be_given(kind: type[Any]) -> None:
    """One value too few or too many is a TypeError, whatever has a default."""
    make, size = maker(kind), len(fields(kind))
    for wrong in {0, size - 1, size + 1}:
        with pytest.raises(TypeError):
            make(*[None] * wrong)


@dataclass(slots=True)
class _Open:
    a: int


@dataclass(frozen=True)
class _Spread:
    a: int


@dataclass(frozen=True, slots=True)
class _Below(Usage):
    b: int = 0


@dataclass(frozen=True, slots=True, weakref_slot=True)
class _Watched:
    a: int


@pytest.mark.parametrize("kind", [_Open, _Spread, _Below, _Watched, Usage, int])
def test_other_kinds_are_refused(kind: type[Any]) -> None:
    """A class that is not frozen, has no slots, is laid out otherwise, or checks its values."""
    with pytest.raises(TypeError):
        maker(kind)
