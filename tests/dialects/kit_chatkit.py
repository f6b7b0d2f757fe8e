"""Thread items of ChatKit: recorded, generated, and judged by `chatkit.types`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Final

from hypothesis import strategies as st
from pydantic import TypeAdapter

from threadkeep.testing.strategies import ids, json_values, strings
from threadkeep.values.parts import Json

with warnings.catch_warnings():
    # The SDK warns of classes of its own, which it uses itself.
    warnings.simplefilter("ignore", DeprecationWarning)
    from chatkit.types import ThreadItem

PNG: Final = "data:image/png;base64,iVBORw0KGgo="


def item(kind: str, /, id: str = "msg_1", **members: Any) -> dict[str, Any]:
    """An item as the SDK spells it."""
    head = {"id": id, "thread_id": "thr_1", "created_at": "2026-05-01T10:00:00.123456"}
    return {**head, "type": kind, **members}


USER: Final = item(
    "user_message",
    id="msg_1",
    content=[
        {"type": "input_text", "text": "Ask "},
        {
            "type": "input_tag",
            "id": "tag_1",
            "text": "ann",
            "data": {"b": 1, "a": None},
            "group": None,
            "interactive": True,
        },
        {"type": "input_text", "text": " about this."},
    ],
    attachments=[
        {
            "id": "atc_1",
            "name": "a.pdf",
            "mime_type": "application/pdf",
            "upload_descriptor": None,
            "thread_id": "thr_1",
            "metadata": {"size": 7},
            "type": "file",
        },
        {
            "id": "atc_2",
            "name": "b.png",
            "mime_type": "image/png",
            "upload_descriptor": {
                "url": "https://example.org/up",
                "method": "PUT",
                "headers": {"x": "y"},
            },
            "thread_id": None,
            "metadata": None,
            "type": "image",
            "preview_url": "https://example.org/b.png",
        },
    ],
    quoted_text="old words",
    inference_options={"tool_choice": {"id": "search"}, "model": "m"},
)
ANSWER: Final = item(
    "assistant_message",
    id="msg_2",
    content=[
        {
            "annotations": [
                {
                    "type": "annotation",
                    "source": {
                        "title": "A page",
                        "description": None,
                        "timestamp": "today",
                        "group": None,
                        "type": "url",
                        "url": "https://example.org",
                        "attribution": "someone",
                    },
                    "index": 4,
                },
                {
                    "type": "annotation",
                    "source": {"title": "A paper", "type": "file", "filename": "p.pdf"},
                    "index": None,
                },
                {
                    "type": "annotation",
                    "source": {
                        "title": "Ann",
                        "type": "entity",
                        "id": "e1",
                        "icon": None,
                        "label": "person",
                        "interactive": False,
                        "data": {"k": "v"},
                    },
                    "index": 9,
                },
            ],
            "text": "Here it is.",
            "type": "output_text",
        },
        {"annotations": [], "text": "Done.", "type": "output_text"},
    ],
)
CALL: Final = item(
    "client_tool_call",
    id="tc_1",
    status="completed",
    call_id="call_1",
    name="search",
    arguments={"q": "x"},
    output={"found": [1, None]},
)
PENDING: Final = {**CALL, "id": "tc_2", "status": "pending", "call_id": "call_2", "output": None}
WIDGET: Final = item(
    "widget",
    id="w_1",
    widget={
        "type": "Card",
        "children": [
            {"type": "Title", "value": "Weather"},
            {
                "type": "Row",
                "children": [
                    {"type": "Text", "value": "Lisbon"},
                    {"type": "Button", "label": "More"},
                ],
            },
        ],
        "futureField": {"x": 1},
    },
    copy_text=None,
)
COPIED: Final = {**WIDGET, "id": "w_2", "copy_text": "Weather in Lisbon"}
IMAGE: Final = item("generated_image", id="img_1", image={"id": "ig_1", "url": PNG})
ASKED: Final = item(
    "structured_input",
    id="si_1",
    status="answered",
    inputs=[
        {
            "id": "q1",
            "question": "Where?",
            "answer": {"values": ["Lisbon", "Porto"], "skipped": False},
            "type": "multiple_choice",
            "options": [{"value": "Lisbon"}, {"value": "Porto"}],
            "multiple": True,
        },
        {
            "id": "q2",
            "question": "When?",
            "answer": {"values": [], "skipped": True},
            "type": "freeform",
            "description": "a day",
        },
        {"id": "q3", "question": "Why?", "answer": None, "type": "freeform", "description": None},
    ],
)
THOUGHTS: Final = item(
    "workflow",
    id="wf_1",
    workflow={
        "type": "reasoning",
        "tasks": [
            {"status_indicator": "none", "type": "thought", "title": None, "content": "Hm."},
            {"status_indicator": "none", "type": "thought", "title": "Then", "content": "So."},
        ],
        "summary": {"duration": 12},
        "expanded": False,
    },
)
WORK: Final = item(
    "workflow",
    id="wf_2",
    workflow={
        "type": "custom",
        "tasks": [
            {"status_indicator": "complete", "type": "custom", "title": "Read", "content": "all"},
            {
                "status_indicator": "loading",
                "type": "web_search",
                "title": None,
                "title_query": "x",
                "queries": ["x"],
                "sources": [{"title": "A page", "type": "url", "url": "https://example.org"}],
            },
            {"status_indicator": "none", "type": "file", "title": "f", "sources": []},
            {"status_indicator": "none", "type": "image", "title": None},
        ],
        "summary": {"title": "Worked", "icon": "sparkle"},
        "expanded": True,
    },
)
TASK: Final = item(
    "task",
    id="tsk_1",
    task={"status_indicator": "none", "type": "custom", "title": None, "content": "Looked it up"},
)
HIDDEN: Final = item("hidden_context_item", id="hc_1", content="the user is in Lisbon")
SECRET: Final = item("hidden_context_item", id="hc_2", content={"secret": ["plans"]})
SDK_HIDDEN: Final = item("sdk_hidden_context", id="shcx_1", content="The user cancelled.")
END: Final = item("end_of_turn", id="end_1")

known: Final[list[Json]] = [
    USER,
    {**USER, "id": "msg_0", "quoted_text": None, "attachments": [], "inference_options": {}},
    ANSWER,
    CALL,
    PENDING,
    WIDGET,
    COPIED,
    IMAGE,
    {**IMAGE, "id": "img_2", "image": None},
    ASKED,
    THOUGHTS,
    WORK,
    TASK,
    HIDDEN,
    SECRET,
    SDK_HIDDEN,
    END,
]
"""An item of every kind that the SDK has."""
corpus: Final[list[Json]] = [
    *known,
    {**ANSWER, "id": "msg_9", "created_at": "2026-05-01T10:00:00Z", "odd": {"b": 1, "a": None}},
    item("hologram", id="h_1", beams=7),
    item(
        "user_message",
        id="msg_3",
        content=[{"type": "input_voice"}, "bare", {"type": "input_text", "text": "t", "role": 7}],
        attachments=[{"type": "cube"}, 7, {"type": "image", "name": "x", "mime_type": "image/gif"}],
        quoted_text="",
    ),
    item(
        "assistant_message",
        id="msg_4",
        content=[
            {"type": "refusal", "text": "no"},
            {
                "type": "output_text",
                "text": "x",
                "annotations": [{"type": "later"}, {"type": "annotation", "source": {}}, 7],
            },
            {"type": "output_text", "text": "x", "annotations": {}},
            None,
        ],
    ),
    item("client_tool_call", id="tc_3", status="failed", call_id="c", name="n", arguments=7),
    item("client_tool_call", id="tc_4", call_id=7),
    item("workflow", id="wf_3", workflow={"tasks": [7, {"type": "thought"}]}),
    item("structured_input", id="si_2", inputs=[7, {"question": "x", "answer": {"values": 7}}]),
    item("task", id="tsk_2", task="bare"),
    item("sdk_hidden_context", id="shcx_2", content=7),
    {"type": "end_of_turn"},
    {"type": "generated_image", "id": "x", "image": {"url": 7}, "created_at": 7},
]

_kinds = [one["type"] for one in known]
_names = ["content", "attachments", "quoted_text", "inference_options", "status", "call_id", "name"]
_names += ["arguments", "output", "widget", "copy_text", "image", "inputs", "workflow", "task"]
_odd: list[Any] = ["", "x", "pending", "completed", None, True, 1, -0.0, [], {}, PNG]
_values: st.SearchStrategy[Any] = st.sampled_from(_odd) | json_values(max_leaves=3)
_pieces = [*USER["content"], *USER["attachments"], *ANSWER["content"], *ASKED["inputs"]]
_pieces += [*WORK["workflow"]["tasks"], *THOUGHTS["workflow"]["tasks"]]
_piece = st.one_of(
    _values,
    st.sampled_from(_pieces),
    st.builds(
        lambda one, more: {**one, **more},
        st.sampled_from(_pieces),
        st.dictionaries(
            st.sampled_from([*_names, "text", "id", "tasks", "role", "native", "type", "url"]),
            _values,
            max_size=3,
        ),
    ),
)
_bodies = st.one_of(
    st.lists(_piece, max_size=3),
    _piece,
    st.fixed_dictionaries({"tasks": st.lists(_piece, max_size=3)}, optional={"type": _values}),
    strings(),
)
items: st.SearchStrategy[Any] = st.builds(
    lambda head, body: {**head, **body},
    st.fixed_dictionaries(
        {"type": st.sampled_from([*_kinds, "hologram"])},
        optional={
            "id": ids() | _values,
            "thread_id": _values,
            "created_at": st.just("2026-05-01T10:00:00") | _values,
        },
    ),
    st.dictionaries(st.sampled_from(_names), _bodies, max_size=5),
)
"""Items of almost the right shape, with anything in place of what is expected."""

ITEM: Final[Any] = ThreadItem
"""The SDK's union of all kinds."""

_ADAPTER: Final[TypeAdapter[Any]] = TypeAdapter(list[ThreadItem])


def accepts(items: Sequence[Json]) -> None:
    """Raise where the SDK's own types refuse the items, or cannot write them again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        _ADAPTER.dump_json(_ADAPTER.validate_python(list(items)))
