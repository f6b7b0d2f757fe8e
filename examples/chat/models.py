"""What answers: a script that needs nothing, or any endpoint that speaks OpenAI's protocol."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

import httpx
from pydantic import BaseModel, Field

Event = dict[str, Any]
"""One line of an answer; `src/model.ts` has the type."""

_PACE: Final = 0.03
_TIMEOUT: Final = httpx.Timeout(30, read=300)
_DONE: Final = "[DONE]"


class Said(BaseModel):
    """One message of the conversation, as the page tells it."""

    role: Literal["system", "user", "assistant"]
    text: str
    files: list[str] = []

    @property
    def told(self) -> str:
        """The text, with the names of the files."""
        return "\n".join([self.text, *(f"[attached: {name}]" for name in self.files)]).strip()


class Question(BaseModel):
    """What POST /model takes."""

    messages: list[Said] = Field(min_length=1, max_length=2000)


class Model(Protocol):
    """Answers a conversation in events, the last of which is `end` or `error`."""

    @property
    def name(self) -> str:
        """What the page shows."""
        ...

    def answer(self, messages: Sequence[Said]) -> AsyncGenerator[Event]:
        """The events of one answer. Closing the iterator ends the work."""
        ...


def chosen(environ: Mapping[str, str] = os.environ) -> Model:
    """The endpoint that the environment names, else the script.

    OPENAI_API_KEY or OPENAI_BASE_URL chooses the endpoint, OPENAI_MODEL its model.
    """
    key, base = environ.get("OPENAI_API_KEY", ""), environ.get("OPENAI_BASE_URL", "")
    if not key and not base:
        return Scripted()
    url = (base or "https://api.openai.com/v1").rstrip("/")
    return Endpoint(environ.get("OPENAI_MODEL") or "gpt-5-mini", url, key)


# --- the script ---------------------------------------------------------------------------------

_STORY: Final = (
    "A ship left Lisbon with one letter on board.\n",
    "In the bay the wind turned it around three times.\n",
    "The letter came home first, and nobody had lost a word of it.\n",
)
_ABILITIES: Final = (
    "I am a script: I repeat what you say, tell a story when you ask for one, count until you "
    "press Stop, and look up the weather when you name it. Edit a question, ask for another "
    "answer, attach a file, reload the page or restart the server: all of it is kept."
)
_COUNTED: Final = 2000
_WAYS: Final = ("You said: {}", "What I read is: {}", "In your words: {}")
_PLACE: Final = re.compile(r"\bin ([A-Z][\w'-]*(?: [A-Z][\w'-]*)*)")


@dataclass(slots=True)
class Scripted:
    """Answers without a model: the same sequence of questions gives the same answers."""

    name: str = "scripted model"
    pace: float = _PACE
    _count: itertools.count[int] = field(default_factory=itertools.count)

    async def answer(self, messages: Sequence[Said]) -> AsyncGenerator[Event]:
        """Reasoning, a tool call where one is due, and the text in several pieces."""
        asked = messages[-1]
        texts = [*self._texts(asked, next(self._count))]
        yield {"type": "reasoning", "text": f"This is message {len(messages)} of the chat. "}
        yield {"type": "reasoning", "text": "The script says what to answer."}
        if "weather" in asked.text.lower():
            for event in _weather(_place(asked.text), f"call_{len(messages)}"):
                await asyncio.sleep(self.pace)
                yield event
        for text in texts:
            await asyncio.sleep(self.pace)
            yield {"type": "text", "text": text}
        read = sum(len(message.told) for message in messages) // 4
        written = sum(map(len, texts)) // 4
        yield _end(self.name, {"inputTokens": read, "outputTokens": written})

    def _texts(self, asked: Said, turn: int) -> list[str]:
        text = asked.text.lower()
        if "weather" in text:
            whole = f"In {_place(asked.text)} it stays clear, with 24 degrees."
        elif "story" in text:
            whole = "".join(_STORY)
        elif "count" in text:
            whole = " ".join(map(str, range(1, _COUNTED + 1)))
        elif "what can you do" in text:
            whole = _ABILITIES
        else:
            whole = _WAYS[turn % len(_WAYS)].format(asked.told)
        return re.findall(r"\S*\s*", whole)[:-1]


def _place(text: str) -> str:
    found = _PLACE.search(text)
    return found[1] if found else "Lisbon"


def _weather(place: str, call: str) -> list[Event]:
    # Members in an order of their own: what sorts them on the way is found out.
    asked = {"unit": "celsius", "city": place, "days": 2}
    found = {"sky": "clear", "highs": [24, 25], "city": place}
    return [
        {
            "type": "tool_call",
            "id": call,
            "name": "weather",
            "arguments": json.dumps(asked, ensure_ascii=False, separators=(",", ":")),
        },
        {"type": "tool_result", "id": call, "output": json.dumps(found, ensure_ascii=False)},
    ]


def _end(model: str, usage: Mapping[str, int] | None) -> Event:
    return {"type": "end", "model": model, "usage": usage}


# --- an endpoint --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint that speaks OpenAI's chat completions, called with a key where there is one."""

    name: str
    url: str
    key: str = field(repr=False)
    transport: httpx.AsyncBaseTransport | None = None

    async def answer(self, messages: Sequence[Said]) -> AsyncGenerator[Event]:
        """What the endpoint streams: reasoning and text. Its refusals are told by their number."""
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        body = {
            "model": self.name,
            "messages": [{"role": said.role, "content": said.told} for said in messages],
            "stream": True,
        }
        usage: Mapping[str, int] | None = None
        try:
            async with (
                httpx.AsyncClient(
                    timeout=_TIMEOUT, headers=headers, transport=self.transport
                ) as client,
                client.stream("POST", f"{self.url}/chat/completions", json=body) as answer,
            ):
                if answer.status_code != httpx.codes.OK:
                    yield _error(f"The model's endpoint answered {answer.status_code}.")
                    return
                async for line in answer.aiter_lines():
                    data = line.removeprefix("data:").strip()
                    if not line.startswith("data:") or data == _DONE:
                        continue
                    chunk = json.loads(data)
                    usage = _used(chunk) or usage
                    for event in _pieces(chunk):
                        yield event
        except (httpx.HTTPError, ValueError):
            yield _error("The model's endpoint could not be reached, or was not understood.")
            return
        yield _end(self.name, usage)


def _pieces(chunk: Mapping[str, Any]) -> list[Event]:
    delta = next((choice.get("delta") or {} for choice in chunk.get("choices") or ()), {})
    thought = delta.get("reasoning_content") or delta.get("reasoning")
    pieces = [("reasoning", thought), ("text", delta.get("content"))]
    return [{"type": kind, "text": text} for kind, text in pieces if isinstance(text, str) and text]


def _used(chunk: Mapping[str, Any]) -> Mapping[str, int] | None:
    match chunk.get("usage"):
        case {"prompt_tokens": int(read), "completion_tokens": int(written)}:
            return {"inputTokens": read, "outputTokens": written}
        case _:
            return None


def _error(message: str) -> Event:
    return {"type": "error", "message": message}
