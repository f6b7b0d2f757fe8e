"""ChatKitAttachmentStore: two phases, direct uploads, previews and collection."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import chatkit_kit as kit
import obstore.store
import pytest
from chatkit.store import AttachmentStore
from chatkit.types import AttachmentCreateParams, FileAttachment, ImageAttachment, UserMessageItem

from threadkeep import AsyncStore, ConflictError, ForbiddenError, InvalidError
from threadkeep.adapters.chatkit import (
    ChatKitAttachmentStore,
    ChatKitStore,
    Collected,
    NotFoundError,
    by_tenant,
)
from threadkeep.adapters.chatkit.collecting import key_of, scopes_in
from threadkeep.adapters.chatkit.grants import Signer
from threadkeep.adapters.chatkit.scopes import Scope
from threadkeep.adapters.files import ByteStore, FileBytes, ObstoreBytes, StoredBytes

SECRET = "0123456789abcdef"  # noqa: S105  of these tests
PDF = AttachmentCreateParams(name="a.pdf", size=7, mime_type="application/pdf")
PNG = AttachmentCreateParams(name="b.png", size=4, mime_type="image/png")


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).timestamp()

    def __call__(self) -> float:
        return self.now


class Room:
    """A store, its attachments and where their bytes are."""

    def __init__(self, store: AsyncStore, files: ByteStore, **options: Any) -> None:
        self.clock = Clock()
        self.files = files
        self.chatkit = ChatKitStore[Any](store, scope=options.pop("scope", lambda c: Scope(**c)))
        self.attachments = ChatKitAttachmentStore[Any](
            files,
            self.chatkit,
            upload_url="https://example.org/up/{id}?t={token}",
            preview_url=lambda id, token: f"https://example.org/see/{id}?t={token}",
            secret=SECRET,
            clock=self.clock,
            **options,
        )

    async def announce(self, params: AttachmentCreateParams, context: Any = kit.ANN) -> Any:
        """The first phase, as the server does it."""
        attachment = await self.attachments.create_attachment(params, context)
        await self.chatkit.save_attachment(attachment, context)
        return attachment

    async def keys(self) -> set[str]:
        return {stored.key async for stored in self.files.list()}


@pytest.fixture(params=["folder", "bucket"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> ByteStore:
    if request.param == "folder":
        return FileBytes(tmp_path)
    return ObstoreBytes(obstore.store.MemoryStore())


@pytest.fixture
def room(store: AsyncStore, files: ByteStore) -> Room:
    return Room(store, files)


def token_in(url: object) -> str:
    return parse_qs(urlsplit(str(url)).query)["t"][0]


async def content(room: Room, attachment_id: str, context: Any = kit.ANN) -> bytes:
    opened = await room.attachments.open(attachment_id, context)
    return b"".join([chunk async for chunk in opened.chunks])


async def test_two_phases(room: Room) -> None:
    """Announced, uploaded by the token, used by a message: each step is stored. [G12]"""
    assert isinstance(room.attachments, AttachmentStore)
    announced = await room.announce(PDF)
    assert isinstance(announced, FileAttachment)
    assert announced.upload_descriptor is not None
    assert announced.upload_descriptor.method == "PUT"
    assert announced.upload_descriptor.url.path == f"/up/{announced.id}"
    with pytest.raises(NotFoundError):
        await room.attachments.open(announced.id, kit.ANN)
    done = await room.attachments.put_signed(token_in(announced.upload_descriptor.url), b"content")
    assert done.upload_descriptor is None
    assert await room.chatkit.load_attachment(announced.id, kit.ANN) == done
    assert await content(room, announced.id) == b"content"
    row = await room.chatkit.chat(kit.ANN).attachments.get(announced.id)
    assert (row.name, row.media_type, row.size) == ("a.pdf", "application/pdf", 7)
    assert row.stored_at is not None

    await room.chatkit.save_thread(kit.thread(), kit.ANN)
    used = done.model_copy(update={"thread_id": "thr_1"})
    await room.chatkit.save_attachment(used, kit.ANN)
    assert await room.chatkit.load_attachment(announced.id, kit.ANN) == used
    row = await room.chatkit.chat(kit.ANN).attachments.get(announced.id)
    assert (row.thread_id, row.size, row.stored_at is not None) == ("thr_1", 7, True)


async def test_bytes_may_be_sent_again_until_they_are_used(room: Room) -> None:
    """A retry of an upload is safe; once a message has the attachment it is a conflict."""
    announced = await room.announce(PDF)
    await room.attachments.put(announced.id, b"content", kit.ANN)
    done = await room.attachments.put(announced.id, b"CONTENT", kit.ANN)
    assert await content(room, announced.id) == b"CONTENT"
    await room.chatkit.save_thread(kit.thread(), kit.ANN)
    await room.chatkit.save_attachment(done.model_copy(update={"thread_id": "thr_1"}), kit.ANN)
    with pytest.raises(ConflictError):
        await room.attachments.put(announced.id, b"changed", kit.ANN)
    assert await content(room, announced.id) == b"CONTENT"


async def test_bytes_that_are_used_meanwhile_are_not_replaced(room: Room) -> None:
    """A retry that goes on while a message takes the attachment changes nothing any more."""
    announced = await room.announce(PDF)
    done = await room.attachments.put(announced.id, b"content", kit.ANN)
    used = done.model_copy(update={"thread_id": "thr_1"})
    await room.chatkit.save_thread(kit.thread(), kit.ANN)

    async def slow() -> AsyncIterator[bytes]:
        yield b"oth"
        await room.chatkit.save_attachment(used, kit.ANN)
        yield b"er!!"

    with pytest.raises(ConflictError):
        await room.attachments.put(announced.id, slow(), kit.ANN)
    assert await content(room, announced.id) == b"content"
    assert await room.chatkit.load_attachment(announced.id, kit.ANN) == used


async def test_a_first_upload_may_end_after_its_use(room: Room) -> None:
    """A message that is sent before the bytes have come does not lose them."""
    announced = await room.announce(PDF)
    await room.chatkit.save_thread(kit.thread(), kit.ANN)

    async def slow() -> AsyncIterator[bytes]:
        yield b"con"
        used = announced.model_copy(update={"thread_id": "thr_1"})
        await room.chatkit.save_attachment(used, kit.ANN)
        yield b"tent"

    done = await room.attachments.put(announced.id, slow(), kit.ANN)
    assert (done.thread_id, done.upload_descriptor) == ("thr_1", None)
    assert await content(room, announced.id) == b"content"


@pytest.mark.parametrize("name", ["\ud800", "a\udfff.pdf"])
async def test_what_cannot_be_stored_leaves_no_bytes(room: Room, name: str) -> None:
    """A name that JSON cannot hold is refused before the bytes are taken. [C15]"""
    with pytest.raises(InvalidError):
        await room.attachments.upload(name, "text/plain", b"x", kit.ANN)
    assert await room.keys() == set()


@pytest.mark.parametrize("sent", [b"", b"conten", b"contents", b"x" * 5_000_000])
async def test_another_size_than_announced_is_refused(room: Room, sent: bytes) -> None:
    """Too few or too many bytes are no upload, and nothing of them is kept. [C15]"""
    announced = await room.announce(PDF)
    with pytest.raises(InvalidError, match="size"):
        await room.attachments.put(announced.id, sent, kit.ANN)
    assert await room.keys() == set()
    found = await room.chatkit.load_attachment(announced.id, kit.ANN)
    assert found.upload_descriptor is not None


async def test_an_upload_that_breaks_leaves_nothing(room: Room) -> None:
    """A client that goes away in the middle has not uploaded."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"con"
        raise ConnectionError

    announced = await room.announce(PDF)
    with pytest.raises(ConnectionError):
        await room.attachments.put(announced.id, broken(), kit.ANN)
    assert await room.keys() == set()
    with pytest.raises(ConnectionError):
        await room.attachments.upload("a", "text/plain", broken(), kit.ANN)
    assert await room.keys() == set()


