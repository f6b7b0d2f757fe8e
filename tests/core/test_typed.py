"""What a user's type checker sees of the package."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

import threadkeep
from threadkeep.store import Messages, Runs, Threads


def public_callables() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public function of the package, and every public method of its classes."""
    classes: list[type] = [Messages, Runs, Threads]
    for name in threadkeep.__all__:
        value = getattr(threadkeep, name)
        if inspect.isclass(value):
            classes.append(value)
        elif inspect.isfunction(value):
            yield name, value
    for kind in classes:
        for name, value in vars(kind).items():
            if not name.startswith("_") and inspect.isfunction(value):
                yield f"{kind.__name__}.{name}", value


def test_every_public_call_is_annotated() -> None:
    """The package says that it is typed; each parameter and each answer has its type. [A19]"""
    assert (files("threadkeep") / "py.typed").is_file()
    bare = []
    for name, call in public_callables():
        signature = inspect.signature(call)
        given = [p for p in signature.parameters.values() if p.name not in ("self", "cls")]
        if signature.return_annotation is inspect.Signature.empty or any(
            p.annotation is inspect.Parameter.empty for p in given
        ):
            bare.append(name)
    assert bare == []
