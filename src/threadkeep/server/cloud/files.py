"""/v1/files: attachments by signed links, so that a browser puts and shows them by itself."""

from __future__ import annotations

import mimetypes
import re
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from threadkeep.adapters.assistant_ui.messages import iso
from threadkeep.adapters.files import ByteStore
from threadkeep.server.answers import json_answer
from threadkeep.server.bodies import body_schema, read_body
from threadkeep.server.limits import large_body
from threadkeep.server.links import MOST_WHO, Links, Who, is_base, is_key, key_in
from threadkeep.server.logs import log_defect
from threadkeep.server.openapi import cloud_problems
from threadkeep.server.problems import Problem
from threadkeep.server.routing import CloudRoute
from threadkeep.server.service import Caller, Reader, Service, Writer, service_of
from threadkeep.store import Owner
from threadkeep.values.attachment import Attachment
from threadkeep.values.errors import NotFoundError

router = APIRouter(prefix="/v1/files", route_class=CloudRoute, tags=["cloud"])

MOST_BYTES: Final = 25 * 1024 * 1024
_ROUTE: Final = "threadkeep_file"
_UNKNOWN_TYPE: Final = "application/octet-stream"
_MEDIA_TYPE: Final = re.compile(
    r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}"
)
_EXTENSION: Final = re.compile(r"\.[a-z0-9]{1,8}")
# What a browser may show by itself: nothing in these runs.
_SHOWN: Final = re.compile(
    r"image/(?:png|jpeg|gif|webp|avif|bmp)|audio/[a-z0-9.+-]+|video/[a-z0-9.+-]+|application/pdf"
    r"|text/plain"
)
_SAFE: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Referrer-Policy": "no-referrer",
}

Key = Annotated[str, Path(pattern=r"^attachments/[0-9a-f]{32}(\.[a-z0-9]{1,8})?$")]
_Who = Annotated[str, Query(max_length=MOST_WHO)]
_Until = Annotated[str, Query(pattern=r"^[0-9]{1,12}$")]
_Signature = Annotated[str, Query(max_length=100)]


class UploadAsked(BaseModel):
    """A file that is about to come."""

    filename: str = Field(min_length=1, max_length=1024)
    content_type: str | None = Field(default=None, max_length=255)
    content_length: int | None = Field(default=None, ge=0, le=MOST_BYTES)


class UploadGranted(BaseModel):
    """Where its bytes go, and where they are to be seen."""

    success: bool
    signedUrl: str  # noqa: N815  as the npm package reads it
    expiresAt: str  # noqa: N815
    publicUrl: str  # noqa: N815
    key: str


class DownloadAsked(BaseModel):
    """A file by its key, or by a link to it."""

    key: str | None = Field(default=None, max_length=200)
    url: str | None = Field(default=None, max_length=8192)


class DownloadGranted(BaseModel):
    """Where its bytes are, for a while."""

    signedUrl: str  # noqa: N815
    expiresAt: str  # noqa: N815
    key: str


class Pages(BaseModel):
    """A PDF whose pages are wanted as images."""

    file_blob: str | None = None
    file_url: str | None = None


@router.post(
    "/attachments/generate-presigned-upload-url",
    response_model=None,
    status_code=201,
    responses={201: {"model": UploadGranted}, **cloud_problems(503)},
    openapi_extra=body_schema(UploadAsked),
)
async def generate_upload(request: Request, caller: Writer) -> Response:
    """A link to put a file's bytes, for a quarter of an hour, and one to show them."""
    links, _ = _kept(caller.service)
    said = (await read_body(request, UploadAsked)).said
    given = None if not said.content_type else _media_type(said.content_type)
    if said.content_type and given is None:
        raise Problem(422, "invalid", "content_type: must be a media type", field="content_type")
    key = f"attachments/{secrets.token_hex(16)}{_extension(said.filename)}"
    await caller.chat.attachments.save(
        key,
        name=_name(said.filename),
        media_type=given or _guessed(said.filename),
        size=said.content_length,
    )
    base, who = base_of(request), who_of(caller)
    url, until = links.upload(base, key, who, media_type=given)
    granted = UploadGranted(
        success=True,
        signedUrl=url,
        expiresAt=_time(until),
        publicUrl=links.download(base, key, who)[0],
        key=key,
    )
    return json_answer(granted.model_dump(), 201)


