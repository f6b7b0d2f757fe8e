"""An app with ChatKit's real server behind real HTTP: what the tests of it talk to."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx
import uvicorn
from chatkit.actions import Action
from chatkit.server import ChatKitServer, StreamingResult, stream_widget
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    ClientToolCallItem,
    HiddenContextItem,
    SyncCustomActionResponse,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
    UserMessageTextContent,
    WidgetItem,
)
from chatkit.widgets import DynamicWidgetRoot
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from threadkeep import ConflictError, ForbiddenError, InvalidError
from threadkeep.adapters.chatkit import (
    ChatKitAttachmentStore,
    ChatKitStore,
    NotFoundError,
    RecordsFeedback,
)

Events = AsyncIterator[ThreadStreamEvent]


class Scripted(RecordsFeedback, ChatKitServer[Any]):
    """A server that does what the user's message says."""

    def __init__(self, store: ChatKitStore[Any], attachments: ChatKitAttachmentStore[Any]) -> None:
        super().__init__(store, attachments)
        self.waiting = asyncio.Event()
        self.go_on = asyncio.Event()

    async def respond(
        self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: Any
    ) -> Events:
        word, files = await self._asked(thread, input_user_message, context)
        if word == "wait":
            async for event in self._partial(thread, context):
                yield event
        elif word == "tool":
            yield ThreadItemDoneEvent(item=self._call(thread, context))
        elif word == "widget":
            root = DynamicWidgetRoot.model_validate({"type": "Card", "future": 1, "children": []})
            new_id = self._ids(thread, context)
            async for event in stream_widget(thread, root, "a card", new_id):
                yield event
        elif word == "break":
            raise ConnectionError
        else:
            if word == "title":
                thread.title = "Lisbon"
            if word == "hidden":
                yield ThreadItemDoneEvent(item=self._hidden(thread, context))
            async for event in self._answer(thread, context, f"You said {word} {files}".strip()):
                yield event

    async def action(
        self,
        thread: ThreadMetadata,
        action: Action[str, Any],
        sender: WidgetItem | None,
        context: Any,
    ) -> Events:
        assert sender is not None
        root = sender.widget.model_dump() | {"payload": action.payload}
        changed = sender.model_copy(update={"widget": DynamicWidgetRoot.model_validate(root)})
        yield ThreadItemReplacedEvent(item=changed)
        async for event in self._answer(thread, context, f"You did {action.type}"):
            yield event

    async def sync_action(
        self,
        thread: ThreadMetadata,
        action: Action[str, Any],
        sender: WidgetItem | None,
        context: Any,
    ) -> SyncCustomActionResponse:
        return SyncCustomActionResponse(updated_item=sender)

    def _ids(self, thread: ThreadMetadata, context: Any) -> Any:
        return lambda kind: self.store.generate_item_id(kind, thread, context)

    async def _asked(
        self, thread: ThreadMetadata, message: UserMessageItem | None, context: Any
    ) -> tuple[str, str]:
        if message is None:
            page = await self.store.load_thread_items(thread.id, None, 1, "desc", context)
            [call] = page.data
            assert isinstance(call, ClientToolCallItem)
            return json.dumps(call.output), ""
        [block] = message.content
        assert isinstance(block, UserMessageTextContent)
        return block.text, ",".join(file.name for file in message.attachments)

    def _call(self, thread: ThreadMetadata, context: Any) -> ClientToolCallItem:
        return ClientToolCallItem(
            id=self.store.generate_item_id("tool_call", thread, context),
            thread_id=thread.id,
            created_at=datetime.now(),  # noqa: DTZ005  as the SDK does
            call_id="call_1",
            name="where",
            arguments={"city": "Lisbon"},
        )

    def _hidden(self, thread: ThreadMetadata, context: Any) -> HiddenContextItem:
        return HiddenContextItem(
            id=self.store.generate_item_id("message", thread, context),
            thread_id=thread.id,
            created_at=datetime.now(),  # noqa: DTZ005
            content="nobody sees this",
        )

    def _message(self, thread: ThreadMetadata, context: Any, text: str) -> AssistantMessageItem:
        return AssistantMessageItem(
            id=self.store.generate_item_id("message", thread, context),
            thread_id=thread.id,
            created_at=datetime.now(),  # noqa: DTZ005
            content=[AssistantMessageContent(text=text)],
        )

    async def _answer(self, thread: ThreadMetadata, context: Any, text: str) -> Events:
        item = self._message(thread, context, "")
        yield ThreadItemAddedEvent(item=item)
        for word in text.split():
            yield self._delta(item, f"{word} ")
        content = [AssistantMessageContent(text=text)]
        yield ThreadItemDoneEvent(item=item.model_copy(update={"content": content}))

    async def _partial(self, thread: ThreadMetadata, context: Any) -> Events:
        item = self._message(thread, context, "Half an")
        yield ThreadItemAddedEvent(item=item)
        yield self._delta(item, " answer")
        self.waiting.set()
        await self.go_on.wait()
        yield ThreadItemDoneEvent(item=item)

    def _delta(self, item: AssistantMessageItem, text: str) -> ThreadItemUpdatedEvent:
        return ThreadItemUpdatedEvent(
            item_id=item.id,
            update=AssistantMessageContentPartTextDelta(content_index=0, delta=text),
        )


