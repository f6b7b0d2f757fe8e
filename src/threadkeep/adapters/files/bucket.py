"""ObstoreBytes: bytes in a bucket, or whatever else obstore reaches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from typing import TYPE_CHECKING

from threadkeep.adapters.files.base import (
    StoredBytes,
    bytes_of,
    check_key,
    check_prefix,
    no_bytes,
)

if TYPE_CHECKING:
    from obstore.store import ObjectStore


class ObstoreBytes:
    """Bytes in a store of the package `obstore` (S3, GCS, Azure, memory, a folder), under `prefix`.

    Needs the extra `obstore`. What is under a key appears when all of it has arrived.
    """

    def __init__(self, bucket: ObjectStore, prefix: str = "") -> None:
        self._bucket = bucket
        self._prefix = f"{check_key(prefix)}/" if prefix else ""

    async def put(self, key: str, chunks: AsyncIterable[bytes]) -> int:
        import obstore

        size = 0

        async def counted() -> AsyncIterator[bytes]:
            nonlocal size
            async for chunk in bytes_of(chunks):
                size += len(chunk)
                yield chunk

        await obstore.put_async(self._bucket, self._path(key), counted())
        return size

    async def open(self, key: str) -> AsyncIterator[bytes]:
        import obstore

        try:
            found = await obstore.get_async(self._bucket, self._path(key))
        except FileNotFoundError:
            raise no_bytes(key) from None
        return (bytes(chunk) async for chunk in found.stream())

    async def delete(self, key: str) -> bool:
        import obstore

        path = self._path(key)
        try:
            await obstore.head_async(self._bucket, path)
            await obstore.delete_async(self._bucket, path)
        except FileNotFoundError:
            return False
        return True

    async def list(self, prefix: str = "") -> AsyncIterator[StoredBytes]:
        import obstore

        within = self._prefix + check_prefix(prefix)
        # In threads: obstore's own asynchronous listing may abort a process that ends soon.
        batches = obstore.list(self._bucket, within.rstrip("/") or None)
        while batch := await asyncio.to_thread(next, batches, None):
            for found in batch:
                key = found["path"].removeprefix(self._prefix)
                yield StoredBytes(key, found["size"], found["last_modified"])

    def _path(self, key: str) -> str:
        return self._prefix + check_key(key)