async def test_an_attachment_deleted_during_its_upload(room: Room) -> None:
    """What is deleted while its bytes come does not come back, and leaves no bytes."""
    announced = await room.announce(PDF)

    async def slow() -> AsyncIterator[bytes]:
        yield b"con"
        await room.chatkit.delete_attachment(announced.id, kit.ANN)
        yield b"tent"

    with pytest.raises(NotFoundError):
        await room.attachments.put(announced.id, slow(), kit.ANN)
    assert await room.keys() == set()


async def test_direct_upload(room: Room) -> None:
    """One call stores bytes and what is known of them. [G12]"""
    made = await room.attachments.upload("b.png", "image/png", b"\x89PNG", kit.ANN)
    assert isinstance(made, ImageAttachment)
    assert (made.upload_descriptor, made.metadata) == (None, {"size": 4})
    assert await room.chatkit.load_attachment(made.id, kit.ANN) == made
    assert await content(room, made.id) == b"\x89PNG"
    assert "metadata" not in made.model_dump(context={"exclude_metadata": True})


async def test_limits(store: AsyncStore, files: ByteStore) -> None:
    """Size, media type and name are checked before anything is stored. [C15]"""
    room = Room(store, files, most_bytes=10, media_types={"image/*", "text/plain"})
    for params in (
        {"name": "a", "size": 11, "mime_type": "image/png"},
        {"name": "a", "size": -1, "mime_type": "image/png"},
        {"name": "a", "size": 1, "mime_type": "application/pdf"},
        {"name": "a", "size": 1, "mime_type": "text/html"},
        {"name": "", "size": 1, "mime_type": "text/plain"},
        {"name": "x" * 300, "size": 1, "mime_type": "text/plain"},
    ):
        with pytest.raises(InvalidError):
            await room.attachments.create_attachment(
                AttachmentCreateParams.model_validate(params), kit.ANN
            )
    await room.attachments.upload("a", "Text/Plain; charset=utf-8", b"x" * 10, kit.ANN)
    with pytest.raises(InvalidError):
        await room.attachments.upload("a", "text/plain", b"x" * 11, kit.ANN)
    assert len(await room.keys()) == 1


