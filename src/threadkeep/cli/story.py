"""The conversation of the demo, each message as the text that is stored."""

from __future__ import annotations

from typing import Final

from threadkeep.values import jsontext
from threadkeep.values.parts import Json, ReasoningPart, TextPart, ToolCallPart, ToolResultPart
from threadkeep.values.wire import part_to_json

OWNER: Final = "demo"
STRANGER: Final = "demo-stranger"
TITLE: Final = "A day in Lisbon"

FORECAST: Final = (
    r'{"id":"forecast","role":"tool","parts":[{"type":"tool_result","call_id":"w1",'
    r'"output":{"celsius":24.50,"station":1234567890123456789012345678901234567890,'
    r'"sky":"a NUL \u0000, half a pair \ud83d","sky":"a key twice"}}],"huge":1e400}'
)
"""What most stores refuse or change."""


def _text(id: str, role: str, *parts: TextPart | ReasoningPart | ToolCallPart) -> str:
    return jsontext.encode({"id": id, "role": role, "parts": [part_to_json(p) for p in parts]})


def _result(id: str, call_id: str, output: Json) -> str:
    part = part_to_json(ToolResultPart(call_id, output))
    return jsontext.encode({"id": id, "role": "tool", "parts": [part]})


FIRST: Final = (
    _text("weather", "user", TextPart("Will it rain in Lisbon tomorrow?")),
    _text(
        "look-up",
        "assistant",
        ReasoningPart("Only a forecast can tell."),
        ToolCallPart("w1", "forecast", {"city": "Lisbon"}),
    ),
    FORECAST,
    _text("dry", "assistant", TextPart("No: it stays dry, with 24.5 degrees.")),
)
ASKED: Final = (
    _text("eat", "user", TextPart("Where do I eat?")),
    _text("tavern", "assistant", TextPart("In a tavern in Alfama.")),
)
EDITED_UNDER: Final = "dry"
EDITED: Final = (
    _text("eat-by-the-river", "user", TextPart("Where do I eat by the river?")),
    _text("search", "assistant", ToolCallPart("s1", "search", {"near": "Tejo", "open": True})),
    _result("found", "s1", [{"name": "Ponto Final", "seats": 4}]),
    _text("table", "assistant", TextPart("At Ponto Final: four seats are free.")),
)

CUT_QUESTION: Final = _text("way", "user", TextPart("How do I get to the river?"))
CUT_ANSWER: Final = "Take the ferry from Cais do"
"""The answer that its process does not live to finish."""
CUT_IDS: Final = ("way", "ferry")
NEXT: Final = (
    _text("again", "user", TextPart("Go on?")),
    _text("sodre", "assistant", TextPart("From Cais do Sodré, to Cacilhas.")),
)
