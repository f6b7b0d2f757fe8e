"""Byte stores: where the bytes of files go. Folders here, and any bucket that obstore reaches."""

from threadkeep.adapters.files.base import ByteStore, StoredBytes, bytes_of, name_of, text_of
from threadkeep.adapters.files.bucket import ObstoreBytes
from threadkeep.adapters.files.folder import FileBytes

__all__ = [
    "ByteStore",
    "FileBytes",
    "ObstoreBytes",
    "StoredBytes",
    "bytes_of",
    "name_of",
    "text_of",
]
