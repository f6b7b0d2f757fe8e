"""The parts of an owner's handle, one line for each method."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from threadkeep import store
from threadkeep.dialects.healing import Policy
from threadkeep.store.bulk import Batches
from threadkeep.store.listing import Listing, NativeListing
from threadkeep.sync.faces import Face, Pages, blocking, paging
from threadkeep.values.message import Message
from threadkeep.values.page import Window
from threadkeep.values.parts import Json


class Threads(Face[store.Threads]):
    """The threads that a handle reaches; all others are unknown to it."""

    create = blocking(store.Threads.create)
    get = blocking(store.Threads.get)
    list = paging(store.Threads.list)
    find_active = blocking(store.Threads.find_active)
    count = blocking(store.Threads.count)
    previews = blocking(store.Threads.previews)
    update = blocking(store.Threads.update)
    archive = blocking(store.Threads.archive)
    unarchive = blocking(store.Threads.unarchive)
    delete = blocking(store.Threads.delete)
    fork = blocking(store.Threads.fork)
    set_head = blocking(store.Threads.set_head)
    export = blocking(store.Threads.export)
    import_ = blocking(store.Threads.import_)


class Messages(Face[store.Messages]):
    """The messages of the threads that a handle reaches."""

    append = blocking(store.Messages.append)
    siblings = blocking(store.Messages.siblings)
    depths = blocking(store.Messages.depths)
    leaf = blocking(store.Messages.leaf)
    update = blocking(store.Messages.update)
    delete = blocking(store.Messages.delete)
    truncate = blocking(store.Messages.truncate)
    pop_last = blocking(store.Messages.pop_last)
    replace_all = blocking(store.Messages.replace_all)
    count = blocking(store.Messages.count)
    delete_many = blocking(store.Messages.delete_many)
    tool_calls = blocking(store.Messages.tool_calls)
    # A type of a call with overloads does not pass through `blocking`: these say it again.
    if TYPE_CHECKING:

        @overload
        def get(self, thread_id: str, message_id: str) -> Message: ...
        @overload
        def get(self, thread_id: str, message_id: str, *, dialect: str) -> Json: ...
        def get(self, thread_id: str, message_id: str, *, dialect: str | None = None) -> Any: ...

        @overload
        def append_many(
            self,
            batches: Batches,
            *,
            dialect: str | None = ...,
            force: bool = ...,
            count_only: Literal[False] = ...,
        ) -> dict[str, list[Message]]: ...
        @overload
        def append_many(
            self,
            batches: Batches,
            *,
            dialect: str | None = ...,
            force: bool = ...,
            count_only: Literal[True],
        ) -> int: ...
        def append_many(self, batches: Batches, **kwargs: Any) -> Any: ...

        @overload
        def window(
            self,
            thread_id: str,
            *,
            turns: int | None = ...,
            tokens: int | None = ...,
            messages: int | None = ...,
            leaf: str | None = ...,
            keep_system: bool = ...,
            steady: int = ...,
        ) -> Window[Message]: ...
        @overload
        def window(
            self,
            thread_id: str,
            *,
            turns: int | None = ...,
            tokens: int | None = ...,
            messages: int | None = ...,
            leaf: str | None = ...,
            keep_system: bool = ...,
            steady: int = ...,
            dialect: str,
            strict: bool = ...,
            heal: Policy | None = ...,
        ) -> Window[Json]: ...
        def window(self, thread_id: str, **kwargs: Any) -> Window[Any]: ...

        @overload
        def list(self, thread_id: str, **which: Unpack[Listing]) -> Pages[Message]: ...
        @overload
        def list(self, thread_id: str, **which: Unpack[NativeListing]) -> Pages[Json]: ...
        def list(self, thread_id: str, **kwargs: Any) -> Pages[Any]: ...
    else:
        append_many = blocking(store.Messages.append_many)
        get = blocking(store.Messages.get)
        list = paging(store.Messages.list)
        window = blocking(store.Messages.window)


class Runs(Face[store.Runs]):
    """The runs of the threads that a handle reaches. `turn` makes them, `record` adds others."""

    record = blocking(store.Runs.record)
    get = blocking(store.Runs.get)
    list = paging(store.Runs.list)
    usage = blocking(store.Runs.usage)
    totals = blocking(store.Runs.totals)


class Attachments(Face[store.Attachments]):
    """What is known of the files that a handle reaches. Their bytes stand elsewhere."""

    save = blocking(store.Attachments.save)
    get = blocking(store.Attachments.get)
    get_many = blocking(store.Attachments.get_many)
    list = paging(store.Attachments.list)
    delete = blocking(store.Attachments.delete)


class Feedbacks(Face[store.Feedbacks]):
    """What users think of the messages that a handle reaches."""

    set = blocking(store.Feedbacks.set)
    clear = blocking(store.Feedbacks.clear)
    list = paging(store.Feedbacks.list)


class Events(Face[store.Events]):
    """The events that a handle reaches. With `user=`, only those of that user."""

    track = blocking(store.Events.track)
    list = paging(store.Events.list)


class Scores(Face[store.Scores]):
    """The scores that a handle reaches. With `user=`, only those of that user."""

    create = blocking(store.Scores.create)
    list = paging(store.Scores.list)


class Keys(Face[store.Keys]):
    """The API keys of a handle's owner; with `user=`, only those that act for that user."""

    create = blocking(store.Keys.create)
    get = blocking(store.Keys.get)
    list = paging(store.Keys.list)
    rotate = blocking(store.Keys.rotate)
    revoke = blocking(store.Keys.revoke)


class RefreshTokens(Face[store.RefreshTokens]):
    """The lines of refresh tokens of a handle's owner; with `user=`, only those of that user."""

    create = blocking(store.RefreshTokens.create)
    check = blocking(store.RefreshTokens.check)
    use = blocking(store.RefreshTokens.use)
    revoke = blocking(store.RefreshTokens.revoke)
    purge = blocking(store.RefreshTokens.purge)


class Sessions(Face[store.Sessions]):
    """The sessions that a handle reaches; all others are unknown to it."""

    save = blocking(store.Sessions.save)
    get = blocking(store.Sessions.get)
    list = paging(store.Sessions.list)
    archive = blocking(store.Sessions.archive)
    unarchive = blocking(store.Sessions.unarchive)
    delete = blocking(store.Sessions.delete)
    purge = blocking(store.Sessions.purge)


class Spans(Face[store.Spans]):
    """The spans that a handle reaches. With `user=`, only those of that user."""

    start = blocking(store.Spans.start)
    end = blocking(store.Spans.end)
    record = blocking(store.Spans.record)
    get = blocking(store.Spans.get)
    tree = blocking(store.Spans.tree)
    list = paging(store.Spans.list)
    delete = blocking(store.Spans.delete)
    totals = blocking(store.Spans.totals)
