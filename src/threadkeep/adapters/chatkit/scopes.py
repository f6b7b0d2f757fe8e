"""Who is asking: from ChatKit's context, which may be anything, to an owner of the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from threadkeep.values.errors import InvalidError
from threadkeep.values.ids import check_id


@dataclass(frozen=True, slots=True)
class Scope:
    """The user that a request comes from, and the tenant where an app has some.

    Without a tenant the user is the owner. With one the tenant is the owner, and the user a person
    inside it. An app has tenants for all its users or for none: a user whose id is that of a
    tenant would reach the whole of it.
    """

    user_id: str
    tenant_id: str | None = None

    def __post_init__(self) -> None:
        check_id("user_id", self.user_id)
        if self.tenant_id is not None:
            check_id("tenant_id", self.tenant_id)

    @property
    def owner_id(self) -> str:
        """The owner in the store."""
        return self.user_id if self.tenant_id is None else self.tenant_id

    @property
    def person(self) -> str | None:
        """The user inside the owner; None where the user is the owner."""
        return None if self.tenant_id is None else self.user_id


def by_user(context: Any) -> Scope:
    """The scope of a context with a key or an attribute `user_id`, and without a `tenant_id`.

    InvalidError where the user is missing or empty: nobody is anonymous by default. So it is where
    there is a tenant: left out, users of two tenants might be one.
    """
    if _member(context, "tenant_id") is not None:
        raise InvalidError("tenant_id", "is in the context: give scope=by_tenant")
    return Scope(_required(context, "user_id"))


def by_tenant(context: Any) -> Scope:
    """The scope of a context with both `user_id` and `tenant_id`; InvalidError without one."""
    return Scope(_required(context, "user_id"), _required(context, "tenant_id"))


def _required(context: Any, name: str) -> str:
    value = _member(context, name)
    if value is None or value == "":
        raise InvalidError(name, "must be in the context: it says who is asking")
    return check_id(name, value)


def _member(context: Any, name: str) -> Any:
    if isinstance(context, Mapping):
        return context.get(name)
    return getattr(context, name, None)
