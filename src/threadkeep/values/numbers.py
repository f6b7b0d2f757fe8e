"""Numbers: whole ones of at least 0, as far as PostgreSQL's bigint goes, and finite ones."""

from __future__ import annotations

import math
from typing import TypeGuard

from threadkeep.values.errors import InvalidError

MAX_INT = 2**63 - 1


def is_whole(value: object, least: int = 0, most: int = MAX_INT) -> TypeGuard[int]:
    """Whether `value` is an int within these bounds, and no bool."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def check_whole(field: str, value: object) -> int:
    """Return `value` if it is a whole number, else raise InvalidError naming `field`."""
    if not is_whole(value):
        raise InvalidError(field, "must be an int from 0 to 2**63 - 1")
    return int(value)


def finite(value: object) -> float | None:
    """An int or a float as a float, None for one that is not finite and for all else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
