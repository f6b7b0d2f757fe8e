"""The owner's handle: all that an app reaches."""

from __future__ import annotations

from threadkeep.core.drafts import Drafting
from threadkeep.core.runs import LEASE
from threadkeep.core.scope import Scope
from threadkeep.store.items import Items
from threadkeep.store.messages import Messages
from threadkeep.store.runs import Runs
from threadkeep.store.threads import Threads
from threadkeep.store.turns import Turn
from threadkeep.store.writing import Writing


class Owner:
    """The handle of one owner, or of one user inside it. Nothing else can be reached from here."""

    __slots__ = (
        "_drafting",
        "_scope",
        "_writing",
        "messages",
        "owner_id",
        "runs",
        "threads",
        "user_id",
    )

    def __init__(self, scope: Scope, drafting: Drafting, writing: Writing) -> None:
        self._scope = scope
        self._drafting = drafting
        self._writing = writing
        self.owner_id = scope.owner_id
        self.user_id = scope.user_id
        self.threads = Threads(scope, writing)
        self.messages = Messages(scope, drafting, writing)
        self.runs = Runs(scope)

    def turn(
        self,
        thread_id: str,
        message: Items | None = None,
        *,
        dialect: str | None = None,
        exclusive: bool = False,
        lease: float = LEASE,
    ) -> Turn:
        """A turn in a thread, to be entered: a run that lives as long as the block.

        `message`, one or a batch as for `messages.append`, is durable before the block runs; the
        thread is made if it is absent. Leaving the block marks the run complete, an exception
        failed, cancellation cancelled; where the process dies, the run is interrupted once its
        lease, in seconds since the last append or `touch`, has passed. With `exclusive` a thread
        has one such run at a time: ConflictError (`run_live`) on entering where another one holds
        it, unless its lease has passed.
        """
        return Turn(
            self._scope,
            self.messages,
            self._drafting,
            self._writing,
            thread_id,
            message,
            dialect=dialect,
            exclusive=exclusive,
            lease=lease,
        )
