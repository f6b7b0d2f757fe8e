"""The shapes of answers, for the OpenAPI document: what `texts` writes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, WithJsonSchema

from threadkeep.values.feedback import Kind
from threadkeep.values.message import Role, Status
from threadkeep.values.span import SpanType
from threadkeep.values.thread import Access, ThreadStatus

Object = dict[str, Any]
Anything = Annotated[Any, WithJsonSchema({"description": "Any JSON value, as it was stored."})]


class ThreadShape(BaseModel):
    """A thread. `messages` is how many it has, `payload` the thread object of its format."""

    id: str
    owner: str
    user: str | None
    title: str | None
    status: ThreadStatus
    access: Access
    access_reason: str | None
    metadata: Object | None
    external_id: str | None
    head: str | None
    turns: int
    messages: int
    revision: int
    created_at: datetime
    updated_at: datetime
    active_at: datetime
    format: str | None
    payload: Anything


class MessageShape(BaseModel):
    """A message. `payload` is the native item of its `format`, byte for byte as it was stored."""

    id: str
    parent: str | None
    seq: int
    turn: int
    role: Role
    format: str
    created_at: datetime
    status: Status
    metadata: Object | None
    session: str | None
    run: str | None
    tokens: int | None
    updated_at: datetime | None
    payload: Anything


class PageShape(BaseModel):
    """A page: each cursor is null where nothing follows in its direction."""

    next_cursor: str | None
    previous_cursor: str | None
    has_more: bool


class ThreadPage(PageShape):
    """Threads. `truncated`: a filter has ended this page early, and there may be more."""

    threads: list[ThreadShape]
    truncated: bool


class LossShape(BaseModel):
    """What the dialect could not say of a message."""

    message: str | None
    part: int | None
    what: str
    name: str | None


class RepairShape(BaseModel):
    """What was set right for the provider."""

    message: str | None
    what: str
    call_id: str | None


class MessagePage(PageShape):
    """Messages, or with `dialect` its items: then `sources` has the ids behind each of them."""

    messages: list[MessageShape | Anything]
    sources: list[list[str | None]] | None = None
    losses: list[LossShape] | None = None
    system: str | None = None


class WindowShape(BaseModel):
    """What a model gets, oldest first."""

    messages: list[MessageShape | Anything]
    truncated: bool
    tokens: int
    sources: list[list[str | None]] | None = None
    losses: list[LossShape] | None = None
    repairs: list[RepairShape] | None = None
    system: str | None = None


class StoredMessages(BaseModel):
    """Messages as they are stored."""

    messages: list[MessageShape]


class HistoryEntry(BaseModel):
    """A message of the tree. `id`, `format` and `createdAt` come without a dialect only."""

    id: str | None = None
    parentId: str | None  # noqa: N815  the seed's own
    format: str | None = None
    createdAt: datetime | None = None  # noqa: N815
    message: Anything
    runConfig: Object | None = None  # noqa: N815


class HistoryShape(BaseModel):
    """All branches of a thread, each message after its parent; `headId` is the leaf to show."""

    headId: str | None  # noqa: N815  the seed's own
    messages: list[HistoryEntry]
    losses: list[LossShape] | None = None


class HistoryStored(BaseModel):
    """Where a message of the history stands."""

    id: str
    parentId: str | None  # noqa: N815  the seed's own
    format: str
    createdAt: datetime  # noqa: N815


class Deleted(BaseModel):
    """It is gone."""

    status: Literal["deleted"]


class ToolUseShape(BaseModel):
    """A tool call with what came of it. `latency` is in seconds."""

    id: str
    name: str
    input: Any
    output: Any
    content: list[Any] | None
    is_error: bool | None
    denied: bool
    pending: bool
    failed: bool | None
    provider_executed: bool | None
    call_message_id: str | None
    result_message_id: str | None
    called_at: datetime | None
    answered_at: datetime | None
    latency: float | None


class ToolUses(BaseModel):
    """The tool calls of a thread."""

    tool_calls: list[ToolUseShape]


class FeedbackShape(BaseModel):
    """What a user thinks of a message."""

    thread: str
    message: str
    user: str | None
    kind: Kind
    comment: str | None
    created_at: datetime
    updated_at: datetime


class FeedbackPage(PageShape):
    """What users think of a thread's messages."""

    feedback: list[FeedbackShape]


class SessionShape(BaseModel):
    """A session. `state` is as its SDK stored it."""

    id: str
    thread: str | None
    user: str | None
    sdk_version: str | None
    metadata: Object | None
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    expires_at: datetime | None
    state: Anything


class SessionPage(PageShape):
    """Sessions."""

    sessions: list[SessionShape]


class UsageShape(BaseModel):
    """What something used; null is not known. `cost` is a decimal number as text, to be exact."""

    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None
    cost: str | None


class RunShape(BaseModel):
    """One generation in a thread."""

    id: str
    thread: str
    status: Status
    started_at: datetime
    ended_at: datetime | None
    lease_until: datetime
    exclusive: bool
    usage: UsageShape


class RunPage(PageShape):
    """The runs of a thread."""

    runs: list[RunShape]


class SpanShape(BaseModel):
    """One step of what an agent did. `depth` comes in trees only."""

    id: str
    name: str
    type: SpanType
    status: Status
    parent: str | None
    thread: str | None
    user: str | None
    run: str | None
    started_at: datetime
    ended_at: datetime | None
    duration_ms: float | None
    error: str | None
    usage: UsageShape
    metadata: Object | None
    depth: int | None = None
    input: Anything
    output: Anything


class SpanPage(PageShape):
    """Spans. `truncated`: a filter has ended this page early, and there may be more."""

    spans: list[SpanShape]
    truncated: bool


class SpanTree(BaseModel):
    """A span and all below it, each right after its parent or what is below earlier siblings."""

    spans: list[SpanShape]


class TotalShape(BaseModel):
    """What `count` runs or spans used together, that have `key` in common."""

    key: str | None
    count: int
    usage: UsageShape


class Totals(BaseModel):
    """Sums of usage, by key."""

    totals: list[TotalShape]


class ImportedShape(BaseModel):
    """The thread that was made, and which id the document's thread has here."""

    thread: ThreadShape
    ids: dict[str, str]


class ExportedThread(BaseModel):
    """A thread as a document. What it holds is explained in docs/export.md."""

    format: Literal["threadkeep-export"]
    version: int
    thread: ThreadShape | Object
    messages: list[Object]
    head: str | None


class AttachmentShape(BaseModel):
    """What is known of a file. `url` is where its bytes are to be had, for some minutes."""

    id: str
    owner: str
    user: str | None
    thread: str | None
    name: str
    media_type: str
    size: Annotated[int, Field(ge=0)] | None
    metadata: Object | None
    created_at: datetime
    updated_at: datetime
    stored_at: datetime | None
    url: str | None
    format: str | None
    payload: Anything


class AttachmentPage(PageShape):
    """Attachments."""

    attachments: list[AttachmentShape]


class DialectShape(BaseModel):
    """A message format. `losses` has what it cannot say: codes, each with a sentence."""

    name: str
    also: list[str]
    losses: dict[str, str]


class Dialects(BaseModel):
    """The message formats that are known here."""

    dialects: list[DialectShape]


class OwnerShape(BaseModel):
    """An owner, how many threads it has, and when one of them was active last."""

    id: str
    threads: int
    active_at: datetime


class OwnerPage(PageShape):
    """Owners, by id."""

    owners: list[OwnerShape]


class Me(BaseModel):
    """Who calls."""

    kind: Literal["open", "jwt", "key", "anonymous"]
    owner: str
    user: str | None
    scopes: list[str]
