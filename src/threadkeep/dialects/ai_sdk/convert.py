"""UI messages to model messages, as `convertToModelMessages` of npm `ai` 7.0.173 does it.

What an app stores and shows (UI messages) becomes what goes to a model. Lost on the way: ids,
metadata, sources, citations, states, titles, preliminary flags, and data parts unless a converter
is given. The order of keys is the genuine one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from threadkeep.dialects.ai_sdk.urls import href
from threadkeep.values import jsontext
from threadkeep.values.errors import InvalidError
from threadkeep.values.parts import Json

DataConverter = Callable[[Mapping[str, Json]], Json]
"""Gives the text or file part (of a model message) for a data part; None leaves it out."""

_Part = Mapping[str, Json]
_SPOKEN: Final = frozenset({"custom", "text", "reasoning", "reasoning-file", "file"})
_SETTLED: Final = frozenset({"approval-responded", "output-error", "output-denied"})
_GONE: Final = "Tool output omitted because the tool is no longer available."
_DENIED: Final = "Tool call execution denied."


def convert_to_model_messages(
    messages: Sequence[Mapping[str, Json]],
    *,
    ignore_incomplete_tool_calls: bool = False,
    convert_data_part: DataConverter | None = None,
    tools: Mapping[str, object] | None = None,
) -> list[Json]:
    """The model messages of these UI messages, in order.

    System texts are joined. An assistant message is split where a step starts and where a
    steering message stands (that becomes a user message); each piece gives an assistant message,
    and a tool message if it has results of its own. Calls whose input is still streaming are left
    out; so are requests for approval before the last user message, and with
    `ignore_incomplete_tool_calls` all calls that have neither a final answer nor a response to
    their approval. A tool in `tools` may have `to_model_output(tool_call_id, input, output)`,
    which then says what the model sees of a result.

    Values are taken over as they are, not copied. Raises InvalidError for a message without a
    known role or without a list of parts, a part without a type, and a file without a valid URL.
    """
    _check(messages)
    run = _Run(convert_data_part, tools or {})
    last_user = max((i for i, one in enumerate(messages) if one["role"] == "user"), default=-1)
    for index, message in enumerate(messages):
        parts: Sequence[_Part] = message["parts"]
        if ignore_incomplete_tool_calls or last_user > 0:
            parts = [
                part
                for part in parts
                if not _is_tool(part)
                or (
                    (part.get("state") != "approval-requested" or index >= last_user)
                    and (not ignore_incomplete_tool_calls or _is_complete(part))
                )
            ]
        _ROLES[message["role"]](run, parts, f"messages[{index}]")
    return run.out


@dataclass(slots=True)
class _Run:
    """One conversion: its options and what it has made so far."""

    convert_data_part: DataConverter | None
    tools: Mapping[str, object]
    out: list[Json] = field(default_factory=list)

    def system(self, parts: Sequence[_Part], where: str) -> None:
        texts: list[str] = []
        options: dict[str, Json] = {}
        for part in parts:
            if part["type"] == "text":
                text, metadata = part.get("text"), part.get("providerMetadata")
                if not isinstance(text, str):
                    raise InvalidError(f"{where}.parts", "a text part must have a string as text")
                if metadata is not None and not isinstance(metadata, Mapping):
                    raise InvalidError(f"{where}.parts", "providerMetadata must be an object")
                texts.append(text)
                options.update(metadata or {})
        message = {"role": "system", "content": "".join(texts)}
        self.out.append({**message, "providerOptions": options} if options else message)

    def user(self, parts: Sequence[_Part], where: str) -> None:
        content: list[Json] = []
        for part in parts:
            if part["type"] in ("text", "file"):
                content.append(_user_part(part, where))
            elif part["type"].startswith("data-"):
                content.extend(self._data(part))
        self.out.append({"role": "user", "content": content})

    def assistant(self, parts: Sequence[_Part], where: str) -> None:
        block: list[_Part] = []
        for part in parts:
            kind = part["type"]
            if kind in _SPOKEN or _is_tool(part) or kind.startswith("data-"):
                block.append(part)
            elif kind == "step-start":
                self._block(block, where)
                block = []
            elif kind == "steering-message":
                self._block(block, where)
                block = []
                said = _parts(part, where)
                self.out.append(
                    {"role": "user", "content": [_user_part(one, where) for one in said]}
                )
        self._block(block, where)

    def _block(self, block: Sequence[_Part], where: str) -> None:
        content = [made for part in block for made in self._spoken(part, where)]
        if content:
            self.out.append({"role": "assistant", "content": content})
        answers = [made for part in block if _is_tool(part) for made in self._answers(part, where)]
        if answers:
            self.out.append({"role": "tool", "content": answers})

    def _spoken(self, part: _Part, where: str) -> Iterator[Json]:
        """What the assistant message says of a part."""
        kind = part["type"]
        if kind == "text":
            yield _text(part)
        elif kind == "custom":
            yield {**_taken("custom", part, "kind"), **_options(part.get("providerMetadata"))}
        elif kind == "file":
            yield _file(part, where)
        elif kind == "reasoning-file":
            made: dict[str, Json] = {"type": kind, "data": _url(part, where)}
            yield made | _renamed(part, mediaType="mediaType", providerMetadata="providerOptions")
        elif kind == "reasoning":
            yield {"type": kind} | _renamed(part, text="text", providerMetadata="providerOptions")
        elif kind.startswith("data-"):
            yield from self._data(part)
        elif part.get("state") != "input-streaming":
            yield from self._call(part, where)

    def _call(self, part: _Part, where: str) -> Iterator[Json]:
        failed = part.get("state") == "output-error"
        name = _tool_name(part)
        of_call = part.get("callProviderMetadata")
        of_result = part.get("resultProviderMetadata")
        call: dict[str, Json] = {"type": "tool-call", **_renamed(part, toolCallId="toolCallId")}
        call |= name
        if failed and part.get("input") is None:
            call |= _renamed(part, rawInput="input")
        else:
            call |= _renamed(part, input="input")
        call |= _renamed(part, providerExecuted="providerExecuted")
        yield call | _options(of_result if failed and of_call is None else of_call)
        approval = _approval(part, where)
        if approval is not None:
            yield _request(part, approval)
        if part.get("providerExecuted") is True and (
            failed or part.get("state") == "output-available"
        ):
            yield {
                "type": "tool-result",
                **_renamed(part, toolCallId="toolCallId"),
                **name,
                "output": (
                    {"type": "error-json", "value": part.get("errorText")}
                    if failed
                    else self._output(part)
                ),
                **_options(of_call if of_result is None else of_result),
            }

    def _answers(self, part: _Part, where: str) -> Iterator[Json]:
        """What the tool message says of a part; results of providers stand with their calls."""
        approval = _approval(part, where) or {}
        state = part.get("state")
        if approval.get("approved") is not None:
            yield {
                "type": "tool-approval-response",
                **_renamed(approval, id="approvalId", approved="approved", reason="reason"),
                **_renamed(part, providerExecuted="providerExecuted"),
            }
            if state == "approval-responded" and approval["approved"] is False:
                denied = {"type": "execution-denied", **_renamed(approval, reason="reason")}
                yield _result(part, denied)
        if part.get("providerExecuted") is True:
            return
        if state == "output-denied":
            reason = approval.get("reason")
            value = _DENIED if reason is None else reason
            yield _result(part, {"type": "error-text", "value": value})
        elif state == "output-error":
            value = _error_text(part.get("errorText"), where)
            yield _result(part, {"type": "error-text", "value": value})
        elif state == "output-available":
            yield _result(part, self._output(part))

    def _output(self, part: _Part) -> Json:
        name = part.get("toolName") if part["type"] == "dynamic-tool" else _static_name(part)
        tool = self.tools.get(name) if isinstance(name, str) else None
        output = part.get("output")
        if tool is None and part["type"] == "dynamic-tool" and part.get("dynamic") is False:
            return {"type": "text", "value": _GONE}
        own = getattr(tool, "to_model_output", None)
        if own is not None:
            return own(part.get("toolCallId"), part.get("input"), output)
        return {"type": "text" if isinstance(output, str) else "json", "value": output}

    def _data(self, part: _Part) -> Iterator[Json]:
        made = None if self.convert_data_part is None else self.convert_data_part(part)
        if made is not None:
            yield made


_ROLES: Final[Mapping[str, Callable[[_Run, Sequence[_Part], str], None]]] = {
    "system": _Run.system,
    "user": _Run.user,
    "assistant": _Run.assistant,
}


def _check(messages: object) -> None:
    if not isinstance(messages, Sequence) or isinstance(messages, (str, bytes)):
        raise InvalidError("messages", "must be a list")
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if not isinstance(message, Mapping):
            raise InvalidError(where, "must be an object")
        role = message.get("role")
        if not isinstance(role, str) or role not in _ROLES:
            raise InvalidError(f"{where}.role", f"must be one of {', '.join(_ROLES)}")
        _parts(message, where)


def _parts(holder: Mapping[str, Json], where: str) -> Sequence[_Part]:
    """The parts of a message or of a steering message, each an object with a type."""
    parts = holder.get("parts")
    if not isinstance(parts, (list, tuple)):
        raise InvalidError(f"{where}.parts", "must be a list")
    for index, part in enumerate(parts):
        if not isinstance(part, Mapping):
            raise InvalidError(f"{where}.parts[{index}]", "must be an object")
        if not isinstance(part.get("type"), str):
            raise InvalidError(f"{where}.parts[{index}].type", "must be a string")
    return parts


def _is_tool(part: _Part) -> bool:
    kind: str = part["type"]
    return kind == "dynamic-tool" or kind.startswith("tool-")


def _is_complete(part: _Part) -> bool:
    state = part.get("state")
    if state == "output-available":
        return part.get("preliminary") is not True
    return isinstance(state, str) and state in _SETTLED


def _static_name(part: _Part) -> str:
    return str(part["type"]).removeprefix("tool-")


def _tool_name(part: _Part) -> dict[str, Json]:
    if part["type"] == "dynamic-tool":
        return _renamed(part, toolName="toolName")
    return {"toolName": _static_name(part)}


def _approval(part: _Part, where: str) -> Mapping[str, Json] | None:
    approval = part.get("approval")
    if approval is not None and not isinstance(approval, Mapping):
        raise InvalidError(f"{where}.parts", "approval must be an object")
    return approval


def _request(part: _Part, approval: Mapping[str, Json]) -> Json:
    request: dict[str, Json] = {
        "type": "tool-approval-request",
        **_renamed(approval, id="approvalId"),
        **_renamed(part, toolCallId="toolCallId"),
        **_renamed(approval, isAutomatic="isAutomatic"),
    }
    if approval.get("requestReason") is not None:
        request["reason"] = approval["requestReason"]
    request |= _renamed(approval, inputSchemaInput="inputSchemaInput")
    if approval.get("signature") is not None:
        request["signature"] = approval["signature"]
    return request


def _result(part: _Part, output: Json) -> Json:
    return {
        "type": "tool-result",
        **_renamed(part, toolCallId="toolCallId"),
        **_tool_name(part),
        "output": output,
        **_options(part.get("callProviderMetadata")),
    }


def _error_text(error: Json, where: str) -> str:
    if error is None:
        return "unknown error"
    return error if isinstance(error, str) else jsontext.encode(error, field=f"{where}.errorText")


def _user_part(part: _Part, where: str) -> Json:
    return _text(part) if part["type"] == "text" else _file(part, where)


def _text(part: _Part) -> Json:
    return {**_taken("text", part, "text"), **_options(part.get("providerMetadata"))}


def _file(part: _Part, where: str) -> Json:
    reference = part.get("providerReference")
    return {
        **_taken("file", part, "mediaType", "filename"),
        "data": (
            _url(part, where)
            if reference is None
            else {"type": "reference", "reference": reference}
        ),
        **_options(part.get("providerMetadata")),
    }


def _url(part: _Part, where: str) -> Json:
    url = part.get("url")
    if not isinstance(url, str):
        raise InvalidError(f"{where}.parts", "a file must have a string as url")
    return {"type": "url", "url": href(url, field=f"{where}.parts")}


def _options(metadata: Json) -> dict[str, Json]:
    return {} if metadata is None else {"providerOptions": metadata}


def _taken(kind: str, part: _Part, *keys: str) -> dict[str, Json]:
    return {"type": kind, **{key: part[key] for key in keys if key in part}}


def _renamed(holder: Mapping[str, Json], **names: str) -> dict[str, Json]:
    """These members of `holder` under their new names; what it has not stays absent."""
    return {new: holder[old] for old, new in names.items() if old in holder}
