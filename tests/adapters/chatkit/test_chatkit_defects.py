"""Defects of seed 003 that are not about one call: models, schema, URLs and access."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import chatkit_kit as kit
import pytest

from threadkeep import AsyncStore, ConflictError, UnavailableError, connect_async
from threadkeep.adapters.chatkit import ChatKitStore, NotFoundError
from threadkeep.testing.servers import Database

PACKAGE = Path(__file__).parents[3] / "src" / "threadkeep" / "adapters" / "chatkit"


def test_no_model_of_the_app_is_needed() -> None:
    """The adapter brings no table models, which would clash with SQLAlchemy. [seed 003 defect 2]"""
    code = (
        "import sys, threadkeep.adapters.chatkit\n"
        "print(sorted({'sqlalchemy', 'sqlmodel', 'chatkit.server', 'obstore'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


async def test_metadata_is_written_and_searched(store: AsyncStore) -> None:
    """Metadata is a column by its own name, and listed by what is in it. [seed 003 defect 4]"""
    chatkit = ChatKitStore[Any](store)
    await chatkit.save_thread(kit.thread(metadata={"metadata": {"metadata_json": 1}}), kit.ANN)
    chat = chatkit.chat(kit.ANN)
    page = await chat.threads.list(metadata={"metadata": {"metadata_json": 1}})
    assert [thread.id for thread in page.items] == ["thr_1"]


async def test_there_is_one_schema(database: Database) -> None:
    """What the migrations make is what the store expects, and items go with their thread by the
    key's own cascade. [seed 003 defect 5, 6]
    """
    async with connect_async(database.url, admin_url=database.admin_url) as store:
        assert await store.migrations.verify() == ()
        chatkit = ChatKitStore[Any](store)
        await chatkit.save_thread(kit.thread(), kit.ANN)
        await chatkit.add_thread_item("thr_1", kit.asked(), kit.ANN)
        await chatkit.record_feedback("thr_1", ["msg_1"], "positive", kit.ANN)
        await chatkit.delete_thread("thr_1", kit.ANN)
        chat = chatkit.chat(kit.ANN)
        assert (await chat.messages.list("thr_1", tree=True)).items == ()
        assert (await chat.feedback.list("thr_1")).items == ()


async def test_urls_of_managed_servers_are_understood(database: Database) -> None:
    """`sslmode` is no unexpected keyword: it is asked of the server. [seed 003 defect 17]"""
    mark = "&" if "?" in database.url else "?"
    async with connect_async(f"{database.url}{mark}sslmode=prefer") as store:
        chatkit = ChatKitStore[Any](store)
        await chatkit.save_thread(kit.thread(), kit.ANN)
        assert (await chatkit.load_thread("thr_1", kit.ANN)).id == "thr_1"


async def test_it_works_through_a_transaction_pooler(pooled_database: Database) -> None:
    """No prepared statement and no setting outlives a transaction. [A15 seed 003 defect 17]"""
    async with connect_async(pooled_database.url) as store:
        chatkit = ChatKitStore[Any](store)
        items = kit.every_kind()
        await chatkit.save_thread(kit.thread(), kit.ANN)
        for _ in range(2):
            for item in items:
                await chatkit.add_thread_item("thr_1", item, kit.ANN)
        page = await chatkit.load_thread_items("thr_1", None, 50, "asc", kit.ANN)
        assert page.data == items
        with pytest.raises(NotFoundError):
            await chatkit.load_thread("thr_1", kit.BOB)


async def test_a_store_that_is_closed_says_so(database: Database) -> None:
    """What the database cannot do now is an error that can be told from an unknown thread."""
    async with connect_async(database.url) as store:
        chatkit = ChatKitStore[Any](store)
    with pytest.raises(UnavailableError):
        await chatkit.load_thread("thr_1", kit.ANN)


async def test_items_are_written_in_one_transaction_each(store: AsyncStore) -> None:
    """A refused item leaves nothing behind, not even a newer activity. [seed 003 defect 18]"""
    chatkit = ChatKitStore[Any](store)
    await chatkit.save_thread(kit.thread(), kit.ANN)
    await chatkit.add_thread_item("thr_1", kit.said(), kit.ANN)
    before = await chatkit.chat(kit.ANN).threads.get("thr_1")
    with pytest.raises(ConflictError):
        await chatkit.add_thread_item("thr_1", kit.said("other"), kit.ANN)
    assert await chatkit.chat(kit.ANN).threads.get("thr_1") == before


def test_modules_name_the_sdk_in_one_place() -> None:
    """Only `sdk.py` imports ChatKit, so that one file says what the adapter needs of it."""
    for path in PACKAGE.glob("*.py"):
        if path.name != "sdk.py":
            assert "from chatkit" not in path.read_text("utf-8"), path.name
