"""ChatKit's own names. Its package warns of classes that it defines and uses itself: not here."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from chatkit.store import AttachmentStore, Store, StoreItemType, TContext
    from chatkit.store import NotFoundError as SdkNotFoundError
    from chatkit.types import (
        AssistantMessageItem,
        Attachment,
        AttachmentCreateParams,
        AttachmentUploadDescriptor,
        ClientToolCallItem,
        FeedbackKind,
        FileAttachment,
        ImageAttachment,
        Page,
        StructuredInputItem,
        ThreadItem,
        ThreadItemAddedEvent,
        ThreadItemDoneEvent,
        ThreadItemRemovedEvent,
        ThreadItemReplacedEvent,
        ThreadItemUpdatedEvent,
        ThreadMetadata,
        ThreadStreamEvent,
        UserMessageItem,
        WidgetItem,
        WorkflowItem,
    )
    from chatkit.widgets import DynamicWidgetRoot

__all__ = [
    "AssistantMessageItem",
    "Attachment",
    "AttachmentCreateParams",
    "AttachmentStore",
    "AttachmentUploadDescriptor",
    "ClientToolCallItem",
    "DynamicWidgetRoot",
    "FeedbackKind",
    "FileAttachment",
    "ImageAttachment",
    "Page",
    "SdkNotFoundError",
    "Store",
    "StoreItemType",
    "StructuredInputItem",
    "TContext",
    "ThreadItem",
    "ThreadItemAddedEvent",
    "ThreadItemDoneEvent",
    "ThreadItemRemovedEvent",
    "ThreadItemReplacedEvent",
    "ThreadItemUpdatedEvent",
    "ThreadMetadata",
    "ThreadStreamEvent",
    "UserMessageItem",
    "WidgetItem",
    "WorkflowItem",
]
