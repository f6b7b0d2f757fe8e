"""ChatKit's Python server (`openai-chatkit`) on threadkeep. Needs the extra `chatkit`."""

from threadkeep.adapters.chatkit.attachments import ChatKitAttachmentStore, OpenFile
from threadkeep.adapters.chatkit.collecting import Collected
from threadkeep.adapters.chatkit.errors import CursorNotFoundError, NotFoundError
from threadkeep.adapters.chatkit.placeholders import replace_placeholder_ids
from threadkeep.adapters.chatkit.scopes import Scope, by_tenant, by_user
from threadkeep.adapters.chatkit.store import ChatKitStore, RecordsFeedback

__all__ = [
    "ChatKitAttachmentStore",
    "ChatKitStore",
    "Collected",
    "CursorNotFoundError",
    "NotFoundError",
    "OpenFile",
    "RecordsFeedback",
    "Scope",
    "by_tenant",
    "by_user",
    "replace_placeholder_ids",
]
