"""The Vercel AI SDK's formats, and its toolbox in Python."""

from __future__ import annotations

from threadkeep.dialects.ai_sdk import sse
from threadkeep.dialects.ai_sdk.convert import convert_to_model_messages
from threadkeep.dialects.ai_sdk.model_schema import (
    check_model_message,
    safe_check_model_message,
)
from threadkeep.dialects.ai_sdk.partial_json import PartialJson, parse_partial_json
from threadkeep.dialects.ai_sdk.prune import prune_messages
from threadkeep.dialects.ai_sdk.stream import Folded, Folding, fold
from threadkeep.dialects.ai_sdk.validate import (
    Tool,
    Validation,
    safe_validate_ui_messages,
    validate_ui_messages,
)

__all__ = [
    "Folded",
    "Folding",
    "PartialJson",
    "Tool",
    "Validation",
    "check_model_message",
    "convert_to_model_messages",
    "fold",
    "parse_partial_json",
    "prune_messages",
    "safe_check_model_message",
    "safe_validate_ui_messages",
    "sse",
    "validate_ui_messages",
]
