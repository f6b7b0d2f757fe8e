"""FileBytes: bytes as files in a folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import tempfile
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from threadkeep.adapters.files.base import (
    StoredBytes,
    bytes_of,
    check_key,
    check_prefix,
    no_bytes,
)

_BUFFER: Final = 1 << 20
_INCOMING: Final = ".incoming"
_STALE: Final = 86_400.0


class FileBytes:
    """Bytes as files under `folder`, else under `default_folder()`.

    The folder is made on first use, for its user alone. A file appears under its name when all of
    it is on the disk; a process that dies while it writes leaves a file in `.incoming`, which goes
    after a day. Several processes may share the folder. The file system's work is done in threads.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = default_folder() if folder is None else Path(folder)

    async def put(self, key: str, chunks: AsyncIterable[bytes]) -> int:
        target = self._path(key)
        file, path = await self._begun()
        size = 0
        try:
            buffer = bytearray()
            async for chunk in bytes_of(chunks):
                buffer += chunk
                size += len(chunk)
                if len(buffer) >= _BUFFER:
                    await asyncio.to_thread(file.write, bytes(buffer))
                    buffer.clear()
            await asyncio.to_thread(_finish, file, bytes(buffer), path, target)
        except BaseException:
            # No await here: a cancelled task would leave at the next one.
            _discard(file, path)
            raise
        return size

    async def open(self, key: str) -> AsyncIterator[bytes]:
        path = self._path(key)
        if not await asyncio.to_thread(_is_there, path):
            raise no_bytes(key)
        # The file is opened by the first piece: nothing stays open where nobody reads.
        return _pieces(path, key)

    async def delete(self, key: str) -> bool:
        path = self._path(key)
        return await asyncio.to_thread(self._remove, path)

    async def list(self, prefix: str = "") -> AsyncIterator[StoredBytes]:
        top = self._path(prefix) if check_prefix(prefix) else self.folder
        walk = self._walk(top)
        while found := await asyncio.to_thread(_some, walk):
            for one in found:
                yield one

    def _path(self, key: str) -> Path:
        return self.folder.joinpath(*check_key(key).split("/"))

    async def _begun(self) -> tuple[IO[bytes], Path]:
        """`_begin` in a thread, which goes on when its caller is cancelled."""
        begun = asyncio.ensure_future(asyncio.to_thread(self._begin))
        try:
            return await asyncio.shield(begun)
        except asyncio.CancelledError:
            begun.add_done_callback(_unwanted)
            raise

    def _begin(self) -> tuple[IO[bytes], Path]:
        incoming = self.folder / _INCOMING
        _make(incoming)
        _clear(incoming)
        handle, name = tempfile.mkstemp(dir=incoming)
        return os.fdopen(handle, "wb"), Path(name)

    def _remove(self, path: Path) -> bool:
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError):
            # Some systems answer so where the path is a folder.
            if path.is_file():
                raise
            return False
        for folder in path.parents:
            if folder == self.folder:
                break
            try:
                folder.rmdir()
            except OSError:
                break
        return True

    def _walk(self, top: Path) -> Iterator[StoredBytes]:
        if top.is_file():
            yield from self._look(top)
        for folder, inner, files in os.walk(top):
            inner[:] = [name for name in inner if not name.startswith(".")]
            for name in files:
                yield from self._look(Path(folder, name))

    def _look(self, path: Path) -> Iterator[StoredBytes]:
        with contextlib.suppress(FileNotFoundError):
            seen = path.lstat()
            if stat.S_ISREG(seen.st_mode):
                key = path.relative_to(self.folder).as_posix()
                yield StoredBytes(key, seen.st_size, datetime.fromtimestamp(seen.st_mtime, UTC))


def default_folder() -> Path:
    """Where the files lie unless the app says otherwise: beside the embedded server's data.

    `THREADKEEP_FILES` if it is set; under root `/var/lib/threadkeep-files`; else the user's data
    folder of this platform.
    """
    if configured := os.environ.get("THREADKEEP_FILES"):
        return Path(configured).expanduser()
    if os.geteuid() == 0:
        return Path("/var/lib/threadkeep-files")
    import platformdirs  # only needed here

    return platformdirs.user_data_path("threadkeep-files", appauthor=False)


def _unwanted(begun: asyncio.Future[tuple[IO[bytes], Path]]) -> None:
    if not begun.cancelled() and begun.exception() is None:
        _discard(*begun.result())


def _discard(file: IO[bytes], path: Path) -> None:
    """Remove an unfinished file. On a full disk closing fails as well, since it writes first."""
    with contextlib.suppress(OSError):
        file.close()
    path.unlink(missing_ok=True)


def _finish(file: IO[bytes], rest: bytes, path: Path, target: Path) -> None:
    """Put the file under its name, durably: its bytes first, then the name."""
    with file:
        file.write(rest)
        file.flush()
        os.fsync(file.fileno())
    while True:
        try:
            _make(target.parent)
            path.replace(target)
            break
        except FileNotFoundError:
            # Another process has just removed an empty folder, unless it is our own file.
            if not path.exists():
                raise
    with contextlib.suppress(FileNotFoundError):
        _sync(target.parent)


def _make(folder: Path) -> None:
    """Make a folder and those above it, for their user alone, durably."""
    if folder.is_dir():
        return
    _make(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_there(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _opened(path: Path) -> IO[bytes]:
    # Not through a link: nothing here makes one.
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")


async def _pieces(path: Path, key: str) -> AsyncIterator[bytes]:
    try:
        file = await asyncio.to_thread(_opened, path)
    except FileNotFoundError:
        raise no_bytes(key) from None
    with file:
        while chunk := await asyncio.to_thread(file.read, _BUFFER):
            yield chunk


def _some(walk: Iterator[StoredBytes], most: int = 1000) -> list[StoredBytes]:
    return [one for _, one in zip(range(most), walk, strict=False)]


def _clear(incoming: Path) -> None:
    """Remove what processes left that died while they wrote."""
    before = time.time() - _STALE
    for path in incoming.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                path.unlink()
