"""What the pictures of the inspector show: a few conversations, always the same."""

# ruff: noqa: INP001 (a script, not a package)
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import psycopg

from threadkeep import connect
from threadkeep.sync import Owner, Store
from threadkeep.testing.servers import Database
from threadkeep.values.run import Usage

TODAY: Final = datetime(2026, 11, 20, 16, 40, tzinfo=UTC)
OWNER: Final = "acme"
THREAD: Final = "thread_lisbon"
# The pictures' own clock stands here.
NOW: Final = TODAY + timedelta(minutes=20)

_TITLES: Final = (
    ("Why does the import stop at row 90 000?", "mara", 24),
    ("Übersetzung der Rechnung", "jonas", 6),
    ("خطة الرحلة إلى لشبونة", "salma", 12),
    ("Draft of the release notes", "mara", 18),
    ("Unit tests for the parser", "ivo", 41),
    ("Refund for order 20931", "support", 9),
    ("Σαββατοκύριακο στη θάλασσα", "hana", 14),
    ("What changed in the lease?", "jonas", 7),
    (None, "ivo", 3),
    ("Compare three phone plans", "salma", 16),
    ("Vacation policy", "support", 5),
)


def fill(database: Database) -> None:
    """Store the sample, with times that stand still."""
    with connect(database.url) as opened:
        _fill(opened)
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute(
            "UPDATE threadkeep.runs SET started_at = %s, ended_at = %s WHERE thread_key IN "
            "(SELECT thread_key FROM threadkeep.threads WHERE thread_id = %s)",
            (TODAY - timedelta(seconds=4, milliseconds=200), TODAY, THREAD),
        )


def _fill(store: Store) -> None:
    chat = store.owner(OWNER)
    _lisbon(store)
    for number, (title, user, messages) in enumerate(_TITLES):
        at = TODAY - timedelta(hours=2 + 7 * number)
        thread = f"thread_{number:02}"
        store.owner(OWNER, user).threads.create(thread, title=title, active_at=at)
        items = [
            _text(f"{thread}-{n}", "assistant" if n % 2 else "user", "...") for n in range(messages)
        ]
        chat.messages.append(thread, items, dialect="threadkeep", created_at=at)
        chat.threads.update(thread, active_at=at)
    _usage(chat)
    store.owner("umbrella").threads.create("thread_0", title="Another owner's")


def _lisbon(store: Store) -> None:
    chat = store.owner(OWNER)
    made = TODAY - timedelta(minutes=12)
    store.owner(OWNER, "mara").threads.create(
        THREAD,
        title="A day in Lisbon",
        metadata={"channel": "web", "plan": "team", "tags": ["travel", "weather"]},
        created_at=made,
    )
    question = _text("msg_1", "user", "What should I see in Lisbon if I have one day only?")
    call = {
        "id": "msg_2",
        "role": "assistant",
        "parts": [
            {
                "type": "reasoning",
                "text": "One day: Alfama in the morning, Belém after lunch. "
                "The order depends on the rain, so I look at the weather first.",
            },
            {
                "type": "tool_call",
                "call_id": "call_weather",
                "name": "weather",
                "input": {"city": "Lisbon", "unit": "celsius", "hours": [9, 12, 15, 18]},
            },
        ],
    }
    result = {
        "id": "msg_3",
        "role": "tool",
        "parts": [
            {
                "type": "tool_result",
                "call_id": "call_weather",
                "name": "weather",
                "output": {"sky": "clear", "highs": [17, 21, 22, 19], "rain": 0.0},
            }
        ],
    }
    answer = {
        "id": "msg_4",
        "role": "assistant",
        "parts": [
            {
                "type": "text",
                "text": "It stays dry, so walk.\n\nStart early in Alfama, before the trams are "
                "full: the cathedral, then up to the Portas do Sol. Take the 15E to Belém after "
                "lunch and stay by the river until the light turns.",
            },
            {
                "type": "source",
                "source_id": "s1",
                "url": "https://www.example.org/lisbon/tram-28",
                "title": "Tram 28: when it is empty",
            },
        ],
    }
    first = [question, call, result, answer]
    chat.messages.append(THREAD, first, dialect="threadkeep", created_at=made)
    again = _text("msg_4b", "assistant", "Alfama before noon, Belém after it. Bring good shoes.")
    chat.messages.append(
        THREAD,
        [again],
        dialect="threadkeep",
        parent="msg_3",
        created_at=made + timedelta(minutes=1),
    )
    follow = _text("msg_5", "user", "And where do I eat without standing in a queue?")
    chat.messages.append(
        THREAD,
        [follow],
        dialect="threadkeep",
        parent="msg_4",
        created_at=made + timedelta(minutes=4),
    )
    with chat.turn(THREAD) as turn:
        turn.append(
            [
                _text(
                    "msg_6",
                    "assistant",
                    "Behind the Mercado da Ribeira, in the streets towards Cais do Sodré. "
                    "Go at half past twelve: the queues begin at one.",
                )
            ],
            dialect="threadkeep",
            created_at=made + timedelta(minutes=4, seconds=6),
        )
        turn.add_usage(Usage(1204, 356, 512, 64, Decimal("0.0123")))
    chat.feedback.set(THREAD, "msg_6", "positive", comment="We got a table", user="mara")
    chat.threads.update(THREAD, active_at=TODAY)


def _usage(chat: Owner) -> None:
    for back in range(60):
        at = TODAY - timedelta(days=back)
        busy = 0.35 if at.weekday() > 4 else 1.0
        wave = 1 + ((back * 37) % 11) / 10
        for number in range(max(1, round(9 * busy * wave))):
            tokens = round(900 * busy * wave) + number * 131
            chat.runs.record(
                f"thread_{(back + number) % len(_TITLES):02}",
                f"run-{back}-{number}",
                status="complete",
                started_at=at - timedelta(minutes=number, seconds=9),
                ended_at=at - timedelta(minutes=number),
                usage=Usage(tokens, tokens // 3, cost=Decimal(tokens) / 400_000),
            )


def _text(id_: str, role: str, text: str) -> dict[str, Any]:
    return {"id": id_, "role": role, "parts": [{"type": "text", "text": text}]}
