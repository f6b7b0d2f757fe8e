"""ChatKitAttachmentStore: the bytes of attachments, uploaded in two phases or directly."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from urllib.parse import quote

from pydantic import AnyUrl, ValidationError

from threadkeep.adapters.chatkit import collecting, reading, saving, texts
from threadkeep.adapters.chatkit.collecting import Collected
from threadkeep.adapters.chatkit.errors import NotFoundError
from threadkeep.adapters.chatkit.grants import Signer
from threadkeep.adapters.chatkit.ids import is_id, wide_id
from threadkeep.adapters.chatkit.scopes import Scope
from threadkeep.adapters.chatkit.sdk import (
    Attachment,
    AttachmentCreateParams,
    AttachmentStore,
    AttachmentUploadDescriptor,
    FileAttachment,
    ImageAttachment,
    TContext,
)
from threadkeep.adapters.chatkit.shielding import WRITE_TIMEOUT, carry_out
from threadkeep.adapters.chatkit.store import ChatKitStore
from threadkeep.adapters.files.base import ByteStore, bytes_of
from threadkeep.values import attachment as stored
from threadkeep.values import errors
from threadkeep.values.errors import ConflictError, InvalidError
from threadkeep.values.ids import check_id

Url = str | Callable[[str, str], str]
Bytes = bytes | bytearray | memoryview | AsyncIterable[bytes]

MOST_BYTES: Final = 100 * 1024 * 1024
MOST_NAME: Final = 255

_WORD: Final = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*"
_MEDIA_TYPE: Final = re.compile(f"{_WORD}/{_WORD}")


@dataclass(frozen=True, slots=True)
class OpenFile:
    """The bytes of an attachment, and what is said of them; both come from a user."""

    attachment: Attachment
    chunks: AsyncIterator[bytes]

    @property
    def headers(self) -> dict[str, str]:
        """Headers to serve the bytes with, so that no browser runs what a user has uploaded."""
        media_type = self.attachment.mime_type
        if not _MEDIA_TYPE.fullmatch(media_type):
            media_type = "application/octet-stream"
        name = quote(self.attachment.name.encode(errors="replace"), safe="")
        return {
            "content-type": media_type,
            "content-disposition": f"attachment; filename*=UTF-8''{name}",
            "x-content-type-options": "nosniff",
            "content-security-policy": "sandbox",
        }


class ChatKitAttachmentStore(AttachmentStore[TContext]):
    """The bytes of attachments, for `ChatKitServer(store=..., attachment_store=...)`.

    What is known of them stands in `store`, whose scope decides who is asking: the bytes of others
    are unknown. `upload_url` and `preview_url` are routes of the app, as templates with `{id}` and
    `{token}` or functions of both; the tokens are signed with `secret`, which all workers share,
    and good for `upload_seconds` and `preview_seconds`. Without `upload_url` there are direct
    uploads only, and without `preview_url` images are files. `media_types` are those allowed, as
    `image/png` or `image/*`; None allows all. Nothing here looks into the bytes.
    """

    def __init__(
        self,
        byte_store: ByteStore,
        store: ChatKitStore[TContext],
        *,
        upload_url: Url | None = None,
        preview_url: Url | None = None,
        secret: str | bytes | None = None,
        upload_method: Literal["PUT", "POST"] = "PUT",
        upload_headers: Mapping[str, str] | None = None,
        upload_seconds: float = 900.0,
        preview_seconds: float = 3600.0,
        most_bytes: int = MOST_BYTES,
        media_types: Collection[str] | None = None,
        write_timeout: float = WRITE_TIMEOUT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if secret is None and (upload_url is not None or preview_url is not None):
            raise InvalidError("secret", "must be given together with upload_url or preview_url")
        self._bytes = byte_store
        self._store = store
        self._upload_url = upload_url
        self._preview_url = preview_url
        self._signer = None if secret is None else Signer(secret, clock)
        self._method: Literal["PUT", "POST"] = upload_method
        self._headers = dict(upload_headers or {})
        self._upload_seconds = upload_seconds
        self._preview_seconds = preview_seconds
        self._most = most_bytes
        self._media_types = None if media_types is None else frozenset(media_types)
        self._write_timeout = write_timeout
        self._clock = clock

    def generate_attachment_id(self, mime_type: str, context: TContext) -> str:  # noqa: ARG002
        return wide_id("attachment")

    # --- what ChatKit calls ---------------------------------------------------------------------

    async def create_attachment(
        self, input: AttachmentCreateParams, context: TContext
    ) -> Attachment:
        """Announce an attachment and say where its bytes go; the server saves what this returns.

        InvalidError where the size or the media type is not allowed.
        """
        if self._upload_url is None:
            return await super().create_attachment(input, context)
        scope = self._store.scope_of(context)
        if not 0 <= input.size <= self._most:
            raise InvalidError("size", f"must be 0 to {self._most}")
        attachment = self._made(input.name, input.mime_type, input.size, scope, context)
        token = self._required().token("put", scope, attachment.id, self._upload_seconds)
        attachment.upload_descriptor = AttachmentUploadDescriptor(
            url=_url("upload_url", self._upload_url, attachment.id, token),
            method=self._method,
            headers=dict(self._headers),
        )
        return attachment

    async def delete_attachment(self, attachment_id: str, context: TContext) -> None:
        """Delete the bytes; silent. What is known of them is the store's to delete."""
        scope = self._store.scope_of(context)
        if is_id(attachment_id):
            gone = self._bytes.delete(collecting.key_of(scope, attachment_id))
            await carry_out(gone, self._write_timeout)

    # --- what the app's routes call -------------------------------------------------------------

    async def put(self, attachment_id: str, stream: Bytes, context: TContext) -> Attachment:
        """Take the bytes of an announced attachment: the second phase.

        They may be sent again until a message has the attachment; then ConflictError (`exists`).
        InvalidError where they are not as many as announced, and nothing is stored. NotFoundError
        where the attachment is unknown.
        """
        return await self._put(self._store.scope_of(context), attachment_id, stream)

    async def put_signed(self, token: str, stream: Bytes) -> Attachment:
        """`put` for whoever holds the token of an upload URL; ForbiddenError for a bad one."""
        grant = self._required().read(token, "put")
        return await self._put(grant.scope, grant.attachment_id, stream)

    async def upload(
        self, name: str, media_type: str, stream: Bytes, context: TContext
    ) -> Attachment:
        """Store an attachment with its bytes at once: the direct way.

        The app's endpoint answers with it as JSON: `model_dump_json(context={"exclude_metadata":
        True})`. InvalidError where the bytes are too many or the media type is not allowed.
        """
        scope = self._store.scope_of(context)
        attachment = self._made(name, media_type, None, scope, context)
        key = collecting.key_of(scope, attachment.id)
        size = await self._bytes.put(key, self._limited(stream, None))
        attachment.metadata = {"size": size}
        await self._stored(scope, attachment, size)
        return attachment

    async def open(self, attachment_id: str, context: TContext) -> OpenFile:
        """The bytes of an attachment. NotFoundError if it is unknown, or has none yet."""
        return await self._open(self._store.scope_of(context), attachment_id)

    async def open_signed(self, token: str) -> OpenFile:
        """`open` for whoever holds the token of a preview URL; ForbiddenError for a bad one."""
        grant = self._required().read(token, "get")
        return await self._open(grant.scope, grant.attachment_id)

    async def renew_preview(self, attachment: Attachment, context: TContext) -> Attachment:
        """The attachment with a preview URL that is good from now: for `on_load_attachment`."""
        if self._preview_url is None or not isinstance(attachment, ImageAttachment):
            return attachment
        url = self._preview(self._store.scope_of(context), attachment.id)
        return attachment.model_copy(update={"preview_url": url})

    async def collect(self, older_than: timedelta, context: TContext | None = None) -> Collected:
        """Delete what nobody needs any more and is older than this, of one user or of all.

        That is: attachments that no thread has, with their bytes, and bytes that no attachment has,
        as those of deleted threads. Without a context it goes over all who have bytes here. It may
        be done again and by several processes at once.
        """
        if older_than < timedelta(minutes=1):
            raise InvalidError("older_than", "must be a minute at least: uploads are under way")
        before = datetime.fromtimestamp(self._clock(), UTC) - older_than
        if context is not None:
            scopes = {self._store.scope_of(context)}
        else:
            scopes = await collecting.scopes_in(self._bytes)
        done = Collected()
        for scope in scopes:
            done += await collecting.collect(
                self._bytes, self._store.owner_of(scope), scope, before
            )
        return done

    # --- how it is done -------------------------------------------------------------------------

    def _made(
        self, name: str, media_type: str, size: int | None, scope: Scope, context: TContext
    ) -> Attachment:
        if not 1 <= len(name) <= MOST_NAME:
            raise InvalidError("name", f"must have 1 to {MOST_NAME} characters")
        if not self._allows(media_type):
            raise InvalidError("mime_type", "is not allowed")
        id = check_id("attachment_id", self.generate_attachment_id(media_type, context))
        made: Attachment = FileAttachment(
            id=id,
            name=name,
            mime_type=media_type,
            metadata=None if size is None else {"size": size},
        )
        if media_type.startswith("image/") and self._preview_url is not None:
            made = ImageAttachment(
                **made.model_dump(exclude={"type"}), preview_url=self._preview(scope, id)
            )
        texts.attachment_text(made)  # What cannot be stored is refused before its bytes come.
        return made

    def _allows(self, media_type: str) -> bool:
        allowed = self._media_types
        plain = media_type.partition(";")[0].strip().lower()
        return allowed is None or not allowed.isdisjoint(
            {plain, f"{plain.partition('/')[0]}/*", "*/*"}
        )

    async def _put(self, scope: Scope, attachment_id: str, stream: Bytes) -> Attachment:
        row = await self._row(scope, attachment_id)
        if row.thread_id is not None:
            raise _used(attachment_id)
        key = collecting.key_of(scope, attachment_id)

        async def unless_used() -> AsyncIterator[bytes]:
            async for chunk in self._limited(stream, row.size):
                yield chunk
            # A message may have taken the bytes of before while these came.
            now = await self._row(scope, attachment_id)
            if now.thread_id is not None and now.stored_at is not None:
                raise _used(attachment_id)

        size = await self._bytes.put(key, unless_used())
        try:
            # Read once more: it may have changed while the bytes came.
            attachment = reading.attachment_of(await self._row(scope, attachment_id))
        except NotFoundError:
            await self._bytes.delete(key)
            raise
        attachment.upload_descriptor = None
        await self._stored(scope, attachment, size)
        return attachment

    async def _open(self, scope: Scope, attachment_id: str) -> OpenFile:
        attachment = reading.attachment_of(await self._row(scope, attachment_id))
        try:
            chunks = await self._bytes.open(collecting.key_of(scope, attachment_id))
        except errors.NotFoundError:
            raise NotFoundError("attachment", attachment_id) from None
        return OpenFile(attachment, chunks)

    async def _row(self, scope: Scope, attachment_id: str) -> stored.Attachment:
        if not is_id(attachment_id):
            raise NotFoundError("attachment", attachment_id)
        try:
            return await self._store.owner_of(scope).attachments.get(attachment_id)
        except errors.NotFoundError:
            raise NotFoundError("attachment", attachment_id) from None

    async def _stored(self, scope: Scope, attachment: Attachment, size: int) -> None:
        """Note that the bytes are there."""
        chat = self._store.owner_of(scope)
        text = texts.attachment_text(attachment)
        now = datetime.fromtimestamp(self._clock(), UTC)
        work = saving.save_attachment(chat, attachment, text, size=size, stored_at=now)
        await carry_out(work, self._write_timeout)

    async def _limited(self, stream: Bytes, announced: int | None) -> AsyncIterator[bytes]:
        """The bytes, as long as they are not too many, and in the end as many as announced."""
        most = self._most if announced is None else min(announced, self._most)
        size = 0
        async for chunk in bytes_of(stream):
            size += len(chunk)
            if size > most:
                raise InvalidError("size", f"must be at most {most} bytes")
            yield chunk
        if announced is not None and size != announced:
            raise InvalidError("size", f"must be the {announced} bytes that were announced")

    def _preview(self, scope: Scope, attachment_id: str) -> AnyUrl:
        token = self._required().token("get", scope, attachment_id, self._preview_seconds)
        return _url("preview_url", self._preview_url, attachment_id, token)

    def _required(self) -> Signer:
        if self._signer is None:
            raise InvalidError("secret", "must be given for signed URLs")
        return self._signer


def _used(attachment_id: str) -> ConflictError:
    return ConflictError("exists", "a message has the attachment already", id=attachment_id)


def _url(field: str, given: Url | None, attachment_id: str, token: str) -> AnyUrl:
    if callable(given):
        made = given(attachment_id, token)
    else:
        made = (given or "").replace("{id}", quote(attachment_id, safe=""))
        made = made.replace("{token}", token)
    try:
        return AnyUrl(made)
    except ValidationError:
        raise InvalidError(field, "must give a whole URL, with its scheme and host") from None
