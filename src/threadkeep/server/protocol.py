"""HTTP as uvicorn speaks it, with an end to what comes before and behind a body.

uvicorn's fast parser takes heads of any size, and a name or value of a hundred megabytes keeps the
whole process busy for minutes.
"""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST: Final = 65_536


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection that brought more than `MOST` bytes without ending what they are part of.

    That is a head, the trailers behind a body in pieces, or what stands beside the length of a
    piece. Bodies are bounded by the routes.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._pending = 0
        self._moved = False

    def data_received(self, data: bytes) -> None:
        """Hand the bytes to the parser, and see whether it got anywhere."""
        self._moved = False
        super().data_received(data)
        self._pending = 0 if self._moved else self._pending + len(data)
        if self._pending > MOST and not self.transport.is_closing():
            self.send_400_response("The head of a request must have at most 65536 bytes.")

    def on_headers_complete(self) -> None:
        """A head has ended."""
        self._moved = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of a body has come."""
        self._moved = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request has ended."""
        self._moved = True
        super().on_message_complete()
