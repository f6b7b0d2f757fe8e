"""What is in the tables before the clock runs: the same on both ends."""

from __future__ import annotations

import psycopg

from bench.floor import LISTER, SQL, AsyncFloor
from bench.items import turns_of_six, turns_of_two
from bench.ours import AsyncOurs
from bench.rows import thread_names
from bench.sizes import Sizes

TABLES = ("threadkeep.threads", "threadkeep.messages", "floor.threads", "floor.messages")


async def fill(sizes: Sizes, floor: AsyncFloor, ours: AsyncOurs, superuser_url: str) -> None:
    """Store the threads that the rows work on, and bring the tables in order."""
    for size, many in sizes.appended.items():
        for thread in thread_names("append", size, many):
            messages = turns_of_two(size // 2)
            await floor.fill(thread, messages)
            await ours.fill(thread, messages)
    for size, many in sizes.windows.items():
        for thread in thread_names("window", size, many):
            messages = turns_of_six(size // 6)
            await floor.fill(thread, messages)
            await ours.fill(thread, messages)
    await ours.fill_listed(sizes.listed)
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        cursor = psycopg.RawCursor(connection)
        for name in ("fill_listed", "fill_threads"):
            cursor.execute(SQL[name].encode(), (LISTER, sizes.listed))
        for table in (*TABLES, "floor.listed"):
            connection.execute(f"VACUUM ANALYZE {table}".encode())
        connection.execute("CHECKPOINT")
