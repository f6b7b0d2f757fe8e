"""For tests: the contract suite, fixtures, strategies and the plain-Python model."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threadkeep.testing.persistence import PersistenceContract, run_persistence_contract

__all__ = ["PersistenceContract", "run_persistence_contract"]


def __getattr__(name: str) -> Any:
    # Loaded when it is used: pytest has to come before it, to rewrite its assertions.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("threadkeep.testing.persistence"), name)
