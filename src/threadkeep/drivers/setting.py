"""How a transaction says for which owner it works."""

from __future__ import annotations


def begin_as(owner_key: int | None) -> str:
    """The text that opens a transaction for an owner, in one round trip.

    The key is an integer, so nothing in it needs quoting. No owner leaves the setting alone.
    """
    if owner_key is None:
        return "BEGIN"
    return f"BEGIN; SET LOCAL threadkeep.owner = '{int(owner_key)}'"
