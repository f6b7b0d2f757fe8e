"""The headers by which a caller says for whom it calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from threadkeep.server.auth.bearer import values_of
from threadkeep.server.principal import ADMIN, Principal
from threadkeep.server.problems import Problem
from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import check_id

# Ours, and those of the npm package assistant-cloud.
OWNER: Final = ("threadkeep-owner", "aui-workspace-id")
USER: Final = ("threadkeep-user", "aui-user-id")
# What assistant-cloud's own server takes for nobody in particular.
SYSTEM: Final = "__SYSTEM__"


def named(headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The owner and the user that the headers name, each None where they do not."""
    user = _one(headers, USER)
    return _one(headers, OWNER), None if user == SYSTEM else user


def acting(principal: Principal, headers: Mapping[str, str]) -> Principal:
    """The principal for whom the headers say that it acts.

    The scope `admin` may name anybody. Others may name themselves, and a user where they have none.
    Problem 403 (`key_of_another_owner`, `token_of_another_owner`) for anybody else.
    """
    owner_id, user_id = named(headers)
    if owner_id is None and user_id is None:
        return principal
    if ADMIN in principal.scopes:
        # A user is a person inside an owner: another owner has other people.
        own = principal.user_id if owner_id in (None, principal.owner_id) else None
        return replace(principal, owner_id=owner_id or principal.owner_id, user_id=user_id or own)
    if owner_id not in (None, principal.owner_id) or (
        principal.user_id is not None and user_id not in (None, principal.user_id)
    ):
        kind = "key" if principal.kind == "key" else "token"
        raise Problem(
            403, f"{kind}_of_another_owner", f"this {kind} does not act for whom the headers name"
        )
    return replace(principal, user_id=user_id or principal.user_id)


def _one(headers: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    """The one value of these headers: two that differ would be read in two ways on the way here."""
    found: str | None = None
    for name in names:
        for value in values_of(headers, name):
            if not value:
                continue
            if found not in (None, value):
                raise _invalid(name, "must not be given twice")
            if not value.isascii():
                raise _invalid(name, "must be ASCII")
            try:
                found = check_id(name, value)
            except InvalidError as error:
                raise _invalid(name, error.rule) from None
    return found


def _invalid(name: str, rule: str) -> Problem:
    return Problem(400, "invalid", f"{name}: {rule}", field=name, rule=rule)
