"""`threadkeep threads`: the conversations of an owner."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table
from rich.text import Text

from threadkeep.cli.listing import Every, Limit, Listed
from threadkeep.cli.opening import Database
from threadkeep.cli.options import Data, Json, Owner, Rls, Schema, Url, User
from threadkeep.cli.screen import Screen, shown
from threadkeep.values import jsontext
from threadkeep.values.document import thread_facts
from threadkeep.values.errors import InvalidError

if TYPE_CHECKING:
    from threadkeep import Thread


def threads(
    *,
    owner: Owner,
    user: User = None,
    status: Annotated[
        Literal["active", "archived", "all"], typer.Option("--status", help="Which to list.")
    ] = "active",
    external_id: Annotated[
        str | None, typer.Option("--external-id", metavar="ID", help="Only those with this id.")
    ] = None,
    metadata: Annotated[
        str | None,
        typer.Option("--metadata", metavar="JSON", help="Only those whose metadata contain this."),
    ] = None,
    limit: Limit = 50,
    every: Every = False,
    url: Url = None,
    schema: Schema = "threadkeep",
    data: Data = None,
    rls: Rls = True,
    json: Json = False,
) -> int:
    """List conversations, the latest active first."""
    screen = Screen(json)
    filters: dict[str, Any] = {
        "status": status,
        "external_id": external_id,
        "metadata": None if metadata is None else _object(metadata),
    }
    with Database(url, schema, data, rls).open(screen.notice) as store:
        pages = partial(store.owner(owner, user).threads.list, **filters)
        listed = Listed.of(pages, limit, every=every)
    return listed.tell(screen, "threads", thread_facts, _table, first="latest")


def _object(text: str) -> dict[str, Any]:
    try:
        value = jsontext.decode(text)
    except InvalidError as error:
        raise InvalidError("--metadata", error.rule) from None
    if not isinstance(value, dict):
        raise InvalidError("--metadata", "must be a JSON object")
    return value


def _table(listed: Sequence[Thread]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("thread", no_wrap=True, overflow="fold")
    table.add_column("active", no_wrap=True)
    table.add_column("messages", justify="right")
    table.add_column("title", no_wrap=True, overflow="ellipsis", ratio=1)
    for thread in listed:
        title = Text(shown(thread.title or "").replace("\n", " "))
        if thread.title is None:
            title = Text("no title", style="dim")
        if thread.status == "archived":
            title.append("  archived", style="dim")
        active = f"{thread.active_at:%Y-%m-%d %H:%M}"
        table.add_row(Text(shown(thread.id)), active, str(thread.message_count), title)
    return table
