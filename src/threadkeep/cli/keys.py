"""`threadkeep keys`: the API keys of an owner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table
from rich.text import Text

from threadkeep.cli import endings
from threadkeep.cli.listing import Every, Limit, Listed
from threadkeep.cli.opening import Database
from threadkeep.cli.options import Data, Json, Rls, Schema, Url, User
from threadkeep.cli.screen import Screen, shown
from threadkeep.values.errors import InvalidError

if TYPE_CHECKING:
    from threadkeep import ApiKey, NewKey

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The API keys of an owner: make, list, rotate and revoke them.",
)

_REVOKED = {"no": False, "yes": True, "all": None}

Owner = Annotated[
    str, typer.Option("--owner", metavar="NAME", help="Whose keys; nobody else's are known.")
]
KeyId = Annotated[str, typer.Argument(metavar="KEY_ID", help="The key's id, not its text.")]


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call the key.")],
    *,
    owner: Owner,
    user: Annotated[
        str | None,
        typer.Option("--user", metavar="NAME", help="The person that the key acts for."),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            metavar="WORD",
            help="What it is good for; any number of times. Else read and write.",
        ),
    ] = None,
    expires_at: Annotated[
        str | None,
        typer.Option("--expires-at", metavar="TIME", help="When it ends, as 2030-01-31T00:00Z."),
    ] = None,
    url: Url = None,
    schema: Schema = "threadkeep",
    data: Data = None,
    rls: Rls = True,
    json: Json = False,
) -> int:
    """Make a key and print its text, which nobody can read again."""
    screen = Screen(json)
    given: dict[str, Any] = {"user": user, "expires_at": _time(expires_at)}
    if scope:
        given["scopes"] = scope
    with Database(url, schema, data, rls).open(screen.notice) as store:
        made = store.owner(owner).keys.create(name, **given)
    return _tell(made, screen)


@app.command("list")
def list_(
    *,
    owner: Owner,
    user: User = None,
    revoked: Annotated[
        Literal["no", "yes", "all"],
        typer.Option("--revoked", help="Those that are not revoked, those that are, or all."),
    ] = "no",
    limit: Limit = 50,
    every: Every = False,
    url: Url = None,
    schema: Schema = "threadkeep",
    data: Data = None,
    rls: Rls = True,
    json: Json = False,
) -> int:
    """List keys, the newest first. Their texts are stored nowhere."""
    screen = Screen(json)
    with Database(url, schema, data, rls).open(screen.notice) as store:
        pages = partial(store.owner(owner, user).keys.list, revoked=_REVOKED[revoked])
        listed = Listed.of(pages, limit, every=every)
    return listed.tell(screen, "keys", _facts, _table, first="newest")


@app.command("rotate")
def rotate(
    key_id: KeyId,
    *,
    owner: Owner,
    user: User = None,
    grace: Annotated[
        float,
        typer.Option("--grace", metavar="SECONDS", help="How long the old key is good yet."),
    ] = 0.0,
    url: Url = None,
    schema: Schema = "threadkeep",
    data: Data = None,
    rls: Rls = True,
    json: Json = False,
) -> int:
    """Make a key that replaces another one, alike but for its text, and print that."""
    screen = Screen(json)
    with Database(url, schema, data, rls).open(screen.notice) as store:
        made = store.owner(owner, user).keys.rotate(key_id, grace=grace)
    return _tell(made, screen)


@app.command("revoke")
def revoke(
    key_id: KeyId,
    *,
    owner: Owner,
    user: User = None,
    url: Url = None,
    schema: Schema = "threadkeep",
    data: Data = None,
    rls: Rls = True,
    json: Json = False,
) -> int:
    """End a key at once and for good; once more changes nothing."""
    screen = Screen(json)
    with Database(url, schema, data, rls).open(screen.notice) as store:
        key = store.owner(owner, user).keys.revoke(key_id)
    if json:
        screen.data({"key": _facts(key)})
    else:
        screen.print(f"revoked: {shown(key.id)}")
    return endings.OK


def _tell(made: NewKey, screen: Screen) -> int:
    """Print the text of a key, alone on stdout."""
    if screen.json:
        screen.data({"key": _facts(made.key), "text": made.text})
        return endings.OK
    screen.write(f"{made.text}\n")
    screen.notice(f"key {made.key.id}: the text is shown this once, and stored nowhere")
    return endings.OK


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.utcoffset() is None:
        raise InvalidError("--expires-at", "must be a time with its zone, as 2030-01-31T00:00Z")
    return found


def _facts(key: ApiKey) -> dict[str, Any]:
    facts = asdict(key)
    named = {"owner": facts.pop("owner_id"), "user": facts.pop("user_id")}
    written = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in facts.items()
    }
    return {"id": written.pop("id"), **named, **written}


def _table(listed: Sequence[ApiKey]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("key", no_wrap=True, overflow="fold")
    table.add_column("made", no_wrap=True)
    table.add_column("ends", no_wrap=True)
    table.add_column("scopes", overflow="fold")
    table.add_column("name", no_wrap=True, overflow="ellipsis", ratio=1)
    for key in listed:
        ends = "revoked" if key.revoked_at else _minute(key.expires_at) or "never"
        name = Text(shown(key.name).replace("\n", " "))
        table.add_row(key.id, _minute(key.created_at), ends, " ".join(key.scopes), name)
    return table


def _minute(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else ""
