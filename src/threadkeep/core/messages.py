"""Messages: get, list, siblings, update, delete, truncate, pop, replace, count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from threadkeep.core import append as appending
from threadkeep.core.cursors import (
    Found,
    Stretch,
    check_limit,
    check_order,
    number_of,
    read_page,
)
from threadkeep.core.drafts import Draft, check_status
from threadkeep.core.rows import SEQ, messages_of, metadata_of, split_head
from threadkeep.core.scope import Scope
from threadkeep.core.threads import check_changes, lock, lock_if_any, point
from threadkeep.values import jsontext
from threadkeep.values.errors import ConflictError, InvalidError, NotFoundError
from threadkeep.values.ids import check_id, check_id_or_none
from threadkeep.values.message import Message
from threadkeep.values.numbers import MAX_INT, is_whole
from threadkeep.values.page import Order, Page
from threadkeep.values.parts import Json
from threadkeep.values.ports import Row, Transaction
from threadkeep.values.unset import UNSET, Unset

_BEYOND = MAX_INT


async def get(scope: Scope, thread_id: str, message_id: str) -> Message:
    """The message; NotFoundError if there is none such."""
    check_id("message_id", message_id)
    rows = await scope.on_thread("message_get", thread_id, message_id)
    if not rows:
        raise NotFoundError("message", message_id)
    return messages_of(rows)[0]


async def siblings(scope: Scope, thread_id: str, message_id: str) -> list[Message]:
    """The messages with the same parent, this one included, by seq."""
    check_id("message_id", message_id)
    rows = await scope.on_thread("messages_siblings", thread_id, message_id)
    if not rows:
        raise NotFoundError("message", message_id)
    return messages_of(sorted(rows, key=lambda row: row[SEQ]))


async def page(
    scope: Scope,
    thread_id: str,
    *,
    tree: bool,
    leaf: str | None,
    order: Order,
    limit: int,
    cursor: str | None,
    since: int | None,
) -> Page[Message]:
    """A page by seq, along a path or of the whole tree; only what stands after `since`."""
    ascending = check_order(order) == "asc"
    floor = check_since(since)
    check_leaf(leaf, tree)

    async def fetch(stretch: Stretch) -> Found[Message]:
        down = stretch.forward == ascending
        # Downwards the statement looks up the parent of the first row. Upwards that of the last
        # must be among the rows: the one that `since` names is read for it, and left out below.
        before, after = _BEYOND, floor if down else floor - 1
        if stretch.after is not None and down:
            after = max(floor, stretch.after[0])
        elif stretch.after is not None:
            before = stretch.after[0]
        name = f"messages_{'down' if down else 'up'}_{'tree' if tree else 'path'}"
        path = () if tree else (leaf,)
        rows = await scope.on_thread(name, thread_id, *path, before, after, stretch.count)
        rows, head = split_head(rows) if tree else (rows, None)
        rows = sorted(rows, key=lambda row: row[SEQ], reverse=not down)
        pairs = zip(rows, messages_of(rows), strict=True)
        return Found([((row[SEQ],), m) for row, m in pairs if row[SEQ] > floor], head=head)

    found = await read_page(
        fetch,
        limit=limit,
        cursor=cursor,
        kinds=(number_of,),
        identity=("messages", scope.owner_id, scope.user_id, thread_id, tree, leaf, order, since),
    )
    if leaf is not None and not found.items:
        await get(scope, thread_id, leaf)
    return found


async def last(
    scope: Scope, thread_id: str, number: int, *, tree: bool, leaf: str | None, since: int | None
) -> Page[Message]:
    """The newest `number` messages, oldest first, as one page."""
    check_limit("last", number)
    newest = await page(
        scope,
        thread_id,
        tree=tree,
        leaf=leaf,
        order="desc",
        limit=number,
        cursor=None,
        since=since,
    )
    return Page(newest.items[::-1], next=None, previous=None, head=newest.head)


async def count(scope: Scope, thread_id: str, *, tree: bool, leaf: str | None) -> int:
    """How many messages stand on a path, or in the whole tree; 0 for an unknown thread."""
    check_leaf(leaf, tree)
    if tree:
        rows = await scope.on_thread("thread_get", thread_id)
        return rows[0][9] if rows else 0
    rows = await scope.on_thread("messages_count_path", thread_id, leaf)
    found = int(rows[0][0])
    if leaf is not None and not found:
        await get(scope, thread_id, leaf)
    return found


async def update(
    scope: Scope,
    thread_id: str,
    message_id: str,
    draft: Draft | None,
    *,
    metadata: Mapping[str, Json] | Unset,
    replace_metadata: Mapping[str, Json] | Unset | None,
    status: str | Unset,
    parent: str | Unset | None,
) -> Message:
    """Rewrite a message in its place, or append it if its id is new.

    `metadata` is merged (RFC 7396), `replace_metadata` takes its place; so do those of the draft.
    """
    check_id("message_id", message_id)
    if parent is not UNSET:
        check_id_or_none("parent", parent)
    if status is not UNSET:
        check_status(status)
    check_changes(metadata, replace_metadata)

    async def change(tx: Transaction) -> Message:
        key, *_ = await lock(scope, thread_id, tx)
        place = await tx.fetch(scope.sql["message_place"], scope.key, key, message_id)
        rewritten = draft
        if not place:
            if draft is None:
                raise NotFoundError("message", message_id)
            where = appending.Place(parent, force=True)
            if not await appending.insert(scope, thread_id, [draft], where, over=tx):
                raise NotFoundError("message", str(parent))
            place = await tx.fetch(scope.sql["message_place"], scope.key, key, message_id)
            rewritten = None
        replaced = replace_metadata
        if replaced is UNSET and draft is not None and draft.metadata is not None:
            replaced = draft.metadata
        if metadata is not UNSET:
            old = metadata_of(place[0][5]) if replaced is UNSET else replaced
            replaced = jsontext.merge_patch(old, metadata)
        text = None if replaced is UNSET else jsontext.check_metadata(replaced, "metadata")
        columns = (replaced is not UNSET, text, None if status is UNSET else status)
        await tx.fetch(
            scope.sql["message_update"], scope.key, key, *_rewrite(place[0], rewritten), *columns
        )
        await tx.fetch(scope.sql["thread_touch"], scope.key, key)
        rows = await scope.on_thread("message_get", thread_id, message_id, over=tx)
        return messages_of(rows)[0]

    return await scope.atomically(change)


async def delete(scope: Scope, thread_id: str, message_id: str) -> bool:
    """Remove a message, its children to its parent; whether there was one."""
    check_id("message_id", message_id)

    async def change(tx: Transaction) -> bool:
        found = await _locate(scope, thread_id, message_id, tx)
        if found is None:
            return False
        key, head, seq, parent = found
        await tx.fetch(scope.sql["message_reparent"], scope.key, key, seq, parent)
        await tx.fetch(scope.sql["message_delete"], scope.key, key, seq)
        await point(scope, tx, key, parent if head == seq else head, removed=1)
        return True

    return await scope.atomically(change)


async def truncate(scope: Scope, thread_id: str, message_id: str) -> int:
    """Remove a message and everything below it; how many that were."""
    check_id("message_id", message_id)

    async def change(tx: Transaction) -> int:
        found = await _locate(scope, thread_id, message_id, tx)
        if found is None:
            return 0
        key, head, seq, parent = found
        rows = await tx.fetch(scope.sql["messages_truncate"], scope.key, key, seq)
        gone = {row[0] for row in rows}
        head = parent if head in gone else head
        await point(scope, tx, key, head, removed=len(gone))
        return len(gone)

    return await scope.atomically(change)


async def pop_last(scope: Scope, thread_id: str) -> Message | None:
    """Remove the head and return it; ConflictError if messages hang below it."""

    async def change(tx: Transaction) -> Message | None:
        row = await lock_if_any(scope, thread_id, tx)
        if row is None or row[1] is None:
            return None
        key, head = row[:2]
        below = await tx.fetch(scope.sql["message_children"], scope.key, key, head)
        popped = messages_of(
            await scope.on_thread("messages_up_tree", thread_id, head + 1, head - 1, 1, over=tx)
        )[0]
        if below[0][0]:
            raise ConflictError(
                "has_children", "messages hang below the head", id=popped.id, head=popped.id
            )
        place = await tx.fetch(scope.sql["message_delete"], scope.key, key, head)
        await point(scope, tx, key, place[0][1], removed=1)
        return popped

    return await scope.atomically(change)


async def replace_all(scope: Scope, thread_id: str, drafts: Sequence[Draft]) -> list[Message]:
    """Put these messages in the place of all there are, in one transaction."""

    async def change(tx: Transaction) -> list[Message]:
        if await lock_if_any(scope, thread_id, tx) is None:
            await scope.on_thread("thread_create", thread_id, *[None] * 7, over=tx)
        key, *_ = await lock(scope, thread_id, tx)
        gone = await tx.fetch(scope.sql["messages_clear"], scope.key, key)
        await point(scope, tx, key, None, removed=len(gone))
        if not drafts:
            return []
        anyhow = appending.Place(force=True)
        rows = await appending.insert(scope, thread_id, drafts, anyhow, over=tx)
        return appending.stored_of(drafts, rows, None)

    return await scope.atomically(change)


async def _locate(
    scope: Scope, thread_id: str, message_id: str, tx: Transaction
) -> tuple[int, int | None, int, int | None] | None:
    """Lock the thread: (thread_key, head_seq, seq, parent_seq), None if either is unknown."""
    row = await lock_if_any(scope, thread_id, tx)
    if row is None:
        return None
    key, head = row[:2]
    place = await tx.fetch(scope.sql["message_place"], scope.key, key, message_id)
    return (key, head, place[0][0], place[0][1]) if place else None


def _rewrite(place: Row, draft: Draft | None) -> tuple[object, ...]:
    """The seq and the columns that a new content sets; ConflictError where it may not."""
    seq, _, role, starts, id_, _ = place
    if draft is None:
        return (seq, *[None] * 6, False)
    if draft.role != role:
        raise ConflictError("role_fixed", f"the message's role is {role}", id=id_)
    if draft.starts != starts:
        raise ConflictError("starts_fixed", "whether a turn starts here is fixed", id=id_)
    links = (draft.calls, draft.answers)
    return (seq, draft.format, draft.json, draft.tokens, draft.cut, *links, True)


def check_since(since: object) -> int:
    """The seq that `since` names, -1 for None; InvalidError if it is none."""
    if since is None:
        return -1
    if not is_whole(since, most=_BEYOND - 1):
        raise InvalidError("since", "must be the seq of a message")
    return since


def check_leaf(leaf: str | None, tree: bool) -> None:
    """Raise InvalidError unless `leaf` is None, or an id and `tree` is not asked for."""
    if check_id_or_none("leaf", leaf) is not None and tree:
        raise InvalidError("leaf", "must not be given together with tree")
