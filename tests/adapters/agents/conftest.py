"""The database of one owner, over the store of the test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from threadkeep.adapters.repositories import Database

if TYPE_CHECKING:
    from threadkeep import AsyncStore


@pytest.fixture
def db(store: AsyncStore) -> Database:
    """A Database for the owner "app"."""
    return Database.over(store, owner="app")
