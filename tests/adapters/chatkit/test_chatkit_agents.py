"""ChatKit with a real run of openai-agents: a chat completions model that is scripted."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import chatkit_kit as kit
from agents import (
    Agent,
    ModelProvider,
    RunConfig,
    RunContextWrapper,
    Runner,
    StopAtTools,
    function_tool,
)
from agents.models.chatcmpl_stream_handler import ChatCmplStreamHandler
from agents.models.interface import Model
from chatkit.agents import (
    AgentContext,
    ClientToolCall,
    ThreadItemConverter,
    simple_to_agent_input,
    stream_agent_response,
)
from chatkit.server import ChatKitServer, StreamingResult
from chatkit.types import CustomTask, ThreadMetadata, ThreadStreamEvent, UserMessageItem, Workflow
from chatkit_app import said, thread_in
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import Response

from threadkeep import AsyncStore
from threadkeep.adapters.chatkit import ChatKitStore, replace_placeholder_ids

Events = AsyncIterator[ThreadStreamEvent]


class Scripted(Model):
    """A chat completions model that says what it was told to, one answer after the other.

    Its events are made by the SDK's own handler, with the placeholder as every id.
    """

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = list(answers)
        self.seen: list[Any] = []

    async def get_response(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    async def stream_response(
        self, system_instructions: str | None, input: Any, *_: Any, **__: Any
    ) -> AsyncIterator[Any]:
        self.seen.append(input)
        response = Response(
            id="r",
            created_at=0,
            model="m",
            object="response",
            output=[],
            tool_choice="auto",
            tools=[],
            parallel_tool_calls=False,
        )
        chunks = _chunks(self.answers.pop(0))
        async for event in ChatCmplStreamHandler.handle_stream(response, chunks):  # type: ignore[arg-type]
            yield event


async def _chunks(delta: dict[str, Any]) -> AsyncIterator[ChatCompletionChunk]:
    for part, reason in ((delta, None), ({}, "stop")):
        yield ChatCompletionChunk.model_validate(
            {
                "id": "c",
                "created": 0,
                "model": "m",
                "object": "chat.completion.chunk",
                "choices": [{"index": 0, "delta": part, "finish_reason": reason}],
            }
        )


class Models(ModelProvider):
    def __init__(self, model: Model) -> None:
        self.model = model

    def get_model(self, model_name: str | None) -> Model:
        return self.model


@function_tool
async def where(ctx: RunContextWrapper[AgentContext[Any]], city: str) -> None:
    """Ask the browser, and show that."""
    await ctx.context.start_workflow(Workflow(type="custom", tasks=[]))
    await ctx.context.add_workflow_task(CustomTask(title="Looking"))
    ctx.context.client_tool_call = ClientToolCall(name="where", arguments={"city": city})


class Server(ChatKitServer[Any]):
    """A server as the documentation of ChatKit has it; with `wrapped`, its ids are mended."""

    def __init__(self, store: ChatKitStore[Any], model: Model, *, wrapped: bool = True) -> None:
        super().__init__(store)
        self.config = RunConfig(model_provider=Models(model), tracing_disabled=True)
        self.agent = Agent[AgentContext[Any]](
            name="a",
            model="m",
            tools=[where],
            tool_use_behavior=StopAtTools(stop_at_tool_names=["where"]),
        )
        self.wrapped = wrapped

    async def respond(
        self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: Any
    ) -> Events:
        ctx = AgentContext(thread=thread, store=self.store, request_context=context)
        page = await self.store.load_thread_items(thread.id, None, 20, "desc", context)
        items = await simple_to_agent_input(page.data[::-1])
        result = Runner.run_streamed(self.agent, items, context=ctx, run_config=self.config)
        events: Events = stream_agent_response(ctx, result)
        if self.wrapped:
            events = replace_placeholder_ids(events, self.store, thread, context)
        async for event in events:
            yield event

    async def ask(self, kind: str, **params: Any) -> list[dict[str, Any]]:
        """The events that a request of Ann's is answered with."""
        result = await self.process(json.dumps({"type": kind, "params": params}), kit.ANN)
        assert isinstance(result, StreamingResult)
        return [json.loads(event.removeprefix(b"data: ")) async for event in result]


