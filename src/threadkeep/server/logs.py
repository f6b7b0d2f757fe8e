"""Logs: one line a request and one a defect, and never what people wrote.

A line has the route's template, not its path; no query, no header but the request's id, no body.
An error is told by its type and by the places in the code that it came through, since its text may
quote anything.
"""

from __future__ import annotations

import logging
import re
import sys
import time
import traceback
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any, Final, Literal

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from threadkeep.server.metrics import Metrics
from threadkeep.server.problems import told_outside

Format = Literal["json", "text"]

log = logging.getLogger("threadkeep.server")
access = logging.getLogger("threadkeep.server.requests")

REQUEST_ID: Final = "x-request-id"
_TAKEN: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_MOST_PLACES: Final = 12
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_current: ContextVar[str | None] = ContextVar("threadkeep_request_id", default=None)


def log_defect(error: BaseException) -> None:
    """An error that nobody foresaw: its types, and where it came from. Not a word of its text."""
    log.error("defect", extra={"error": kinds_of(error), "at": places_of(error)})


def kinds_of(error: BaseException) -> str:
    """The types of the error and of those behind it, latest first."""
    return " < ".join(type(step).__name__ for step in _chain(error))


def places_of(error: BaseException) -> list[str]:
    """The innermost places that the error and those behind it came through, as module:line."""
    places = [
        f"{frame.f_globals.get('__name__', '?')}:{line}"
        for step in _chain(error)
        for frame, line in traceback.walk_tb(step.__traceback__)
    ]
    return places[-_MOST_PLACES:]


def _chain(error: BaseException) -> Iterator[BaseException]:
    step: BaseException | None = error
    seen: set[int] = set()
    while step is not None and id(step) not in seen:
        seen.add(id(step))
        yield step
        step = step.__cause__ or (None if step.__suppress_context__ else step.__context__)


class Observed:
    """The app with each request logged, counted, and given an id that its answer repeats."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics | None = None) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = given if _TAKEN.fullmatch(given) else token_hex(12)
        scope.setdefault("state", {})["threadkeep_request_id"] = request_id
        token = _current.set(request_id)
        started = time.perf_counter()
        status = 0

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        try:
            await self._app(scope, receive, tell)
        except Exception as error:
            log_defect(error)
            if status:
                raise
            await told_outside(scope["path"], error)(scope, receive, tell)
        finally:
            self._note(scope, status, time.perf_counter() - started)
            _current.reset(token)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        if self._metrics is not None:
            self._metrics.observe(method, route, status, seconds)
        access.info(
            "request",
            extra={
                "method": method,
                "route": route,
                "status": status,
                "ms": round(seconds * 1000, 2),
                "caller": scope["state"].get("threadkeep_caller"),
            },
        )


class _Formatter(logging.Formatter):
    """A record as facts; of an error only its types and places."""

    def facts(self, record: logging.LogRecord) -> dict[str, Any]:
        """What is told of the record, in order."""
        facts: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (request_id := _current.get()) is not None:
            facts["request_id"] = request_id
        facts |= {n: v for n, v in vars(record).items() if n not in _USUAL and v is not None}
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            facts |= {"error": kinds_of(error), "at": places_of(error)}
        return facts


class JsonFormatter(_Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        return orjson.dumps(self.facts(record), default=str).decode()


class TextFormatter(_Formatter):
    """One line for people: time, level, message, then name=value."""

    def format(self, record: logging.LogRecord) -> str:
        facts = self.facts(record)
        head = [facts.pop(name) for name in ("time", "level", "message")]
        del facts["logger"]
        tail = [f"{name}={orjson.dumps(v, default=str).decode()}" for name, v in facts.items()]
        return " ".join([*head, *tail]).replace("\n", " ")


_USUAL: Final = frozenset(
    {*vars(logging.makeLogRecord({})), "message", "asctime", "color_message", "taskName"}
)


def configure(level: str, format: Format) -> None:
    """Let this process log to stderr, one line a record; the line a request is of the level info.

    Warnings of Python and of the library become records too. uvicorn's own access log is off: it
    has paths and queries.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if format == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.captureWarnings(capture=True)
    for name in ("uvicorn.access", "httpx", "httpcore"):
        logging.getLogger(name).disabled = True