async def test_foreign_attachments_are_not_found(room: Room) -> None:
    """Nobody uploads to, opens, uses or deletes what is another user's. [I1 C16]"""
    announced = await room.announce(PDF)
    await room.attachments.put(announced.id, b"content", kit.ANN)
    for id in (announced.id, "atc_none", "", "../ann", "\0"):
        for call in (
            room.attachments.put(id, b"changed", kit.BOB),
            room.attachments.open(id, kit.BOB),
            room.chatkit.load_attachment(id, kit.BOB),
        ):
            with pytest.raises(NotFoundError):
                await call
        await room.attachments.delete_attachment(id, kit.BOB)
    # The same id of Bob's own is another attachment.
    await room.chatkit.save_attachment(kit.file(announced.id), kit.BOB)
    await room.attachments.put(announced.id, b"Bob's", kit.BOB)
    assert await content(room, announced.id) == b"content"
    assert await content(room, announced.id, kit.BOB) == b"Bob's"


async def test_users_of_one_tenant_do_not_share(store: AsyncStore, files: ByteStore) -> None:
    """With tenants bytes stand by tenant and user, whatever their ids are."""
    room = Room(store, files, scope=by_tenant)
    ann, bob = ({"user_id": f"{name} / é", "tenant_id": "Acme=+.."} for name in ("Ann", "Bob"))
    made = await room.attachments.upload("a", "text/plain", b"Ann's", ann)
    with pytest.raises(NotFoundError):
        await room.attachments.open(made.id, bob)
    assert await content(room, made.id, ann) == b"Ann's"
    assert await scopes_in(files) == {Scope("Ann / é", "Acme=+..")}
    opened = await room.attachments.open_signed(token_in((await preview(room, ann)).preview_url))
    assert b"".join([chunk async for chunk in opened.chunks]) == b"\x89PNG"