async def said_in(chatkit: ChatKitStore[Any], thread_id: str) -> list[tuple[str, str]]:
    """The kinds of a thread's items, and what the assistant says in them."""
    page = await chatkit.load_thread_items(thread_id, None, 50, "asc", kit.ANN)
    texts = [getattr(item, "content", None) or [] for item in page.data]
    return [
        (item.type, "".join(block.text for block in blocks))
        for item, blocks in zip(page.data, texts, strict=True)
    ]


async def test_every_answer_of_a_chat_completions_model_is_stored(store: AsyncStore) -> None:
    """Two turns with the SDK's placeholder ids are two answers, and the model sees both. [C3]"""
    chatkit = ChatKitStore[Any](store)
    model = Scripted({"content": "One."}, {"content": "Two."})
    server = Server(chatkit, model)
    events = await server.ask("threads.create", **said("first"))
    id = thread_in(events)
    events = await server.ask("threads.add_user_message", thread_id=id, **said("second"))
    assert "error" not in [event["type"] for event in events]
    assert await said_in(chatkit, id) == [
        ("user_message", "first"),
        ("assistant_message", "One."),
        ("user_message", "second"),
        ("assistant_message", "Two."),
    ]
    assert [len(seen) for seen in model.seen] == [1, 3]


async def test_without_the_wrapper_a_lost_answer_is_loud(store: AsyncStore) -> None:
    """The second answer is refused with an error event; the first one stays as it was. [C4]"""
    chatkit = ChatKitStore[Any](store)
    server = Server(chatkit, Scripted({"content": "One."}, {"content": "Two."}), wrapped=False)
    id = thread_in(await server.ask("threads.create", **said("first")))
    events = await server.ask("threads.add_user_message", thread_id=id, **said("second"))
    assert events[-1]["type"] == "error"
    assert ("assistant_message", "One.") in await said_in(chatkit, id)


async def test_a_workflow_goes_on_after_a_client_tool(store: AsyncStore) -> None:
    """Stored open at the end of one run and finished by the next, it is one item. [C5 G3]"""
    chatkit = ChatKitStore[Any](store)
    call = {
        "tool_calls": [
            {
                "index": 0,
                "id": "call_1",
                "type": "function",
                "function": {"name": "where", "arguments": '{"city": "Lisbon"}'},
            }
        ]
    }
    server = Server(chatkit, Scripted(call, {"content": "There."}))
    events = await server.ask("threads.create", **said("where"))
    id = thread_in(events)
    assert "error" not in [event["type"] for event in events]
    kinds = [kind for kind, _ in await said_in(chatkit, id)]
    assert kinds == ["user_message", "workflow", "client_tool_call"]
    events = await server.ask("threads.add_client_tool_output", thread_id=id, result={"x": 1})
    assert "error" not in [event["type"] for event in events]
    page = await chatkit.load_thread_items(id, None, 50, "asc", kit.ANN)
    assert [item.type for item in page.data] == [
        "user_message",
        "workflow",
        "client_tool_call",
        "assistant_message",
    ]
    workflow, tool = page.data[1], page.data[2]
    assert workflow.workflow.summary is not None  # type: ignore[union-attr]
    assert (tool.status, tool.output) == ("completed", {"x": 1})  # type: ignore[union-attr]
    assert (tool.id[:3], tool.call_id) == ("tc_", "call_1")  # type: ignore[union-attr]


async def test_loaded_items_go_to_a_model(store: AsyncStore) -> None:
    """ChatKit's own converter takes every kind of item as it is loaded. [G8]"""
    chatkit = ChatKitStore[Any](store)
    await chatkit.save_thread(kit.thread(), kit.ANN)

    class Converter(ThreadItemConverter):
        async def attachment_to_message_content(self, attachment: Any) -> Any:
            return {"type": "input_text", "text": attachment.name}

        async def tag_to_message_content(self, tag: Any) -> Any:
            return {"type": "input_text", "text": tag.text}

        async def hidden_context_to_input(self, item: Any) -> Any:
            return None

    items = kit.every_kind()
    for item in items:
        await chatkit.add_thread_item("thr_1", item, kit.ANN)
    page = await chatkit.load_thread_items("thr_1", None, 50, "asc", kit.ANN)
    assert await Converter().to_agent_input(page.data) == await Converter().to_agent_input(items)
