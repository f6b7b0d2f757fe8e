"""What the tests need of `gemini`: recorded contents, generated ones, and what its types accept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from google.genai import types
from hypothesis import strategies as st

from threadkeep.testing.strategies import json_values, strings

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from threadkeep.values.parts import Json

PNG: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5E"
)
PDF: Final = "JVBERi0xLjcKJSVFT0YK"
SIGNATURE: Final = "CiQBjz1rXx7Aq-_8"


def user(*parts: Json) -> Json:
    return {"role": "user", "parts": list(parts)}


def model(*parts: Json) -> Json:
    return {"role": "model", "parts": list(parts)}


def call(name: str, args: Json = None, **members: Json) -> Json:
    return {"functionCall": {"name": name, **({} if args is None else {"args": args}), **members}}


def response(name: str, said: Json, **members: Json) -> Json:
    return {"functionResponse": {"name": name, "response": said, **members}}


FILES: Final[Json] = user(
    {"text": "See these."},
    {"inlineData": {"mimeType": "image/png", "data": PNG}},
    {"inlineData": {"mimeType": "image/png", "data": "-_8=", "displayName": "a.png"}},
    {
        "fileData": {"mimeType": "video/mp4", "fileUri": "https://example.org/a.mp4"},
        "videoMetadata": {"startOffset": "2s", "endOffset": "5s", "fps": 2.0},
        "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"},
    },
    {"fileData": {"fileUri": "gs://bucket/a.pdf", "mimeType": "application/pdf"}},
    {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc"}},
)
SNAKE: Final[Json] = model(
    {"text": "They want trams.", "thought": True, "thought_signature": SIGNATURE},
    {"text": "I look.", "thought": None, "function_call": None, "inline_data": None},
    {
        "function_call": {"id": "fc-1", "name": "get_trams", "args": {"line": 28}},
        "thought_signature": SIGNATURE,
    },
    {"inline_data": {"mime_type": "image/png", "data": PNG, "display_name": "a"}},
    {"file_data": {"mime_type": "image/png", "file_uri": "gs://bucket/a.png"}},
    {"executable_code": {"code": "1", "language": "PYTHON", "id": "ex-1"}},
    {"code_execution_result": {"outcome": "OUTCOME_OK", "output": "1", "id": "ex-1"}},
    {"tool_call": {"id": "tc-1", "tool_type": "URL_CONTEXT", "args": {"url": "u"}}},
    {"tool_response": {"id": "tc-1", "tool_type": "URL_CONTEXT", "response": {"found": 1}}},
)
corpus: list[Json] = [
    user({"text": "What should I see in Lisbon?"}),
    model({"text": "Take tram 28."}),
    {"parts": [{"text": "no role"}]},
    {"role": "model"},
    {"role": "model", "parts": None},
    user(),
    model(
        {"text": "They want trams.", "thought": True},
        {"text": "Which line?", "thoughtSignature": SIGNATURE},
    ),
    model({"text": "", "thoughtSignature": SIGNATURE}, {"thoughtSignature": SIGNATURE}),
    model(
        {"text": "thinking", "thought": True, "thoughtSignature": SIGNATURE},
        {**call("get_trams", {"line": 28}), "thoughtSignature": SIGNATURE},
        call("get_trams", {"line": 15}),
        call("now"),
    ),
    user(
        response("get_trams", {"output": "at 10:05"}),
        response("get_trams", {"error": "no such line"}),
        response("now", {"hour": 10, "minute": 1}),
    ),
    model(call("get_trams", {"line": 28})),
    user(response("get_trams", {"result": ["10:05", "10:20"]}), {"text": "and now?"}),
    model(call("get_trams", {}, id="fc-1"), call("draw", {"of": "map"}, id="fc-2")),
    {
        "role": "function",
        "parts": [
            response("get_trams", {}, id="fc-1", scheduling="SILENT", willContinue=False),
            response(
                "draw",
                {"output": "a map"},
                id="fc-2",
                parts=[
                    {"inlineData": {"mimeType": "image/png", "data": PNG, "displayName": "m.png"}},
                    {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://bucket/m.pdf"}},
                ],
            ),
        ],
    },
    user(
        response("draw", {"a": 1}, parts=[{"inlineData": {"mimeType": "image/png", "data": PNG}}])
    ),
    model(
        {"text": "I count."},
        {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}},
        {"executableCode": {"language": "PYTHON", "code": "1/0"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": "ZeroDivisionError"}},
        {"text": "One."},
    ),
    model(
        {"toolCall": {"toolType": "GOOGLE_SEARCH_WEB", "args": {"queries": ["Lisbon"]}}},
        {"toolResponse": {"toolType": "GOOGLE_SEARCH_WEB", "response": {"found": []}}},
        {"text": "Found nothing."},
    ),
    model({"inlineData": {"mimeType": "image/png", "data": PNG}, "thought": True}),
    FILES,
    SNAKE,
    user(
        {"text": "x", "partMetadata": {"of": 1}, "speechMetadata": {"speaker": "A"}},
        {"audioTranscription": {"text": "words", "finished": True}},
        {"videoMetadata": {"fps": 1.0}},
    ),
    model({"oddData": {"of": 1}}, {"text": "x", "role": "y"}, {"text": "x", "odd": 1}),
    model({"text": "x", "functionCall": {"name": "two"}}, {"text": 5}, "words", None, {}),
    {"parts": [call("a", 5), response("a", {"output": 1, "b": 2})], "role": "model", "odd": {}},
    user({"functionCall": {"id": 5, "name": "a"}}, {"functionResponse": {"name": "a"}}),
]
"""Contents of every kind, as the API gives and takes them; the last ones as it might one day."""

_MEMBERS: Final = [
    *("text", "thought", "thoughtSignature", "thought_signature", "functionCall", "function_call"),
    *("functionResponse", "function_response", "inlineData", "inline_data", "fileData"),
    *("executableCode", "codeExecutionResult", "toolCall", "toolResponse", "videoMetadata"),
    *("role", "name", "output", "extra", "data", "type"),
]
_INNER: Final = [
    *("id", "name", "args", "response", "parts", "mimeType", "mime_type", "data", "fileUri"),
    *("displayName", "code", "language", "outcome", "output", "toolType", "tool_type", "odd"),
]
_plain: SearchStrategy[Json] = st.sampled_from(
    ["", "x", "a", "gemini-1-1-a", "code_execution", None, True, False, 1, -0.0, [], {}]
)
_values: SearchStrategy[Json] = _plain | json_values(max_leaves=3)
_likely: SearchStrategy[Json] = st.sampled_from(
    [part for item in corpus for part in item.get("parts") or () if isinstance(part, dict)]
)
_inner: SearchStrategy[Json] = st.dictionaries(st.sampled_from(_INNER), _values, max_size=5)
_parts: SearchStrategy[Json] = st.one_of(
    _likely,
    st.dictionaries(st.sampled_from(_MEMBERS), _values | _inner, max_size=3),
    st.builds(lambda name, args: call(name, args), strings() | st.just("a"), _values),
    st.builds(lambda name, said: response(name, said), strings() | st.just("a"), _inner),
    st.builds(
        lambda part, name, value: {**part, name: value}, _likely, st.sampled_from(_MEMBERS), _values
    ),
    _values,
)
items: SearchStrategy[Json] = st.builds(
    lambda order, item: {name: item[name] for name in order if name in item},
    st.permutations(["role", "parts", "odd", "id"]),
    st.fixed_dictionaries(
        {},
        optional={
            "role": st.sampled_from(["user", "model", "function", None]),
            "parts": st.none() | st.lists(_parts, max_size=4),
            "odd": _values,
            "id": _values,
        },
    ),
)
"""Contents of almost the right shape, with anything in place of what is expected."""


def accepts(items: Sequence[Json]) -> None:
    """Raise unless the package's types take each content; they refuse members they do not know."""
    for item in items:
        types.Content.model_validate(item)
