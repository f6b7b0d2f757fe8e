"""`threadkeep show`: one conversation along its path."""

from __future__ import annotations

from typing import Annotated

import typer

from threadkeep.cli import endings
from threadkeep.cli.opening import Database
from threadkeep.cli.options import Data, Json, Owner, Rls, Schema, Url, User
from threadkeep.cli.screen import Screen
from threadkeep.cli.transcript import FOLD, heading, lines_of, path_of
from threadkeep.values.document import message_text, thread_text


def show(
    thread_id: Annotated[str, typer.Argument(metavar="THREAD_ID", help="Which conversation.")],
    *,
    owner: Owner,
    user: User = None,
    leaf: Annotated[
        str | None,
        typer.Option(
            "--leaf", metavar="MESSAGE_ID", help="The path to this message, not the head."
        ),
    ] = None,
    last: Annotated[
        int | None, typer.Option("--last", min=1, help="Only the newest of the path.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Unfold what tools were given and answered.")
    ] = False,
    url: Url = None,
    schema: Schema = "threadkeep",
    data: Data = None,
    rls: Rls = True,
    json: Json = False,
) -> int:
    """Show one conversation along the path to its head.

    Where a message was edited or answered anew, its branch is marked, with the ids to give to
    --leaf for the others. With --json each message stands with its payload, verbatim.
    """
    screen = Screen(json)
    with Database(url, schema, data, rls).open(screen.notice) as store:
        own = store.owner(owner, user)
        thread = own.threads.get(thread_id)
        tree = own.messages.list(thread_id, tree=True, limit=1000)
        steps = path_of(tree, leaf or thread.head)
    newest = steps[-last:] if last else steps
    if json:
        listed = ",".join(message_text(s.message, siblings=s.siblings) for s in newest)
        screen.write(f'{{"thread":{thread_text(thread)},"messages":[{listed}]}}\n')
        return endings.OK
    screen.print(heading(thread, steps))
    for step in newest:
        screen.print("", *lines_of(step, fold=None if full else FOLD))
    return endings.OK
