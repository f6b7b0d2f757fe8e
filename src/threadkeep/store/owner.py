"""The owner's handle: all that an app reaches."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from threadkeep.core.drafts import Drafting
from threadkeep.core.runs import LEASE
from threadkeep.core.scope import Scope
from threadkeep.core.span_arguments import Beginning
from threadkeep.store.attachments import Attachments
from threadkeep.store.events import Events
from threadkeep.store.feedback import Feedbacks
from threadkeep.store.items import Items
from threadkeep.store.keys import Keys
from threadkeep.store.messages import Messages
from threadkeep.store.refresh_tokens import RefreshTokens
from threadkeep.store.runs import Runs
from threadkeep.store.scores import Scores
from threadkeep.store.sessions import Sessions
from threadkeep.store.spans import OpenSpan, Spans
from threadkeep.store.threads import Threads
from threadkeep.store.turns import Turn
from threadkeep.store.writing import Writing
from threadkeep.values.parts import Json
from threadkeep.values.span import SpanType


class Owner:
    """The handle of one owner, or of one user inside it. Nothing else can be reached from here."""

    __slots__ = (
        "_drafting",
        "_scope",
        "_writing",
        "attachments",
        "events",
        "feedback",
        "keys",
        "messages",
        "owner_id",
        "refresh_tokens",
        "runs",
        "scores",
        "sessions",
        "spans",
        "threads",
        "user_id",
    )

    def __init__(self, scope: Scope, drafting: Drafting, writing: Writing) -> None:
        self._scope = scope
        self._drafting = drafting
        self._writing = writing
        self.owner_id = scope.owner_id
        self.user_id = scope.user_id
        self.threads = Threads(scope, drafting, writing)
        self.messages = Messages(scope, drafting, writing)
        self.runs = Runs(scope, writing)
        self.sessions = Sessions(scope, writing)
        self.spans = Spans(scope, writing)
        self.attachments = Attachments(scope, writing)
        self.feedback = Feedbacks(scope, writing)
        self.events = Events(scope, writing)
        self.scores = Scores(scope, writing)
        self.keys = Keys(scope, writing)
        self.refresh_tokens = RefreshTokens(scope, writing)

    def turn(
        self,
        thread_id: str,
        message: Items | None = None,
        *,
        dialect: str | None = None,
        session: str | None = None,
        exclusive: bool = False,
        lease: float = LEASE,
        force: bool = False,
    ) -> Turn:
        """A turn in a thread, to be entered: a run that lives as long as the block.

        `message`, one or a batch as for `messages.append`, is durable before the block runs; the
        thread is made if it is absent. Leaving the block marks the run complete, an exception
        failed, cancellation cancelled; where the process dies, the run is interrupted once its
        lease, in seconds since the last append or `touch`, has passed. With `exclusive` a thread
        has one such run at a time: ConflictError (`run_live`) on entering where another one holds
        it, unless its lease has passed. `session` is that of all its messages, and with `force` the
        thread may be locked or closed, as for `messages.append`.
        """
        return Turn(
            self._scope,
            self.messages,
            self._drafting,
            self._writing,
            thread_id,
            message,
            dialect=dialect,
            session=session,
            exclusive=exclusive,
            lease=lease,
            force=force,
        )

    def span(
        self,
        name: str,
        *,
        type: SpanType = "chain",
        span_id: str | None = None,
        parent: str | None = None,
        thread: str | None = None,
        run: str | None = None,
        user: str | None = None,
        input: Json | bytes = None,
        metadata: Mapping[str, Json] | None = None,
        started_at: datetime | None = None,
    ) -> OpenSpan:
        """A span as a context, made of what `spans.start` takes.

        Leaving the block ends it complete; an exception ends it failed, with the name of its class
        as the error and nothing that it says; cancellation ends it cancelled. Where the process
        dies it goes on running.
        """
        begun = Beginning.of(
            self._scope,
            name,
            type=type,
            span_id=span_id,
            parent=parent,
            thread=thread,
            run=run,
            user=user,
            input=input,
            metadata=metadata,
            started_at=started_at,
        )
        return OpenSpan(self._scope, self._writing, begun)
