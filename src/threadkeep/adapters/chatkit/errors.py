"""What ChatKit and its upstream tests expect to be raised."""

from __future__ import annotations

from threadkeep.adapters.chatkit.sdk import SdkNotFoundError
from threadkeep.values import errors


class NotFoundError(SdkNotFoundError, errors.NotFoundError):
    """The thread, item or attachment is unknown to this user: ChatKit's error, and the store's."""

    def __init__(self, kind: str, id: str) -> None:
        super().__init__(kind, id)
        self.args = (f"{kind.capitalize()} {id} not found",)


class CursorNotFoundError(NotFoundError, ValueError):
    """The row that a page shall come after is unknown; a list never starts anew instead."""