@router.post(
    "/attachments/generate-presigned-download-url",
    response_model=None,
    responses={200: {"model": DownloadGranted}, **cloud_problems(404, 503)},
    openapi_extra=body_schema(DownloadAsked),
)
async def generate_download(request: Request, caller: Reader) -> Response:
    """A link to a file's bytes, for a quarter of an hour at least."""
    links, _ = _kept(caller.service)
    said = (await read_body(request, DownloadAsked)).said
    if (said.key is None) == (said.url is None):
        raise Problem(422, "invalid", "key: give either key or url", field="key")
    key = said.key if said.key is not None else key_in(said.url or "")
    if key is None or not is_key(key):
        raise NotFoundError("file", "")
    await _stored(caller.chat, key)
    url, until = links.download(base_of(request), key, who_of(caller))
    granted = DownloadGranted(signedUrl=url, expiresAt=_time(until), key=key)
    return json_answer(granted.model_dump())


@router.post(
    "/pdf-to-images",
    response_model=None,
    status_code=501,
    responses=cloud_problems(501),
    openapi_extra=body_schema(Pages, required=False),
)
async def convert_pdf(caller: Writer) -> Response:  # noqa: ARG001  it is for callers only
    """Not done here; the hosted service has dropped it from its documentation."""
    raise Problem(501, "not_supported", "this server does not turn PDFs into images")


