"""`threadkeep reap`: write down what was interrupted, delete what has expired."""

from __future__ import annotations

from threadkeep.cli import endings
from threadkeep.cli.opening import Database
from threadkeep.cli.options import Data, Json, Rls, Schema, Url
from threadkeep.cli.screen import Screen


def reap(
    *,
    url: Url = None,
    schema: Schema = "threadkeep",
    data: Data = None,
    rls: Rls = True,
    json: Json = False,
) -> int:
    """Write down which runs were interrupted, and delete expired refresh tokens, of all owners.

    Every read shows the one as interrupted and refuses the other anyway: nothing depends on this.
    Needs the admin role, from THREADKEEP_ADMIN_URL or, without it, as the role of the URL.
    """
    screen = Screen(json)
    with Database(url, schema, data, rls).open(screen.notice) as store:
        reaped = store.admin().reap()
        purged = store.admin().purge_refresh_tokens()
    if json:
        screen.data({"reaped": reaped, "purged": purged})
    else:
        screen.print(f"interrupted runs written down: {reaped}")
        screen.print(f"expired refresh tokens deleted: {purged}")
    return endings.OK
