"""The benchmark: our store beside raw statements, on one server, in one interleaved run.

`python -m bench`; docs/benchmark.md says what is measured and how to read it.

- `sizes`    how much is measured: the whole run, or a quick one
- `items`    the messages that both ends store
- `floor`    the raw statements of floor.sql on asyncpg and on psycopg
- `ours`     the library, by its asyncio face and its blocking one
- `filling`  what is in the tables before the clock runs
- `rows`     the rows of the table: what is called, how often, and the goal
- `timing`   the rounds
- `counting` statements, round trips, bytes and WAL, by themselves
- `checking` whether the writers of one thread lost, split or misplaced anything
- `report`   the table and the JSON
"""
