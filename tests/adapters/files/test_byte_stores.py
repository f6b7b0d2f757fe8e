"""Byte stores: folders, and what obstore reaches."""

from __future__ import annotations

import asyncio
import os
import resource
import threading
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import obstore.store
import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadkeep import InvalidError, NotFoundError
from threadkeep.adapters.files import ByteStore, FileBytes, ObstoreBytes, bytes_of, name_of, text_of
from threadkeep.adapters.files.base import check_key, names_in
from threadkeep.adapters.files.folder import default_folder

MAKERS: dict[str, Callable[[Path], ByteStore]] = {
    "folder": lambda folder: FileBytes(folder / "new" / "files"),
    "memory": lambda _: ObstoreBytes(obstore.store.MemoryStore()),
    "prefix": lambda _: ObstoreBytes(obstore.store.MemoryStore(), "some/where"),
    "local": lambda folder: ObstoreBytes(obstore.store.LocalStore(str(folder))),
}


@pytest.fixture(params=MAKERS)
def files(request: pytest.FixtureRequest, tmp_path: Path) -> ByteStore:
    return MAKERS[request.param](tmp_path)


async def pieces(*chunks: bytes, error: BaseException | None = None) -> AsyncIterator[bytes]:
    """A stream of these, which may break at its end."""
    for chunk in chunks:
        yield chunk
        await asyncio.sleep(0)
    if error is not None:
        raise error


async def read(files: ByteStore, key: str) -> bytes:
    return b"".join([chunk async for chunk in await files.open(key)])


async def keys(files: ByteStore, prefix: str = "") -> set[str]:
    return {stored.key async for stored in files.list(prefix)}


def left_in(folder: Path) -> list[Path]:
    """All files, also unfinished ones."""
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("chunks", [(), (b"",), (b"one", b"", b"two"), (b"x" * 700_000,) * 11])
async def test_bytes_come_back(files: ByteStore, chunks: tuple[bytes, ...]) -> None:
    """What was put under a key is read from it, however it was cut."""
    whole = b"".join(chunks)
    assert await files.put("ann/=/atc_1", pieces(*chunks)) == len(whole)
    assert await read(files, "ann/=/atc_1") == whole
    [stored] = [one async for one in files.list()]
    assert (stored.key, stored.size) == ("ann/=/atc_1", len(whole))
    assert abs(datetime.now(UTC) - stored.modified_at) < timedelta(minutes=5)


async def test_putting_again_replaces(files: ByteStore) -> None:
    """A second put takes the place of the first; a reader of the old one is not disturbed."""
    await files.put("a/b", pieces(b"old" * 1_000_000))
    reader = await files.open("a/b")
    first = await anext(reader)
    await files.put("a/b", pieces(b"new"))
    rest = b"".join([chunk async for chunk in reader])
    assert first + rest == b"old" * 1_000_000
    assert await read(files, "a/b") == b"new"


@pytest.mark.parametrize("size", [0, 10, 9_000_000])
async def test_a_stream_that_breaks_changes_nothing(files: ByteStore, size: int) -> None:
    """Half a file is never there, and what was there before stays."""
    await files.put("a/kept", pieces(b"before"))
    for key in ("a/kept", "a/fresh"):
        with pytest.raises(ConnectionError):
            await files.put(key, pieces(b"x" * size, error=ConnectionError()))
    assert await keys(files) == {"a/kept"}
    assert await read(files, "a/kept") == b"before"


async def test_a_cancelled_put_changes_nothing(files: ByteStore) -> None:
    """An upload whose task is cancelled leaves nothing behind."""
    begun = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        begun.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(files.put("a/b", slow()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await keys(files) == set()


async def test_what_is_not_there(files: ByteStore) -> None:
    """Opening is an error at once, deleting is silent, and a folder is no file."""
    await files.put("a/b/c", pieces(b"x"))
    for key in ("a/b", "a/x/c", "nothing"):
        with pytest.raises(NotFoundError):
            await files.open(key)
        assert not await files.delete(key)
    assert await files.delete("a/b/c")
    assert not await files.delete("a/b/c")
    assert await keys(files) == set()


async def test_listing_by_prefix(files: ByteStore) -> None:
    """A prefix is whole segments: the files of `ann` are not those of `anna`."""
    for key in ("ann/=/1", "ann/=/2", "anna/=/1"):
        await files.put(key, pieces(b"x"))
    assert await keys(files, "ann") == {"ann/=/1", "ann/=/2"}
    assert await keys(files, "ann/=") == {"ann/=/1", "ann/=/2"}
    assert await keys(files) == {"ann/=/1", "ann/=/2", "anna/=/1"}
    assert await keys(files, "nobody") == set()


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/",
        "a/",
        "/a",
        "../a",
        "a/../b",
        ".",
        "a//b",
        ".incoming/x",
        "a\0",
        "A",
        "é",
        "a" * 201,
        "a b",
        "c:\\x",
        "~",
        "a/" * 2500,
        None,
    ],
)
async def test_no_key_leads_elsewhere(files: ByteStore, key: str) -> None:
    """What is no key is refused by every call, before anything is touched."""
    for call in (files.put(key, pieces(b"x")), files.open(key), files.delete(key)):
        with pytest.raises(InvalidError):
            await call
    if key:
        with pytest.raises(InvalidError):
            await keys(files, key)


