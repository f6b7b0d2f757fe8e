"""Generated AI SDK messages: sound ones of every kind, and the same with something broken.

Keys that look like numbers, whole floats and integers beyond 2^53 are left out: JavaScript itself
writes those differently, so that they tell nothing about the packages.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st

FIXTURES: Final = Path(__file__).parent.parent / "fixtures" / "ai-sdk"
Values = st.SearchStrategy[Any]


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / name).read_text(encoding="utf-8"))


def ordered(value: Any) -> str:
    """The JSON text, so that the order of keys counts."""
    return json.dumps(value)


_keys = st.sampled_from(["a", "b", "type", "value", "text", "toolName", "__proto__", "constructor"])
_leaves: Final[Values] = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.sampled_from([0.5, -1.25])
    | st.text(max_size=5)
)
json_values: Final[Values] = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3),
    max_leaves=6,
)
_metadata: Final[Values] = st.dictionaries(
    st.sampled_from(["openai", "anthropic", "__proto__"]),
    st.dictionaries(_keys, json_values, max_size=2),
    max_size=2,
)
_words = st.text(max_size=6)
_calls = st.sampled_from(["c1", "c2", "c3"])
_approvals = st.sampled_from(["ap1", "ap2"])
_tools = st.sampled_from(["weather", "rm", "mcp-x"])
_media = st.sampled_from(["image/png", "image", "text/plain"])
_urls = st.sampled_from(
    [
        "data:image/png;base64,AA==",
        "DATA:text/plain,a b#c",
        "https://e.x",
        "HTTPS://User:pa ss@EXAMPLE.com:443/a/../b c?q='é'#f",
        "http://[::1]:80/%7e",
        "file:///C|/x",
        "blob:https://e.x/1",
    ]
)


def _obj(required: dict[str, Values], **optional: Values) -> Values:
    return st.fixed_dictionaries(required, optional=optional)


def _typed(kind: str, required: dict[str, Values], **optional: Values) -> Values:
    return _obj({"type": st.just(kind), **required}, **optional)


_shown = {"providerMetadata": st.none() | _metadata}
_states = (
    "input-streaming",
    "input-available",
    "approval-requested",
    "approval-responded",
    "output-available",
    "output-error",
    "output-denied",
)
_approval = _obj(
    {"id": _approvals},
    approved=st.booleans() | st.none(),
    reason=_words | st.none(),
    requestReason=_words | st.none(),
    descriptor=json_values,
    isAutomatic=st.booleans(),
    signature=_words | st.none(),
    inputSchemaInput=json_values,
)


def _invocation(required: dict[str, Values]) -> Values:
    return _obj(
        {**required, "toolCallId": _calls, "state": st.sampled_from(_states)},
        input=json_values,
        output=json_values,
        errorText=_words | st.none(),
        rawInput=json_values,
        title=_words,
        providerExecuted=st.booleans() | st.none(),
        preliminary=st.booleans(),
        callProviderMetadata=st.none() | _metadata,
        resultProviderMetadata=st.none() | _metadata,
        approval=st.none() | _approval,
    )


_ui_text = _typed("text", {"text": _words}, state=st.just("done"), **_shown)
_ui_file = _typed(
    "file",
    {"mediaType": _media, "url": _urls},
    filename=_words,
    providerReference=st.none() | st.dictionaries(_keys, _words, max_size=2),
    **_shown,
)
ui_parts: Final[Values] = st.one_of(
    _ui_text,
    _ui_file,
    _typed("reasoning", {"text": _words}, id=_words, **_shown),
    _typed("reasoning-file", {"mediaType": _media, "url": _urls}, **_shown),
    _typed("custom", {"kind": st.just("p.k")}, **_shown),
    _typed("source-url", {"sourceId": _words, "url": _urls}, **_shown),
    _typed("data-weather", {"data": json_values}, id=_words),
    st.just({"type": "step-start"}),
    _typed("steering-message", {"id": _words, "parts": st.lists(_ui_text | _ui_file, max_size=2)}),
    st.just({"type": "not-known-yet", "x": 1}),
    _invocation({"type": st.sampled_from(["tool-weather", "tool-rm", "tool-mcp-x", "tool-"])}),
    _invocation({"type": st.sampled_from(["tool-weather", "tool-rm"])}),
    st.tuples(
        _invocation({"type": st.just("dynamic-tool"), "toolName": _tools}),
        st.sampled_from([{}, {"dynamic": False}, {"dynamic": True}]),
    ).map(lambda both: {**both[0], **both[1]}),
)
ui_messages: Final[Values] = st.lists(
    st.one_of(
        _obj({"role": st.just("assistant"), "parts": st.lists(ui_parts, max_size=6)}, id=_words),
        _obj(
            {"role": st.sampled_from(["user", "system"]), "parts": st.lists(ui_parts, max_size=3)},
            id=_words,
            metadata=json_values,
        ),
    ),
    min_size=1,
    max_size=4,
)

_sent = {"providerOptions": _metadata, "unknown": json_values}
_reference = st.dictionaries(_keys, _words, max_size=2)
_tagged = st.one_of(
    _typed("data", {"data": _words}, extra=_words),
    _typed("url", {"url": _urls}),
    _typed("reference", {"reference": _reference}),
    _typed("text", {"text": _words}),
)
_items = st.one_of(
    _typed("text", {"text": _words}, **_sent),
    _typed("file", {"data": _tagged, "mediaType": _media}, filename=_words, **_sent),
    _typed("file-data", {"data": _words, "mediaType": _media}, filename=_words, **_sent),
    _typed("file-url", {"url": _words}, mediaType=_media, **_sent),
    _typed("file-id", {"fileId": _words | _reference}, **_sent),
    _typed("file-reference", {"providerReference": _reference}, **_sent),
    _typed("image-data", {"data": _words, "mediaType": _media}, **_sent),
    _typed("image-url", {"url": _words}, **_sent),
    _typed("image-file-id", {"fileId": _words | _reference}, **_sent),
    _typed("image-file-reference", {"providerReference": _reference}, **_sent),
    _typed("custom", {}, **_sent),
)
_outputs = st.one_of(
    _typed("text", {"value": _words}, **_sent),
    _typed("json", {"value": json_values}, **_sent),
    _typed("execution-denied", {}, reason=_words, **_sent),
    _typed("error-text", {"value": _words}, **_sent),
    _typed("error-json", {"value": json_values}, **_sent),
    _typed("content", {"value": st.lists(_items, max_size=2)}, **_sent),
)
_named = {"toolCallId": _calls, "toolName": _tools}
_sent_text = _typed("text", {"text": _words}, **_sent)
_file_data = _tagged | _words | _reference
_sent_file = _typed("file", {"data": _file_data, "mediaType": _media}, filename=_words, **_sent)
_answer = _typed("tool-result", {**_named, "output": _outputs}, **_sent)
_request = _typed(
    "tool-approval-request",
    {"approvalId": _approvals, "toolCallId": _calls},
    reason=_words,
    isAutomatic=st.booleans(),
    signature=_words,
    inputSchemaInput=json_values,
)
_response = _typed(
    "tool-approval-response",
    {"approvalId": _approvals, "approved": st.booleans()},
    reason=_words,
    providerExecuted=st.booleans(),
)
_image = _typed("image", {"image": _words | _reference}, mediaType=_media, **_sent)
_spoken = st.one_of(
    _sent_text,
    _sent_file,
    _typed("reasoning", {"text": _words}, **_sent),
    _typed("reasoning", {"text": _words}),
    _typed("reasoning-file", {"data": _tagged | _words, "mediaType": _media}, **_sent),
    _typed("custom", {"kind": _words}, **_sent),
    _typed("tool-call", {**_named, "input": json_values}, providerExecuted=st.booleans(), **_sent),
    _answer,
    _request,
)


def _message(role: str, content: Values) -> Values:
    return _obj({"role": st.just(role), "content": content}, **_sent)


model_message: Final[Values] = st.one_of(
    _message("system", _words),
    _message("user", _words | st.lists(_sent_text | _image | _sent_file, max_size=3)),
    _message("assistant", _words | st.lists(_spoken, max_size=5)),
    _message("assistant", st.lists(_spoken, min_size=1, max_size=5)),
    _message("tool", st.lists(_answer | _response, max_size=3)),
)
model_messages: Final[Values] = st.lists(model_message, min_size=1, max_size=8)


@st.composite
def broken(draw: st.DrawFn, sound: Values) -> Any:
    """A sound value with one or two members or items replaced by any JSON value, or removed."""
    value = json.loads(json.dumps(draw(sound)))
    for _ in range(draw(st.integers(1, 2))):
        value = _broken(draw, value)
    return value


def _broken(draw: st.DrawFn, value: Any) -> Any:
    holder: Any = {"root": value}
    top, key = holder, "root"
    # Down to some place, mostly a deep one: what is broken near the root is refused anyway.
    while isinstance(holder[key], (dict, list)) and holder[key] and draw(st.integers(0, 11)) < 11:
        holder = holder[key]
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        deep = [one for one in keys if isinstance(holder[one], (dict, list)) and holder[one]]
        key = draw(st.sampled_from(deep * 4 + keys))
    if holder is not top and draw(st.booleans()):
        del holder[key]
    else:
        holder[key] = draw(json_values)
    return top["root"]