async def preview(room: Room, context: Any = kit.ANN) -> ImageAttachment:
    made = await room.attachments.upload("b.png", "image/png", b"\x89PNG", context)
    assert isinstance(made, ImageAttachment)
    return made


async def test_deleting(room: Room) -> None:
    """Bytes first, then what is known of them; both silent, also where there is nothing."""
    made = await room.attachments.upload("a", "text/plain", b"x", kit.ANN)
    for _ in range(2):
        await room.attachments.delete_attachment(made.id, kit.ANN)
        await room.chatkit.delete_attachment(made.id, kit.ANN)
    assert await room.keys() == set()
    with pytest.raises(NotFoundError):
        await room.chatkit.load_attachment(made.id, kit.ANN)


async def test_tokens_end(room: Room) -> None:
    """A token is good for its purpose, its attachment and its time only."""
    announced = await room.announce(PNG)
    put = token_in(announced.upload_descriptor.url)
    get = token_in(announced.preview_url)
    await room.attachments.put_signed(put, b"\x89PNG")
    await room.attachments.open_signed(get)
    with pytest.raises(ForbiddenError):
        await room.attachments.put_signed(get, b"\x89PNG")
    with pytest.raises(ForbiddenError):
        await room.attachments.open_signed(put)
    room.clock.now += 901
    with pytest.raises(ForbiddenError):
        await room.attachments.put_signed(put, b"\x89PNG")
    await room.attachments.open_signed(get)
    room.clock.now += 3600
    with pytest.raises(ForbiddenError):
        await room.attachments.open_signed(get)


def test_tokens_cannot_be_made_up() -> None:
    """Anything but our own token is refused, with one and the same error."""
    signer = Signer(SECRET)
    good = signer.token("get", Scope("ann"), "atc_1", 60)
    assert signer.read(good, "get").scope == Scope("ann")
    assert signer.read(good, "get").attachment_id == "atc_1"
    body, _, signature = good.partition(".")
    said = json.loads(base64.urlsafe_b64decode(body + "=="))
    said["u"] = "bob"
    forged = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
    bad = (
        "",
        ".",
        body,
        f"{body}.",
        f".{signature}",
        f"{forged}.{signature}",
        f"{body}.{signature[:-2]}",
        f"{good}.",
        f"{good}é",
        "\0",
        "x" * 10_000,
        Signer("another secret...").token("get", Scope("ann"), "atc_1", 60),
        signer.token("get", Scope("ann"), "atc_1", -1),
        signer.token("put", Scope("ann"), "atc_1", 60),
    )
    bad += (None,)  # type: ignore[assignment]  # what a URL without one gives
    for token in bad:
        with pytest.raises(ForbiddenError, match="does not permit"):
            signer.read(token, "get")
    with pytest.raises(InvalidError):
        Signer("short")


async def test_previews_are_signed_anew(room: Room) -> None:
    """With the hook every attachment that is handed out has a URL that is good from now."""
    room.chatkit.on_load_attachment = room.attachments.renew_preview
    made = await preview(room)
    await room.chatkit.save_thread(kit.thread(), kit.ANN)
    item = kit.asked(attachments=[made, kit.file()])
    await room.chatkit.add_thread_item("thr_1", item, kit.ANN)
    room.clock.now += 4000
    with pytest.raises(ForbiddenError):
        await room.attachments.open_signed(token_in(made.preview_url))
    loaded = await room.chatkit.load_attachment(made.id, kit.ANN)
    one = await room.chatkit.load_item("thr_1", item.id, kit.ANN)
    page = await room.chatkit.load_thread_items("thr_1", None, 5, "asc", kit.ANN)
    for found in (one, page.data[0]):
        assert isinstance(found, UserMessageItem)
        assert found.attachments[1] == kit.file()
        image = found.attachments[0]
        assert isinstance(image, ImageAttachment)
        await room.attachments.open_signed(token_in(image.preview_url))
    assert isinstance(loaded, ImageAttachment)
    await room.attachments.open_signed(token_in(loaded.preview_url))
    assert await room.chatkit.stored_attachment(made.id, kit.ANN) == made


