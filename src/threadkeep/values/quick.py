"""Quick makers of frozen values, for where rows become many of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, make_dataclass
from typing import Any, TypeVar, cast

T = TypeVar("T")


def maker(kind: type[T]) -> Callable[..., T]:
    """A function that makes instances of `kind` from a value for each field, in their order.

    `kind` is a frozen dataclass with all its fields in slots and no `__post_init__`, else
    TypeError. What is made cannot be told from what `kind` itself makes. Fields with defaults must
    be given too: a wrong number of values is a TypeError.
    """
    names = [f.name for f in fields(cast("Any", kind))] if is_dataclass(kind) else []
    rules = getattr(kind, "__dataclass_params__", None)
    if rules is None or not rules.frozen or kind.__dict__.get("__slots__") != tuple(names):
        raise TypeError(f"{kind.__name__} is no frozen dataclass with all its fields in slots")
    if hasattr(kind, "__post_init__"):
        raise TypeError(f"{kind.__name__} checks itself when it is made")
    # A frozen class fills its slots by a call of object.__setattr__ for each. A twin that is not
    # frozen stores into them directly, in a quarter of the time, and is laid out the same: Python
    # lets its instances become instances of the other, and refuses where that is not so.
    bases = kind.__dict__.get("__orig_bases__", kind.__bases__)
    twin: Any = make_dataclass(kind.__name__, names, bases=bases, slots=True)

    def make(*values: object) -> T:
        made = twin(*values)
        made.__class__ = kind
        return cast("T", made)

    make(*names)
    return make
