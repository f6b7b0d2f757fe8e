"""One conversation over HTTP, by the calls that the page makes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import httpx

QUESTION: Final = "What is the weather in Lisbon?"
_FORMAT: Final = "aui/v0"
_NOW: Final = "2026-01-01T00:00:00.000Z"


class UnansweredError(Exception):
    """The model had no answer."""


class Visitor:
    """Somebody whom the server has never seen, with a token of its own."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=60, trust_env=False)

    def __enter__(self) -> Self:
        made = self._http.post("/v1/auth/tokens/anonymous").raise_for_status().json()
        self._http.headers["Authorization"] = f"Bearer {made['access_token']}"
        return self

    def __exit__(self, *ended: object) -> None:
        self._http.close()

    def threads(self) -> list[Mapping[str, Any]]:
        """The visitor's threads."""
        found: list[Mapping[str, Any]] = self._get("/v1/threads")["threads"]
        return found

    def messages(self, thread_id: str) -> list[Mapping[str, Any]]:
        """What is stored of a thread, oldest first, each as its text in JSON with its ids."""
        rows = self._get(f"/v1/threads/{thread_id}/messages")["messages"]
        return [*reversed(rows)]

    def talk(self, question: str = QUESTION) -> tuple[str, list[Mapping[str, Any]]]:
        """Ask the model in a new thread; the thread's id, and the two messages stored there."""
        thread: str = self._post("/v1/threads", {"last_message_at": _NOW})["thread_id"]
        asked = _message("user", [{"type": "text", "text": question}])
        parent = self._append(thread, None, asked)
        status = {"type": "complete", "reason": "stop"}
        answer = _message("assistant", self._answer(question)) | {"status": status}
        self._append(thread, parent, answer)
        return thread, [asked, answer]

    def _append(self, thread_id: str, parent_id: str | None, message: Mapping[str, Any]) -> str:
        body = {"parent_id": parent_id, "format": _FORMAT, "content": message}
        stored: str = self._post(f"/v1/threads/{thread_id}/messages", body)["message_id"]
        return stored

    def _answer(self, question: str) -> list[dict[str, Any]]:
        """The model's answer as the parts of a message."""
        parts: list[dict[str, Any]] = []
        said = {"messages": [{"role": "user", "text": question}]}
        with self._http.stream("POST", "/model", json=said) as answer:
            answer.raise_for_status()
            for line in answer.iter_lines():
                _add(parts, json.loads(line))
        return parts

    def _get(self, path: str) -> Any:
        return self._http.get(path).raise_for_status().json()

    def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._http.post(path, json=body).raise_for_status().json()


def _message(role: str, content: Sequence[Any]) -> dict[str, Any]:
    return {"role": role, "content": content, "metadata": {"custom": {}}}


def _add(parts: list[dict[str, Any]], event: Mapping[str, Any]) -> None:
    match event["type"]:
        case "reasoning" | "text" as kind:
            if parts and parts[-1]["type"] == kind:
                parts[-1]["text"] += event["text"]
            else:
                parts.append({"type": kind, "text": event["text"]})
        case "tool_call":
            called = {"toolCallId": event["id"], "toolName": event["name"]}
            parts.append({"type": "tool-call", **called, "args": json.loads(event["arguments"])})
        case "tool_result":
            [call] = [part for part in parts if part.get("toolCallId") == event["id"]]
            call["result"] = json.loads(event["output"])
        case "error":
            raise UnansweredError(event["message"])


def lines_of(messages: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The role and what a person would read of each part."""
    lines: list[tuple[str, str]] = []
    for message in messages:
        content = message["content"]
        for part in content["content"]:
            text = part.get("text") or f"{part.get('toolName')} {json.dumps(part.get('args'))}"
            lines.append((content["role"], text))
    return lines
