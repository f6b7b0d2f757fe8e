"""A server on a port, told apart by tokens that are owners' names; and what stands in it."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import uvicorn
from schemathesis import Case

from threadkeep import Message, connect_async
from threadkeep.adapters.files.folder import FileBytes
from threadkeep.server import create_app
from threadkeep.server.limits import Limits
from threadkeep.server.principal import Principal
from threadkeep.server.problems import Problem
from threadkeep.store import AsyncStore
from threadkeep.sync import Store
from threadkeep.testing.servers import Database

AnyCase = Case[Any]
SECRET: Final = "what-only-its-owner-may-see"  # noqa: S105  no password
ADMIN: Final = "olga"

KNOWN: Final = {
    "thread": "thread-in-store",
    "message": "message-in-store",
    "session": "session-in-store",
    "span": "span-in-store",
    "attachment": "attachment-in-store",
    "run": "run-in-store",
    "user": "user-in-store",
}
UNKNOWN: Final = {kind: f"{kind}-of-nobody" for kind in KNOWN}

FILE_KEY: Final = f"attachments/{'0' * 32}.png"
_GO_ALONG: Final = ("heal", "strict")
_KINDS: Final = {
    "thread_id": "thread",
    "thread": "thread",
    "new_id": "thread",
    "message_id": "message",
    "parentId": "message",
    "parent_id": "message",
    "expected_head": "message",
    "leaf": "message",
    "at": "message",
    "after": "message",
    "session_id": "session",
    "session": "session",
    "span_id": "span",
    "attachment_id": "attachment",
    "run_id": "run",
    "run": "run",
    "user": "user",
}
# What comes anew with each call: ids, times, cursors and tokens.
_FRESH: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|(?<=\")(?:thread|msg|run|score|file)_[0-9A-Za-z]{16,}"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|\+00:00)"
    r"|eyJ[\w-]+\.[\w-]+\.[\w-]+"
    r"|(?<=_cursor\":\")[^\"]*"
    r"|attachments/[0-9a-f]{32}"
    r"|(?<=[?&])(?:who|until|signature)=[^&\"]*"
)


class ByToken:
    """The bearer token is the owner, and behind a slash the user. Olgas may do everything."""

    open = False

    async def principal(self, headers: Mapping[str, str], store: AsyncStore) -> Principal:
        kind, _, name = headers.get("authorization", "").partition(" ")
        owner, _, user = name.partition("/")
        if kind != "Bearer" or not owner:
            raise Problem(401, "token_missing", "a token is needed")
        scopes = {"read", "write", "admin"} if owner.startswith(ADMIN) else {"read", "write"}
        return Principal("jwt", owner, user or None, frozenset(scopes))


@contextmanager
def serving(database: Database, folder: Path) -> Iterator[str]:
    """The URL of a server on this database, whose files are in this folder."""
    app = create_app(
        connect_async(database.url, admin_url=database.admin_url),
        auth=ByToken(),
        limits=Limits(rates={}),
        files=FileBytes(folder),
        secret=SECRET.encode() * 2,
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="on")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            while not server.started and thread.is_alive():
                thread.join(0.02)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(30)


def fill(store: Store, owner: str, user: str | None = None) -> None:
    """One of each kind, under the known ids, all of them with the secret in them."""
    chat = store.owner(owner, user)
    chat.threads.create(
        KNOWN["thread"],
        title=SECRET,
        metadata={"secret": SECRET},
        external_id="external-in-store",
        exist_ok=True,
    )
    messages = [
        Message.of("user", SECRET, id=KNOWN["message"], metadata={"secret": SECRET}),
        Message.of("assistant", SECRET, id="second-in-store", session=KNOWN["session"]),
    ]
    chat.messages.append(KNOWN["thread"], messages)
    chat.messages.append(KNOWN["thread"], [Message.of("user", SECRET)], parent=None)
    chat.feedback.set(KNOWN["thread"], KNOWN["message"], "positive", comment=SECRET)
    chat.sessions.save(KNOWN["session"], thread=KNOWN["thread"], state={"secret": SECRET})
    chat.spans.start(
        SECRET, span_id=KNOWN["span"], thread=KNOWN["thread"], run=KNOWN["run"], input=SECRET
    )
    chat.attachments.save(
        KNOWN["attachment"], name=SECRET, media_type="image/png", thread=KNOWN["thread"]
    )
    with chat.turn(KNOWN["thread"]):
        pass


def put_ids(case: AnyCase, ids: Mapping[str, str]) -> None:
    """Let the case be about the things of these ids, wherever it names one."""
    about = case.operation.path
    for place in (case.path_parameters, case.query, case.body):
        if not isinstance(place, dict):
            continue
        for name in list(place):
            kind = _kind(name, about)
            if kind is not None and isinstance(place[name], str):
                place[name] = ids[kind]


def mend(case: AnyCase, document: str) -> None:
    """Let the case be one that makes sense: a schema does not say which members go together."""
    path = case.operation.path
    case.headers.pop("if-match", None)
    if isinstance(case.query, dict):
        _mend_query(case.query, path)
    if path == "/threads/import":
        case.body = json.loads(document)
    elif isinstance(case.body, dict):
        _mend_body(case.body, path, (case.path_parameters or {}).get("message_id", "new-message"))


def _mend_query(query: dict[str, Any], path: str) -> None:
    query.pop("cursor", None)
    if "metadata" in query:
        query["metadata"] = '{"known":true}'
    if "dialect" in query:
        query["dialect"] = "aui/v0" if "/history" in path else "threadkeep"
    if path.endswith("/window"):
        for name in ("tokens", "messages", "steady", *(() if "dialect" in query else _GO_ALONG)):
            query.pop(name, None)
        query["turns"] = 2
    if "type" in query and path == "/usage":
        query["of"] = "spans"
    if path == "/threads/import":
        for name in ("title", "keep_ids"):
            query.pop(name, None)


def _mend_body(body: dict[str, Any], path: str, message_id: str) -> None:
    item = {"role": "user", "parts": []}
    if "message" in body and "parentId" in body:
        body["message"] = {"id": message_id, "role": "user", "content": []}
    if path == "/threads/{thread_id}/messages" and "messages" in body:
        body["messages"] = [item]
        body.pop("ids", None)
        body.pop("expected_head", None)
    if "item" in body:
        body["item"] = item


def _kind(name: str, about: str) -> str | None:
    if name == "id":
        return "span" if "/spans" in about else "thread"
    if name == "parent":
        return "span" if "/spans" in about else "message"
    return _KINDS.get(name)


def likeness(text: str, ids: Mapping[str, str], owner: str) -> str:
    """An answer without what differs from call to call anyway."""
    for kind, id_ in (*ids.items(), *KNOWN.items()):
        text = text.replace(id_, f"<{kind}>")
    return _FRESH.sub("<fresh>", text.replace(owner, "<owner>"))


def told(answer: Any) -> str:
    """The content of an answer as text."""
    content: bytes = answer.content
    return content.decode("utf-8", "replace")
