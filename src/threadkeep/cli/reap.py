"""`threadkeep reap`: write down which runs were interrupted."""

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
    """Write down which runs were interrupted, of all owners.

    Every read shows them as interrupted anyway: nothing depends on this. Needs the admin role,
    from THREADKEEP_ADMIN_URL or, without it, as the role of the URL.
    """
    screen = Screen(json)
    with Database(url, schema, data, rls).open(screen.notice) as store:
        reaped = store.admin().reap()
    if json:
        screen.data({"reaped": reaped})
    else:
        screen.print(f"interrupted runs written down: {reaped}")
    return endings.OK
