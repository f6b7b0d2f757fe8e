"""ff-ai: its conversation store and turn handler on our store, and its own tables, read and moved.

A resource is one of our owners, a thread has the app's own id. The names are ff-ai's in Python
spelling; docs/seeds/ff-ai.md has its samples, and where ours behaves otherwise.
"""

from __future__ import annotations

from threadkeep.adapters.ff_ai.messages import ConversationMessage, from_model_message
from threadkeep.adapters.ff_ai.moving import MoveReport, move
from threadkeep.adapters.ff_ai.prices import Cost, Price, PriceTable, usage_cost
from threadkeep.adapters.ff_ai.store import ConversationStore
from threadkeep.adapters.ff_ai.tables import BadRow, FfAiTables, FfAiThread, History
from threadkeep.adapters.ff_ai.turns import TurnHandler, create_turn_handler
from threadkeep.adapters.ff_ai.ui import to_ui_message, to_ui_messages

__all__ = [
    "BadRow",
    "ConversationMessage",
    "ConversationStore",
    "Cost",
    "FfAiTables",
    "FfAiThread",
    "History",
    "MoveReport",
    "Price",
    "PriceTable",
    "TurnHandler",
    "create_turn_handler",
    "from_model_message",
    "move",
    "to_ui_message",
    "to_ui_messages",
    "usage_cost",
]