async def test_collecting_what_nobody_needs(room: Room, store: AsyncStore) -> None:
    """Unused attachments, their bytes and bytes without a row go; used and new ones stay."""
    await room.chatkit.save_thread(kit.thread(), kit.ANN)
    await room.chatkit.save_thread(kit.thread("gone"), kit.ANN)
    used = await room.attachments.upload("used", "text/plain", b"x", kit.ANN)
    lost = await room.attachments.upload("lost", "text/plain", b"x", kit.ANN)
    unused = await room.attachments.upload("unused", "text/plain", b"x", kit.ANN)
    never = await room.announce(PDF)
    bobs = await room.attachments.upload("bobs", "text/plain", b"x", kit.BOB)
    await room.chatkit.save_attachment(used.model_copy(update={"thread_id": "thr_1"}), kit.ANN)
    await room.chatkit.save_attachment(lost.model_copy(update={"thread_id": "gone"}), kit.ANN)
    await room.chatkit.delete_thread("gone", kit.ANN)
    with pytest.raises(NotFoundError):
        await room.chatkit.load_attachment(lost.id, kit.ANN)
    # Another part of the app keeps its own attachments here.
    await room.chatkit.chat(kit.ANN).attachments.save("own", name="x", media_type="text/plain")

    day = timedelta(days=1)
    assert await room.attachments.collect(day) == Collected()
    room.clock.now += 2 * 86_400
    done = await room.attachments.collect(day, kit.ANN)
    assert done == Collected(attachments=2, files=2)
    assert await room.keys() == {
        key_of(Scope("ann"), used.id),
        key_of(Scope("bob"), bobs.id),
    }
    for id in (unused.id, never.id):
        with pytest.raises(NotFoundError):
            await room.chatkit.load_attachment(id, kit.ANN)
    assert (await room.chatkit.load_attachment(used.id, kit.ANN)).thread_id == "thr_1"
    assert (await room.chatkit.chat(kit.ANN).attachments.get("own")).name == "x"
    assert await room.attachments.collect(day) == Collected(attachments=1, files=1)
    assert await room.attachments.collect(day) == Collected()
    with pytest.raises(InvalidError):
        await room.attachments.collect(timedelta(0))


async def test_what_is_used_again_while_it_is_collected(room: Room) -> None:
    """A message that had read the attachment just before it went keeps its bytes."""
    made = await room.attachments.upload("a", "text/plain", b"x", kit.ANN)
    await room.chatkit.save_thread(kit.thread(), kit.ANN)
    room.clock.now += 2 * 86_400
    listing = room.files.list

    async def late(prefix: str = "") -> AsyncIterator[StoredBytes]:
        used = made.model_copy(update={"thread_id": "thr_1"})
        await room.chatkit.save_attachment(used, kit.ANN)
        async for stored in listing(prefix):
            yield stored

    room.files.list = late  # type: ignore[method-assign]
    done = await room.attachments.collect(timedelta(days=1), kit.ANN)
    assert done == Collected(attachments=1)
    assert await content(room, made.id) == b"x"


async def test_collecting_at_once(room: Room) -> None:
    """Two collectors delete everything once between them."""
    for n in range(5):
        await room.attachments.upload(f"{n}", "text/plain", b"x", kit.ANN)
    room.clock.now += 2 * 86_400
    done = await asyncio.gather(*(room.attachments.collect(timedelta(days=1)) for _ in range(3)))
    assert sum(one.attachments for one in done) == 5
    assert await room.keys() == set()


