"""Model messages checked as `modelMessageSchema` of npm `ai` 7.0.173 does it, on JSON.

In JSON there are neither byte arrays nor URL objects, so that only those alternatives of the
schema are here that JSON can meet.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from threadkeep.dialects.ai_sdk.shapes import (
    Mismatch,
    Optional,
    Shape,
    any_of,
    anything,
    boolean,
    check,
    json,
    list_of,
    literal,
    obj,
    record,
    string,
    tagged,
)
from threadkeep.dialects.ai_sdk.urls import href
from threadkeep.values.errors import InvalidError
from threadkeep.values.parts import Json


def check_model_message(value: Json, *, text_urls: bool = False) -> Json:
    """The message as the genuine schema returns it: without the members that it does not know.

    InvalidError names the place, such as `content[1].output.type`, and the rule. The genuine
    schema wants a URL object in a file's `{type: "url"}`; JSON has none, so there it takes such a
    one only where it passes for a provider's reference. With `text_urls` the text of a URL
    counts as a URL object. The result may share values with the one given.
    """
    return check(_message(text_urls), value)


def safe_check_model_message(
    value: Json, *, text_urls: bool = False
) -> tuple[Json, None] | tuple[None, InvalidError]:
    """The twin of `check_model_message` that raises nothing: the message, or the error."""
    try:
        return check_model_message(value, text_urls=text_urls), None
    except InvalidError as error:
        return None, error


_OPTIONS: Final = {"providerOptions": Optional(record(record(json)))}
_REFERENCE: Final = record(string)
_FILE_ID: Final = any_of("must be a string or an object of strings", string, _REFERENCE)


def _kinds(key: str, members: dict[str, dict[str, Shape | Optional]]) -> Shape:
    """An object of one of these kinds, each with provider options as its last known member."""
    return tagged(
        key,
        {name: obj({key: literal(name), **own, **_OPTIONS}) for name, own in members.items()},
    )


@cache
def _message(text_urls: bool) -> Shape:
    part = _parts(text_urls)

    def said(*kinds: str) -> Shape:
        items = list_of(tagged("type", {kind: part[kind] for kind in kinds}))

        def content(value: Json) -> Json:
            if isinstance(value, str):
                return value
            if not isinstance(value, list):
                raise Mismatch("must be a string or a list")
            return items(value)

        return content

    answers = tagged("type", {kind: part[kind] for kind in ("tool-result", _RESPONSE)})
    spoken = ("text", "custom", "file", "reasoning", "reasoning-file")
    return _kinds(
        "role",
        {
            "system": {"content": string},
            "user": {"content": said("text", "image", "file")},
            "assistant": {"content": said(*spoken, "tool-call", "tool-result", _REQUEST)},
            "tool": {"content": list_of(answers)},
        },
    )


_REQUEST: Final = "tool-approval-request"
_RESPONSE: Final = "tool-approval-response"


def _parts(text_urls: bool) -> dict[str, Shape]:
    bytes_or_url = {"data": obj({"type": literal("data"), "data": string}), "url": _url(text_urls)}
    tagged_data = tagged(
        "type",
        bytes_or_url
        | {
            "reference": obj({"type": literal("reference"), "reference": _REFERENCE}),
            "text": obj({"type": literal("text"), "text": string}),
        },
    )
    rule = "must be a string, a provider's reference, or an object whose type is"
    data = any_of(f"{rule} data, url, reference or text", tagged_data, string, _REFERENCE)
    thought = any_of(
        "must be a string, or an object whose type is data or url",
        tagged("type", bytes_or_url),
        string,
    )
    name, maybe = {"toolCallId": string, "toolName": string}, Optional(string)
    shapes: dict[str, dict[str, Shape | Optional]] = {
        "text": {"text": string},
        "image": {"image": _FILE_ID, "mediaType": maybe},
        "file": {"data": data, "filename": maybe, "mediaType": string},
        "reasoning": {"text": string},
        "custom": {"kind": string},
        "reasoning-file": {"data": thought, "mediaType": string},
        "tool-result": {**name, "output": _output(tagged_data)},
    }
    parts = {kind: obj({"type": literal(kind), **own, **_OPTIONS}) for kind, own in shapes.items()}
    parts["tool-call"] = obj(
        {
            "type": literal("tool-call"),
            **name,
            "input": anything,
            **_OPTIONS,
            "providerExecuted": Optional(boolean),
        }
    )
    parts[_REQUEST] = obj(
        {
            "type": literal(_REQUEST),
            "approvalId": string,
            "toolCallId": string,
            "reason": maybe,
            "isAutomatic": Optional(boolean),
            "signature": maybe,
            "inputSchemaInput": Optional(anything),
        }
    )
    parts[_RESPONSE] = obj(
        {
            "type": literal(_RESPONSE),
            "approvalId": string,
            "approved": boolean,
            "reason": maybe,
        }
    )
    return parts


def _url(text_urls: bool) -> Shape:
    def address(value: Json) -> Json:
        if not text_urls:
            raise Mismatch("must be a URL object, which JSON cannot hold")
        if not isinstance(value, str):
            raise Mismatch("must be a string")
        try:
            href(value)
        except InvalidError as error:
            raise Mismatch(error.rule) from None
        return value

    return obj({"type": literal("url"), "url": address})


def _output(tagged_data: Shape) -> Shape:
    maybe = Optional(string)
    items = _kinds(
        "type",
        {
            "text": {"text": string},
            "file": {"data": tagged_data, "mediaType": string, "filename": maybe},
            "file-data": {"data": string, "mediaType": string, "filename": maybe},
            "file-url": {"url": string, "mediaType": maybe},
            "file-id": {"fileId": _FILE_ID},
            "file-reference": {"providerReference": _REFERENCE},
            "image-data": {"data": string, "mediaType": string},
            "image-url": {"url": string},
            "image-file-id": {"fileId": _FILE_ID},
            "image-file-reference": {"providerReference": _REFERENCE},
            "custom": {},
        },
    )
    shapes: dict[str, dict[str, Shape | Optional]] = {
        "text": {"value": string, **_OPTIONS},
        "json": {"value": json, **_OPTIONS},
        "execution-denied": {"reason": maybe, **_OPTIONS},
        "error-text": {"value": string, **_OPTIONS},
        "error-json": {"value": json, **_OPTIONS},
        "content": {"value": list_of(items)},
    }
    return tagged(
        "type", {kind: obj({"type": literal(kind), **own}) for kind, own in shapes.items()}
    )
