"""Threads, items and contexts of ChatKit for its tests."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from chatkit.types import (
    Annotation,
    AssistantMessageContent,
    AssistantMessageItem,
    ClientToolCallItem,
    CustomSummary,
    CustomTask,
    EndOfTurnItem,
    EntitySource,
    FileSource,
    GeneratedImage,
    GeneratedImageItem,
    HiddenContextItem,
    InferenceOptions,
    SDKHiddenContextItem,
    SearchTask,
    StructuredInputAnswer,
    StructuredInputFreeform,
    StructuredInputItem,
    StructuredInputMultipleChoice,
    StructuredInputMultipleChoiceOption,
    TaskItem,
    ThoughtTask,
    ToolChoice,
    URLSource,
    UserMessageItem,
    UserMessageTagContent,
    UserMessageTextContent,
    WidgetItem,
    Workflow,
    WorkflowItem,
)
from chatkit.widgets import DynamicWidgetRoot
from pydantic import AnyUrl

from threadkeep.adapters.chatkit.sdk import (
    Attachment,
    FileAttachment,
    ImageAttachment,
    ThreadItem,
    ThreadMetadata,
)

ANN: Final = {"user_id": "ann"}
BOB: Final = {"user_id": "bob"}
START: Final = datetime(2026, 5, 1, 10)  # noqa: DTZ001  the SDK's times have no zone


def at(seconds: float) -> datetime:
    """A time after the start of all."""
    return START + timedelta(seconds=seconds)


def thread(id: str = "thr_1", seconds: float = 0, **members: Any) -> ThreadMetadata:
    return ThreadMetadata(id=id, created_at=at(seconds), **members)


def asked(
    text: str = "Hello", id: str = "msg_1", seconds: float = 1, **more: Any
) -> UserMessageItem:
    """What a user says."""
    return UserMessageItem(
        id=id,
        thread_id="thr_1",
        created_at=at(seconds),
        content=[UserMessageTextContent(text=text)],
        inference_options=InferenceOptions(),
        **more,
    )


def said(
    text: str = "Hi", id: str = "msg_2", seconds: float = 2, **more: Any
) -> AssistantMessageItem:
    """What the assistant says."""
    return AssistantMessageItem(
        id=id,
        thread_id="thr_1",
        created_at=at(seconds),
        content=[AssistantMessageContent(text=text, **more)],
    )


def workflow(*thoughts: str, id: str = "wf_1", seconds: float = 1.5, **more: Any) -> WorkflowItem:
    tasks: list[Any] = [ThoughtTask(content=thought) for thought in thoughts]
    return WorkflowItem(
        id=id,
        thread_id="thr_1",
        created_at=at(seconds),
        workflow=Workflow(type="reasoning", tasks=tasks, **more),
    )


def called(status: Any = "pending", output: Any = None, **more: Any) -> ClientToolCallItem:
    members: dict[str, Any] = {
        "id": "tc_1",
        "thread_id": "thr_1",
        "created_at": at(3),
        "call_id": "call_1",
        "name": "place",
        "arguments": {"near": "Lisbon", "n": [1, 2.5, None]},
    }
    return ClientToolCallItem(**{**members, **more}, status=status, output=output)


def widget(id: str = "msg_w", seconds: float = 4, **members: Any) -> WidgetItem:
    """A widget as `WidgetTemplate.build` makes it: with members that the SDK has no class for."""
    root = {
        "type": "Card",
        "futureField": {"x": 1},
        "children": [
            {"type": "Text", "value": "Lisbon", "futureProp": True},
            {"type": "Button", "label": "More", "onClickAction": {"type": "more", "payload": {}}},
        ],
        **members,
    }
    return WidgetItem(
        id=id,
        thread_id="thr_1",
        created_at=at(seconds),
        widget=DynamicWidgetRoot.model_validate(root),
        copy_text="Lisbon",
    )


def questions(
    status: Any = "pending", answer: StructuredInputAnswer | None = None
) -> StructuredInputItem:
    return StructuredInputItem(
        id="si_1",
        thread_id="thr_1",
        created_at=at(5),
        status=status,
        inputs=[
            StructuredInputMultipleChoice(
                id="q1",
                question="Which?",
                options=[StructuredInputMultipleChoiceOption(value="a")],
                multiple=True,
                answer=answer,
            ),
            StructuredInputFreeform(id="q2", question="Why?", description="in words"),
        ],
    )


def hidden(content: Any = "the user is on page 3", id: str = "hc_1") -> HiddenContextItem:
    return HiddenContextItem(id=id, thread_id="thr_1", created_at=at(6), content=content)


def file(id: str = "atc_1", **members: Any) -> FileAttachment:
    return FileAttachment(id=id, name="a.pdf", mime_type="application/pdf", **members)


def image(id: str = "atc_2", **members: Any) -> ImageAttachment:
    return ImageAttachment(
        id=id,
        name="b.png",
        mime_type="image/png",
        preview_url=AnyUrl("https://example.org/b.png"),
        **members,
    )


def every_kind() -> list[ThreadItem]:
    """One item of each of the 11 kinds at the least, with all members that they have."""
    head: dict[str, Any] = {"thread_id": "thr_1"}
    sources = [
        Annotation(source=URLSource(title="A page", url="https://example.org", group="g"), index=1),
        Annotation(source=FileSource(title="A paper", filename="p.pdf")),
        Annotation(
            source=EntitySource(title="Ann", id="e1", label="x", data={"k": [1]}, interactive=True),
            index=0,
        ),
    ]
    attachments: list[Attachment] = [file(metadata={"size": 7}), image(thread_id="thr_1")]
    return [
        UserMessageItem(
            id="u1",
            created_at=at(1),
            content=[
                UserMessageTextContent(text="Ask \0 é \U0001f600"),
                UserMessageTagContent(id="t", text="ann", data={"b": 1, "a": None}, group="people"),
            ],
            attachments=attachments,
            quoted_text="old words",
            inference_options=InferenceOptions(tool_choice=ToolChoice(id="search"), model="m"),
            **head,
        ),
        said("Here.", id="a1", seconds=2, annotations=sources),
        called(id="c1", created_at=at(3)),
        called("completed", {"found": [1, None, -0.0, 1e22]}, id="c2", created_at=at(4)),
        widget("w1", 5),
        GeneratedImageItem(
            id="g1",
            created_at=at(6),
            image=GeneratedImage(id="ig", url="data:image/png;base64,iVBORw0KGgo="),
            **head,
        ),
        GeneratedImageItem(id="g2", created_at=at(7), image=None, **head),
        questions("answered", StructuredInputAnswer(values=["a"])).model_copy(
            update={"id": "s1", "created_at": at(8)}
        ),
        WorkflowItem(
            id="wf",
            created_at=at(9),
            workflow=Workflow(
                type="custom",
                tasks=[
                    CustomTask(title="Read", content="a page", status_indicator="complete"),
                    SearchTask(queries=["x"], sources=[URLSource(title="t", url="https://x.org")]),
                    ThoughtTask(content="Hm."),
                ],
                summary=CustomSummary(title="Done", icon="book-open"),
                expanded=True,
            ),
            **head,
        ),
        TaskItem(id="k1", created_at=at(10), task=CustomTask(title="Wrote a file"), **head),
        hidden({"page": 3, "open": None}, "h1").model_copy(update={"created_at": at(11)}),
        SDKHiddenContextItem(id="h2", created_at=at(12), content="The user cancelled.", **head),
        EndOfTurnItem(id="e1", created_at=at(13), **head),
    ]
