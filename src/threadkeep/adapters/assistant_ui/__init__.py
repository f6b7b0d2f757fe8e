"""The interfaces of assistant-ui on the store: thread history, its rows, and the list of threads.

Seed 000, as the interfaces are in `@assistant-ui/core` 0.3.20. What goes in and comes out is what
the JavaScript side has as JSON, with its member names; methods are in Python spelling.
"""

from __future__ import annotations

from threadkeep.adapters.assistant_ui.history import ThreadHistory
from threadkeep.adapters.assistant_ui.rows import FormatHistory, MessageFormat
from threadkeep.adapters.assistant_ui.threads import MakeTitle, ThreadList

__all__ = ["FormatHistory", "MakeTitle", "MessageFormat", "ThreadHistory", "ThreadList"]
