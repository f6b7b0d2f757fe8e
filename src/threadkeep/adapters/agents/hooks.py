"""Hooks: what an app wants to do before a message is stored, and after it."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from threadkeep.adapters.repositories import MessageRecord
from threadkeep.values.errors import InvalidError
from threadkeep.values.parts import Json

_log = logging.getLogger(__name__)

BeforeSave = Callable[[str, dict[str, Any]], Any]
"""Gets the thread's id and the item; what it returns is stored instead, None changes nothing."""

AfterSave = Callable[[MessageRecord], Any]
"""Gets the message as it is stored."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """Functions around each save, coroutine functions or plain ones.

    What `before_save` raises prevents that save and is the caller's to handle. `after_save` runs
    when the message is committed: what it raises is logged by its class, and changes nothing. It is
    called again where a save is repeated.
    """

    before_save: BeforeSave | None = None
    after_save: AfterSave | None = None

    async def before(self, thread_id: str, item: Mapping[str, Json]) -> dict[str, Any]:
        """The item that is to be stored."""
        if self.before_save is None:
            return dict(item)
        # A copy: what the hook does to it is not done to what the agent said.
        changed = await settled(self.before_save(thread_id, deepcopy(dict(item))))
        if changed is None:
            return dict(item)
        if not isinstance(changed, Mapping):
            raise InvalidError("before_save", "must return a message or None")
        return dict(changed)

    async def after(self, record: MessageRecord) -> None:
        """Tell the app that a message is stored."""
        await tell(self.after_save, record)


async def tell(hook: Callable[..., Any] | None, *facts: object) -> None:
    """Call a hook of what has happened; an exception in it is logged by its class only."""
    if hook is None:
        return
    try:
        await settled(hook(*facts))
    except Exception as error:  # noqa: BLE001  it is saved, whatever the app does about it
        _log.warning("a hook raised %s after a save", type(error).__name__)


async def settled(value: Any) -> Any:
    """The value, awaited where it must be."""
    return await value if inspect.isawaitable(value) else value