@pytest.mark.parametrize("wrong", [object(), "text", [b"x"]])
async def test_only_bytes_are_taken(files: ByteStore, wrong: object) -> None:
    """Text and lists are no bytes, nor is a stream of them."""

    async def texts() -> AsyncIterator[bytes]:
        yield "text"  # type: ignore[misc]

    for stream in (wrong, texts()):
        with pytest.raises(InvalidError):
            await files.put("a/b", stream)  # type: ignore[arg-type]
    assert await keys(files) == set()


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=600), min_size=1))
def test_any_ids_make_a_key(texts: list[str]) -> None:
    """Names are keys, tell all texts apart, and can be read back, also from one key of several."""
    names = [name_of(text) for text in texts]
    assert [text_of(name) for name in names] == texts
    for name in names:
        check_key(name)
    assert names_in("/".join(names)) == names


@given(st.text("abc=+27/.", max_size=20))
def test_what_is_no_name_is_no_text(name: str) -> None:
    """A name that was made of no text is none."""
    text = text_of(name)
    assert text is None or name_of(text) == name


def test_a_lone_surrogate_has_no_name() -> None:
    """Text that is no UTF-8 is refused."""
    with pytest.raises(InvalidError):
        name_of("\ud800")


async def test_bytes_of_takes_whole_bytes_too() -> None:
    """Bytes, a bytearray and a memoryview are streams of one piece."""
    for data in (b"abc", bytearray(b"abc"), memoryview(b"abc")):
        assert [chunk async for chunk in bytes_of(data)] == [b"abc"]
    assert [chunk async for chunk in bytes_of(b"")] == []


async def test_files_are_for_their_user_alone(tmp_path: Path) -> None:
    """Folders that are made here have no access for others; those that were there keep theirs."""
    files = FileBytes(tmp_path / "files")
    await files.put("a/b", pieces(b"x"))
    for path in (tmp_path / "files", tmp_path / "files" / "a", tmp_path / "files" / "a" / "b"):
        assert path.stat().st_mode & 0o077 == 0


async def test_links_are_not_followed(tmp_path: Path) -> None:
    """A link that somebody put there is neither read nor listed."""
    (tmp_path / "secret").write_text("secret")
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "secret")
    files = FileBytes(folder)
    assert await keys(files) == set()
    with pytest.raises(NotFoundError):
        await files.open("link")


async def test_what_a_killed_process_left_goes_after_a_day(tmp_path: Path) -> None:
    """Unfinished files are no files, and are removed when they are old."""
    files = FileBytes(tmp_path)
    await files.put("a/b", pieces(b"x"))
    incoming = tmp_path / ".incoming"
    (incoming / "old").write_bytes(b"half")
    (incoming / "new").write_bytes(b"half")
    os.utime(incoming / "old", (time.time() - 90_000,) * 2)
    assert await keys(files) == {"a/b"}
    await files.put("a/c", pieces(b"x"))
    assert [path.name for path in incoming.iterdir()] == ["new"]


async def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """Not even the beginning of what it could not hold."""
    files = FileBytes(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            await files.put("a/b", pieces(*[b"x" * ((1 << 20) + 100)] * 3))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert left_in(tmp_path) == []


async def test_a_put_that_is_cancelled_as_it_begins(tmp_path: Path) -> None:
    """The file that is being made then goes as well."""
    files = FileBytes(tmp_path)
    begun, go = threading.Event(), threading.Event()
    begin = files._begin

    def slow() -> tuple[IO[bytes], Path]:
        made = begin()
        begun.set()
        go.wait(5)
        return made

    files._begin = slow  # type: ignore[method-assign]
    task = asyncio.create_task(files.put("a/b", pieces(b"x")))
    await asyncio.to_thread(begun.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    for _ in range(100):
        if not left_in(tmp_path):
            break
        await asyncio.sleep(0.01)
    else:
        pytest.fail("the file is still there")


async def test_many_at_once(tmp_path: Path) -> None:
    """Writers and deleters of one folder do not get into each other's way."""
    files = FileBytes(tmp_path)

    async def work(n: int) -> None:
        for _ in range(10):
            await files.put(f"a/b/{n}", pieces(b"x"))
            assert await files.delete(f"a/b/{n}")

    await asyncio.gather(*(work(n) for n in range(8)))
    assert await keys(files) == set()


def test_where_files_lie_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Never in the folder of the embedded server, which takes nothing else in."""
    monkeypatch.setenv("THREADKEEP_FILES", str(tmp_path))
    assert FileBytes().folder == default_folder() == tmp_path
    monkeypatch.delenv("THREADKEEP_FILES")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_folder() == Path("/var/lib/threadkeep-files")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert default_folder().name == "threadkeep-files"