def app_of(server: ChatKitServer[Any], attachments: ChatKitAttachmentStore[Any]) -> Starlette:
    """The routes that an app writes around ChatKit's server."""

    def context_of(request: Request) -> dict[str, str]:
        user = request.headers.get("x-user")
        return {} if user is None else {"user_id": user}

    async def chatkit(request: Request) -> Response:
        result = await server.process(await request.body(), context_of(request))
        if isinstance(result, StreamingResult):
            return StreamingResponse(result, media_type="text/event-stream")
        return Response(result.json, media_type="application/json")

    async def upload(request: Request) -> Response:
        await attachments.put_signed(request.query_params["token"], request.stream())
        return Response(status_code=204)

    async def show(request: Request) -> Response:
        opened = await attachments.open_signed(request.query_params["token"])
        return StreamingResponse(opened.chunks, headers=opened.headers)

    async def answer(_: Request, error: Exception) -> Response:
        statuses = {NotFoundError: 404, ConflictError: 409, ForbiddenError: 403, InvalidError: 401}
        [status] = [status for kind, status in statuses.items() if isinstance(error, kind)]
        return JSONResponse({"error": type(error).__name__}, status)

    return Starlette(
        routes=[
            Route("/chatkit", chatkit, methods=["POST"]),
            Route("/up/{id}", upload, methods=["PUT"]),
            Route("/see/{id}", show),
        ],
        exception_handlers={
            NotFoundError: answer,
            ConflictError: answer,
            ForbiddenError: answer,
            InvalidError: answer,
        },
    )


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


@contextlib.asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[str]:
    """The app behind uvicorn, and its address."""
    server = _Uvicorn(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


class Client:
    """What ChatKit's component in a browser sends."""

    def __init__(self, url: str, user: str | None) -> None:
        headers = {} if user is None else {"x-user": user}
        self.http = httpx.AsyncClient(base_url=url, headers=headers, timeout=20, trust_env=False)

    async def ask(self, kind: str, /, **params: Any) -> httpx.Response:
        """One request; its whole answer."""
        return await self.http.post("/chatkit", json={"type": kind, "params": params})

    async def get(self, kind: str, /, **params: Any) -> Any:
        """The JSON that a request is answered with."""
        response = await self.ask(kind, **params)
        assert response.status_code == 200, response.text
        return response.json()

    async def events(self, kind: str, /, **params: Any) -> list[dict[str, Any]]:
        """The events that a request is answered with."""
        response = await self.ask(kind, **params)
        assert response.status_code == 200, response.text
        return events_in(response.text)

    async def say(
        self, text: str, thread_id: str | None = None, attachments: tuple[str, ...] = ()
    ) -> list[dict[str, Any]]:
        """A user's message, in a new thread unless one is given."""
        params = said(text, attachments)
        if thread_id is None:
            return await self.events("threads.create", **params)
        return await self.events("threads.add_user_message", thread_id=thread_id, **params)

    async def items(self, thread_id: str) -> list[dict[str, Any]]:
        page = await self.get("items.list", thread_id=thread_id, order="asc", limit=100)
        data: list[dict[str, Any]] = page["data"]
        return data


def said(text: str, attachments: tuple[str, ...] = ()) -> dict[str, Any]:
    """The parameters of a message."""
    content = [{"type": "input_text", "text": text}]
    return {
        "input": {"content": content, "attachments": list(attachments), "inference_options": {}}
    }


def events_in(text: str) -> list[dict[str, Any]]:
    """The events of a stream of server-sent events."""
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line]
    return [json.loads(line) for line in lines]


def thread_in(events: list[dict[str, Any]]) -> str:
    """The id of the thread that a stream has made."""
    [id] = [event["thread"]["id"] for event in events if event["type"] == "thread.created"]
    return str(id)