async def test_saving_is_an_upsert(room: Room) -> None:
    """Attachments of any kind come back equal; the latest counts, also for a lost thread. [G12]"""
    for made in (kit.file(metadata={"z": 1, "a": "\0"}), kit.image(metadata=None)):
        await room.chatkit.save_attachment(made, kit.ANN)
        assert await room.chatkit.load_attachment(made.id, kit.ANN) == made
        changed = made.model_copy(update={"name": "new \0", "thread_id": "thr_none"})
        await room.chatkit.save_attachment(changed, kit.ANN)
        assert await room.chatkit.load_attachment(made.id, kit.ANN) == changed
    with pytest.raises(InvalidError):
        await room.chatkit.save_attachment(kit.file(metadata={"x": float("nan")}), kit.ANN)


@pytest.mark.parametrize("text", ["", "\0", "é" * 5000])
async def test_names_and_types_may_be_any_text(room: Room, text: str) -> None:
    """What the columns beside the payload cannot hold comes back all the same. [G12]"""
    made = kit.file().model_copy(update={"name": text, "mime_type": text})
    await room.chatkit.save_attachment(made, kit.ANN)
    assert await room.chatkit.load_attachment(made.id, kit.ANN) == made


async def test_attachments_of_others_formats_are_shown(room: Room) -> None:
    """What another part of the app has stored is a file of ChatKit's."""
    chat = room.chatkit.chat(kit.ANN)
    await chat.attachments.save("own", name="x.txt", media_type="text/plain", size=3)
    found = await room.chatkit.load_attachment("own", kit.ANN)
    assert found == FileAttachment(id="own", name="x.txt", mime_type="text/plain")


def test_headers_keep_uploads_from_running(room: Room) -> None:
    """Names and types that a user has given cannot break out of the headers of an answer."""
    from threadkeep.adapters.chatkit import OpenFile

    for name, media_type, expected in (
        ("a.svg", "image/svg+xml", "image/svg+xml"),
        ('x"\r\nset-cookie: a=b', "text/html\r\nx: y", "application/octet-stream"),
        ("é\udc00", "", "application/octet-stream"),
    ):
        attachment = FileAttachment(id="x", name=name, mime_type=media_type)
        headers = OpenFile(attachment, _nothing()).headers
        assert headers["content-type"] == expected
        assert headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
        assert headers["x-content-type-options"] == "nosniff"
        assert all(text.isascii() and text.isprintable() for text in headers.values())


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield


async def test_without_urls_there_are_direct_uploads_only(store: AsyncStore) -> None:
    """create_attachment is what ChatKit's own base says, and images are files."""
    chatkit = ChatKitStore[Any](store)
    files = ObstoreBytes(obstore.store.MemoryStore())
    attachments = ChatKitAttachmentStore[Any](files, chatkit)
    with pytest.raises(NotImplementedError):
        await attachments.create_attachment(PDF, kit.ANN)
    made = await attachments.upload("b.png", "image/png", b"x", kit.ANN)
    assert isinstance(made, FileAttachment)
    with pytest.raises(InvalidError, match="secret"):
        await attachments.open_signed("x")
    with pytest.raises(InvalidError, match="secret"):
        ChatKitAttachmentStore(files, chatkit, upload_url="https://example.org/{token}")
    bad = ChatKitAttachmentStore[Any](files, chatkit, upload_url="/up/{token}", secret=SECRET)
    with pytest.raises(InvalidError, match="upload_url"):
        await bad.create_attachment(PDF, kit.ANN)
    assert await attachments.renew_preview(kit.image(), kit.ANN) == kit.image()


def test_attachment_ids_are_wide(room: Room) -> None:
    """Ids of attachments have 122 random bits too. [seed 003 defect 15]"""
    id = room.attachments.generate_attachment_id("image/png", kit.ANN)
    assert id.startswith("atc_")
    assert len(id) == 36
