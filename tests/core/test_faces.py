"""Both faces are one surface, and the package is light to import."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import threadkeep
from threadkeep import store, sync

PAIRS = [
    (store.Threads, sync.Threads),
    (store.Messages, sync.Messages),
    (store.Runs, sync.Runs),
    (store.Sessions, sync.Sessions),
    (store.Attachments, sync.Attachments),
    (store.Feedbacks, sync.Feedbacks),
    (store.Events, sync.Events),
    (store.Scores, sync.Scores),
    (store.Keys, sync.Keys),
    (store.RefreshTokens, sync.RefreshTokens),
    (store.Spans, sync.Spans),
    (store.OpenSpan, sync.OpenSpan),
    (store.Turn, sync.Turn),
    (store.AllThreads, sync.AllThreads),
    (store.Migrations, sync.Migrations),
    (store.Owner, sync.Owner),
    (store.Admin, sync.Admin),
    (store.AsyncStore, sync.Store),
]


def _public(kind: type) -> dict[str, object]:
    return {
        name: value
        for name, value in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_both_faces_have_the_same_methods(one: type, other: type) -> None:
    """Each public method stands on both faces with the same parameters and docstring."""
    mine, theirs = _public(one), _public(other)
    assert mine.keys() == theirs.keys()
    for name, method in mine.items():
        twin = theirs[name]
        assert callable(method)
        assert callable(twin)
        parameters = inspect.signature(method).parameters
        assert list(parameters.values()) == list(inspect.signature(twin).parameters.values()), name
        assert twin.__doc__, name


def test_importing_the_package_loads_no_driver_and_no_framework() -> None:
    """`import threadkeep` stays with the standard library."""
    code = "import sys; old = set(sys.modules); import threadkeep; print(*set(sys.modules) - old)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded - set(sys.stdlib_module_names) == {"threadkeep"}


def test_using_values_loads_no_driver() -> None:
    """Messages can be made and dialects read without a driver in the process."""
    code = (
        "import sys, threadkeep; from threadkeep import dialects;"
        "threadkeep.Message.user('x').parts; [dialects.get(n) for n in dialects.names()];"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"asyncpg", "psycopg", "typer", "pytest"}.isdisjoint(done.stdout.split())


def test_every_public_name_is_there_and_has_a_docstring() -> None:
    """What `dir` shows can be had, and each class and function says what it guarantees."""
    for name in threadkeep.__all__:
        value = getattr(threadkeep, name)
        assert name in dir(threadkeep)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, name
    with pytest.raises(AttributeError, match="nothing"):
        getattr(threadkeep, "nothing")  # noqa: B009
    assert threadkeep.__version__
