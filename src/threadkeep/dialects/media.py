"""What the data of a file tells of itself."""

from __future__ import annotations

import binascii
from typing import Final

# The first characters of base64 that say the first bytes of a file.
_STARTS: Final = (
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
    ("JVBERi", "application/pdf"),
)
_WEBP: Final = "XRUJQ"  # ...WEBP from the 9th byte on, after a length
_ENDINGS: Final = (".png", ".jpg", ".jpeg", ".gif", ".webp")
_STANDARD: Final = str.maketrans("-_", "+/")


def sniff(data: str) -> str | None:
    """The media type that base64 data begins like: PNG, JPEG, GIF, WebP or PDF; else None."""
    for start, media_type in _STARTS:
        if data.startswith(start):
            return media_type if start != "UklGR" or data[11:16] == _WEBP else None
    return None


def is_image_url(url: str) -> bool:
    """Whether the path of a URL ends like that of an image."""
    return url.partition("#")[0].partition("?")[0].lower().endswith(_ENDINGS)


def standard(data: str) -> str:
    """Base64 in the standard alphabet, where it was in the one for URLs."""
    return data.translate(_STANDARD) if "-" in data or "_" in data else data


def decoded(data: str) -> bytes | None:
    """The bytes that base64 says, in either alphabet, padded or not; None for what is none."""
    data = standard(data)
    if "=" not in data:
        data += "=" * (-len(data) % 4)
    try:
        found = binascii.a2b_base64(data, strict_mode=True)
    except ValueError:  # also where it is not ASCII
        return None
    if len(data) % 4:
        return None
    # The last digit may say no more bits than the last byte has.
    last = found[(len(found) - 1) // 3 * 3 :]
    return found if binascii.b2a_base64(last, newline=False).decode() == data[-4:] else None