@router.put(
    "/{key:path}",
    dependencies=[Depends(large_body)],
    response_model=None,
    responses={200: {"description": "Stored."}, **cloud_problems(403, 404, 413, 415, 503)},
    openapi_extra={
        "requestBody": {"content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}
    },
)
async def put_file(
    request: Request,
    key: Key,
    who: _Who,
    until: _Until,
    signature: _Signature,
    type: Annotated[str | None, Query(max_length=255)] = None,
) -> Response:
    """Store a file's bytes. The link says for whom; doing it again is safe."""
    links, files = _kept(service_of(request))
    query = {"who": who, "until": until, "signature": signature}
    granted = links.check("put", key, query if type is None else query | {"type": type})
    sent = _media_type(request.headers.get("content-type", "").partition(";")[0])
    if type is not None and sent != type:
        raise Problem(415, "media_type", "Content-Type must be the one that the link was made for")
    chat = _chat(request, granted)
    known = await _known(chat, key)
    size = await files.put(key, _bounded(request))
    await chat.attachments.save(
        key,
        name=known.name,
        media_type=sent or known.media_type,
        size=size,
        stored_at=datetime.now(UTC),
    )
    return Response(status_code=200, headers=_SAFE)


@router.get(
    "/{key:path}",
    name=_ROUTE,
    response_model=None,
    responses={
        200: {"content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}},
        **cloud_problems(403, 404, 503),
    },
)
async def get_file(
    request: Request, key: Key, who: _Who, until: _Until, signature: _Signature
) -> Response:
    """A file's bytes. The link says for whom; what could run in a browser is not shown in it."""
    links, files = _kept(service_of(request))
    query = {"who": who, "until": until, "signature": signature}
    known = await _stored(_chat(request, links.check("get", key, query)), key)
    etag = f'"{known.size}-{int((known.stored_at or known.created_at).timestamp() * 1e6)}"'
    headers = _SAFE | {"ETag": etag, "Cache-Control": "private, max-age=900"}
    if etag in re.split(r"\s*,\s*", request.headers.get("if-none-match", "").strip()):
        return Response(status_code=304, headers=headers)
    media_type = _media_type(known.media_type) or _UNKNOWN_TYPE
    headers["Content-Disposition"] = _disposition(known.name, media_type)
    try:
        pieces = await files.open(key)
    except NotFoundError:  # of the bytes; a file is all or nothing
        raise NotFoundError("file", key) from None
    return StreamingResponse(pieces, 200, headers, media_type)


async def link_files(service: Service, chat: Owner, thread_id: str, content: str) -> None:
    """Let the files that a message shows belong to its thread, so that they go with it."""
    if service.links is None:
        return
    keys = service.links.keys(content)
    if not keys:
        return
    known = await chat.attachments.get_many(keys[:100])
    for key, one in known.items():
        if one.thread_id is None:
            await chat.attachments.save(
                key,
                name=one.name,
                media_type=one.media_type,
                size=one.size,
                thread=thread_id,
            )


async def delete_thread(service: Service, chat: Owner, thread_id: str) -> bool:
    """Delete a thread with the files that were shown in it; False if it is unknown."""
    files = service.files
    if files is None:
        return await chat.threads.delete(thread_id)
    # Whoever put them: all rows of the thread go with it.
    everybody = service.store.owner(chat.owner_id).attachments
    keys = [one.id async for one in everybody.list(thread=thread_id, limit=1000)]
    deleted = await chat.threads.delete(thread_id)
    for key in filter(is_key, keys if deleted else ()):
        try:
            await files.delete(key)
        except Exception as error:  # noqa: BLE001  the thread is gone, and the others go too
            log_defect(error)
    return deleted


def base_of(request: Request) -> str:
    """Where /v1/files stands, as a browser reaches it."""
    service = service_of(request)
    made = request.url_for(_ROUTE, key="attachments")
    whole = f"{service.public_url}{made.path}" if service.public_url else str(made)
    base = whole.removesuffix("/attachments")
    if not is_base(base):
        raise Problem(400, "host_invalid", "the Host header must name a host")
    return base


def who_of(caller: Caller) -> Who:
    """For whom a caller's links are made."""
    return Who(caller.chat.owner_id, caller.chat.user_id)


def _chat(request: Request, who: Who) -> Owner:
    return service_of(request).store.owner(who.owner_id, who.user_id)


def _kept(service: Service) -> tuple[Links, ByteStore]:
    if service.links is None or service.files is None:
        raise Problem(
            503, "attachments_unavailable", "Attachments are not configured on this deployment"
        )
    return service.links, service.files


async def _known(chat: Owner, key: str) -> Attachment:
    try:
        return await chat.attachments.get(key)
    except NotFoundError:
        raise NotFoundError("file", key) from None


async def _stored(chat: Owner, key: str) -> Attachment:
    known = await _known(chat, key)
    if known.stored_at is None:
        raise NotFoundError("file", key)
    return known


async def _bounded(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes; Problem 413 as soon as it is known to be too large."""
    declared = request.headers.get("content-length", "")
    size = 0
    if declared.isdecimal() and int(declared[:20]) > MOST_BYTES:
        raise _too_large()
    async for piece in request.stream():
        size += len(piece)
        if size > MOST_BYTES:
            raise _too_large()
        yield piece


def _too_large() -> Problem:
    return Problem(413, "too_large", f"a file must have at most {MOST_BYTES} bytes")


def _name(filename: str) -> str:
    """The last part of a file's name, without what no file name has."""
    last = re.split(r"[/\\]", filename)[-1]
    plain = re.sub("[\x00-\x1f\x7f\ud800-\udfff]", "", last).strip()
    return plain[:255] or "file"


def _extension(filename: str) -> str:
    suffix = PurePosixPath(_name(filename)).suffix.lower()
    return suffix if _EXTENSION.fullmatch(suffix) else ""


def _guessed(filename: str) -> str:
    return _media_type(mimetypes.guess_type(_name(filename))[0] or "") or _UNKNOWN_TYPE


def _media_type(text: str) -> str | None:
    """A media type without its parameters, None where it is none."""
    plain = text.partition(";")[0].strip().lower()
    return plain if _MEDIA_TYPE.fullmatch(plain) else None


def _disposition(name: str, media_type: str) -> str:
    how = "inline" if _SHOWN.fullmatch(media_type) else "attachment"
    plain = re.sub(r'[^\x20-\x7e]|["\\%]', "_", name)
    return f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _time(seconds: int) -> str:
    return iso(datetime.fromtimestamp(seconds, UTC))
