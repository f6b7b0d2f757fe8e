"""The inspector in a browser: what people see, by mouse, by keys, on a desk and on a phone."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import httpx
import pytest
from inspected import DESKTOP, PHONE, Reader, served
from playwright.sync_api import expect

import threadkeep
from threadkeep import Message
from threadkeep.values.run import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Route

    from threadkeep.sync import Owner
    from threadkeep.testing.servers import Database

LONG = 1500
FIRST = 60
NOW = datetime.now(UTC)
# A key that comes twice, numbers as they are spelled, spaces: what JSON.parse would not keep.
ODD = (
    '{ "role":"assistant", "parts":[{"type":"tool_call","call_id":"c1","name":"lookup","input":'
    '{"b":1.00,"a":1e400,"b":12345678901234567890123}}],"x":"\\u0000\\ud800" }'
)
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR4nGP4z8DAwMDA"
    "AMIMDAwAAB4EAQHSC0o/AAAAAElFTkSuQmCC"
)


@pytest.fixture(scope="module")
def server(shared_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that asks nobody who calls, with the threads of the owner `local`."""
    with threadkeep.connect(shared_database.url) as store:
        _fill(store.owner("local"))
        store.owner("other").threads.create("t", title="Another owner's")
    with served(shared_database, tmp_path_factory.mktemp("pages")) as url:
        _attach(url)
        yield url


def _fill(chat: Owner) -> None:
    yesterday = NOW - timedelta(days=1)
    chat.threads.create("old", title="An old one", active_at=NOW - timedelta(days=40))
    chat.threads.create("gone", title="Put away", active_at=yesterday)
    chat.threads.archive("gone")
    long = [Message.user(f"Line {n} of many", id=f"l{n}") for n in range(LONG)]
    for start in range(0, LONG, 500):
        chat.messages.append("long", long[start : start + 500])
    chat.threads.update("long", title="A long one", active_at=yesterday)
    chat.threads.create("story", title="A story", metadata={"k": "v"})
    chat.messages.append("story", [Message.user("Tell me one", id="q")])
    chat.messages.append("story", ODD, dialect="threadkeep")
    [call] = [one for one in chat.messages.list("story") if one.role == "assistant"]
    result = '{"role":"tool","content":"{\\"found\\":2}","tool_call_id":"c1"}'
    chat.messages.append("story", result, dialect="openai-chat")
    head = chat.threads.get("story").head
    chat.messages.append("story", [Message.assistant("The first end", id="one")], parent=head)
    chat.messages.append("story", [Message.assistant("The second end", id="two")], parent=head)
    with chat.turn("story", [Message.user("And then?", id="then")]) as turn:
        turn.append(Message.assistant("Nothing more", id="end"))
        turn.add_usage(Usage(1200, 30, 400, None, Decimal("0.015")))
    chat.feedback.set("story", "end", "negative", comment="Too short", user="mara")
    assert call.json == ODD
    for back in range(1, 20):
        at = NOW - timedelta(days=back)
        used = Usage(100 * back, 40, cost=Decimal("0.01"))
        chat.runs.record("old", f"r{back}", status="complete", ended_at=at, usage=used)
    at, used = NOW - timedelta(days=200), Usage(cost=Decimal("12345.67"))
    chat.runs.record("old", "dear", status="complete", ended_at=at, usage=used)


def _attach(url: str) -> None:
    """A picture by the way that browsers take, and a message that shows it and one elsewhere."""
    asked = {"filename": "dot.png", "content_type": "image/png"}
    with httpx.Client(base_url=url, trust_env=False) as http:
        granted = http.post("/v1/files/attachments/generate-presigned-upload-url", json=asked)
        put = granted.json()["signedUrl"]
        assert http.put(put, content=PNG, headers={"Content-Type": "image/png"}).is_success
        parts = [
            {"type": "text", "text": "See"},
            {"type": "file", "media_type": "image/png", "url": granted.json()["publicUrl"]},
            {"type": "file", "media_type": "image/png", "url": "https://elsewhere.example/x.png"},
        ]
        body = {"messages": [{"id": "shown", "role": "user", "parts": parts}]}
        assert http.post("/threads/pictures/messages", json=body).status_code == 201
        assert http.patch("/threads/pictures", json={"title": "Pictures"}).is_success


def test_a_conversation_is_read_with_its_branches(chromium: Browser, server: str) -> None:
    """The head's branch is shown, others can be chosen, and the raw side is the stored text."""
    reader = Reader(chromium, server)
    reader.open("A story")
    expect(reader.messages).to_have_count(6)
    expect(reader.messages.last).to_contain_text("Nothing more")
    expect(reader.messages.last).to_contain_text("1,200 tokens in (400 cached), 30 tokens out")
    expect(reader.messages.last).to_contain_text("Bad for mara: Too short")

    call = reader.messages.nth(1)
    call.locator("summary").click()
    expect(call.locator("pre").first).to_contain_text('"b": 12345678901234567890123')
    expect(call.locator("pre").first).to_contain_text('"a": 1e400')
    expect(call).to_contain_text('{"found":2}')
    call.get_by_role("button", name="Raw text of message").click()
    assert call.locator(".raw pre").text_content() == ODD

    fork = reader.messages.nth(3)
    expect(fork).to_contain_text("2 of 2")
    fork.get_by_role("button", name="Previous branch").click()
    expect(reader.messages).to_have_count(4)
    expect(reader.messages.last).to_contain_text("The first end")
    reader.messages.last.get_by_role("button", name="Next branch").click()
    expect(reader.messages).to_have_count(6)

    reader.page.get_by_role("button", name="Raw text of all messages").click()
    expect(reader.page.locator(".raw")).to_have_count(6)
    reader.page.locator(".facts summary").click()
    expect(reader.page.locator(".facts")).to_contain_text('"k": "v"')
    reader.leave()


def test_pictures_come_from_here_only(chromium: Browser, server: str) -> None:
    """A file of ours is previewed by a signed link; one elsewhere is named and not fetched."""
    reader = Reader(chromium, server)
    reader.open("Pictures")
    image = reader.page.get_by_role("img", name="dot.png")
    expect(image).to_have_js_property("naturalWidth", 2)
    expect(reader.page.locator(".file img")).to_have_count(1)
    expect(reader.page.get_by_role("link", name="https://elsewhere.example/x.png")).to_be_visible()
    assert {httpx.URL(url).host for url in reader.asked} == {httpx.URL(server).host}
    reader.leave()


def test_keys_do_what_the_help_says(chromium: Browser, server: str) -> None:
    """Threads, messages, branches and raw text are reached without a mouse."""
    reader = Reader(chromium, server)
    page = reader.page
    focused = page.locator(":focus")
    expect(reader.threads).to_have_count(4)
    page.keyboard.press("Tab")
    expect(focused).to_have_text("Skip to the content")
    reader.press("j")
    expect(focused).to_contain_text("Pictures")
    reader.press("ArrowDown", "k", "j")
    expect(focused).to_contain_text("A story")
    reader.press("Enter")
    expect(focused).to_contain_text("Nothing more")
    reader.press("k", "ArrowUp", "[")
    expect(focused).to_contain_text("The first end")
    reader.press("]", "r")
    expect(focused.locator(".raw pre")).to_contain_text('{"role":"assistant"')
    reader.press("r", "Shift+R")
    expect(page.locator(".raw")).to_have_count(6)
    reader.press("Escape")
    expect(focused).to_have_attribute("aria-current", "true")
    reader.press("/")
    page.keyboard.type("old")
    expect(reader.threads).to_have_count(1)
    reader.press("Escape", "?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Use these keys").uncheck()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    reader.press("u")
    assert "usage" not in page.url
    page.evaluate("localStorage.clear()")
    reader.press("u")
    expect(page.get_by_role("heading", name="Usage")).to_be_visible()
    reader.leave()


def test_threads_are_found_by_their_filters(chromium: Browser, server: str) -> None:
    """Title, user, status and dates narrow the list; an owner is chosen by who may."""
    reader = Reader(chromium, server)
    page = reader.page
    expect(reader.threads).to_have_count(4)
    page.get_by_text("User, status and dates").click()
    page.get_by_label("Status").select_option("all")
    expect(reader.threads).to_have_count(5)
    page.get_by_label("Status").select_option("archived")
    expect(reader.threads).to_contain_text(["Put away"])
    page.get_by_label("Status").select_option("active")
    page.get_by_label("until").fill((NOW - timedelta(days=30)).date().isoformat())
    expect(reader.threads).to_contain_text(["An old one"])
    page.get_by_label("until").fill("")
    page.get_by_label("Active from").fill(NOW.date().isoformat())
    expect(reader.threads).to_have_count(2)
    page.get_by_label("User").fill("nobody")
    expect(page.get_by_text("No thread is like that.")).to_be_visible()

    page.get_by_role("button", name="local").click()
    page.get_by_role("dialog").get_by_role("button", name="other").click()
    expect(reader.threads).to_contain_text(["Another owner's"])
    page.get_by_role("button", name="other").click()
    page.get_by_role("button", name="My own").click()
    expect(reader.threads).to_have_count(4)
    reader.leave()


def test_what_comes_late_is_not_shown(chromium: Browser, server: str) -> None:
    """Who goes on before an answer came sees what was chosen last, and the page does not wait."""
    reader = Reader(chromium, server)
    page = reader.page
    held: list[Route] = []
    page.route("**/threads/long", lambda route: held.append(route))
    with page.expect_request("**/threads/long"):
        reader.threads.filter(has_text="A long one").click()
    page.get_by_role("link", name="Usage").click()
    expect(page.locator(".chart")).to_have_count(3)
    expect(page.locator("#main")).not_to_have_attribute("aria-busy", "true")
    week = f"**/usage?*since={(datetime.now(UTC) - timedelta(days=6)).date()}*"
    page.route(week, lambda route: held.append(route))
    with page.expect_request(week):
        page.get_by_label("7 days").check()
    page.get_by_label("90 days").check()
    expect(page.locator(".plot").first.locator(".column")).to_have_count(90)
    for route in held:
        route.continue_()
    page.unroute_all(behavior="wait")
    page.evaluate("() => fetch('../me').then(answer => answer.text())")
    expect(page.get_by_role("heading", level=1)).to_have_text("Usage")
    expect(page.locator(".plot").first.locator(".column")).to_have_count(90)
    reader.leave()


def test_a_long_thread_is_read_bit_by_bit(chromium: Browser, server: str) -> None:
    """The newest messages come first, older ones when the reader gets near them, or all."""
    reader = Reader(chromium, server)
    reader.open("A long one")
    expect(reader.messages).to_have_count(FIRST)
    expect(reader.messages.last).to_be_in_viewport()
    held: list[Route] = []
    reader.page.route("**/threads/long/messages?*", lambda route: held.append(route), times=1)
    with reader.page.expect_request("**/threads/long/messages?*"):
        reader.page.locator("#main").evaluate("main => main.scrollTo(0, 300)")
    read = reader.page.locator(f"#main [data-seq='{LONG - FIRST + 6}']")
    expect(read).to_be_in_viewport()
    reader.settle()
    before = read.bounding_box()
    held[0].continue_()
    expect(reader.messages).to_have_count(FIRST + 200)
    expect(read).to_be_in_viewport()
    reader.settle()
    after = read.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(after["y"] - before["y"]) < 80, (before, after)
    reader.page.locator("#main").evaluate("main => main.scrollTo(0, main.scrollHeight / 2)")
    reader.press("/")
    # A click would scroll there first, whereby the page reads on and takes the button away.
    reader.page.get_by_role("button", name="From the beginning").dispatch_event("click")
    expect(reader.messages).to_have_count(LONG)
    expect(reader.messages.first).to_be_focused()
    expect(reader.messages.first).to_contain_text("Line 0 of many")
    reader.leave()


def test_usage_is_drawn_and_told(chromium: Browser, server: str) -> None:
    """Plots over time with a tip for each day, and the same numbers in a table."""
    reader = Reader(chromium, server, at="#/usage")
    page = reader.page
    expect(page.locator(".chart")).to_have_count(3)
    expect(page.locator(".tiles")).to_contain_text("20")  # 19 runs that were told, and a turn
    axis = page.locator(".plot").nth(2).locator("[text-anchor=end]")
    assert axis.all_text_contents()[:5] == ["0", "0.004", "0.008", "0.012", "0.016"]
    axis = page.locator(".plot").nth(1).locator("[text-anchor=end]")
    assert axis.all_text_contents()[:5] == ["0", "1", "2", "3", "4"]
    page.locator(".plot").nth(1).hover(position={"x": 500, "y": 80})
    expect(page.locator(".tip:visible")).to_contain_text("runs:")
    page.get_by_text("The same as a table").click()
    expect(page.get_by_role("row")).to_have_count(21)
    page.get_by_label("7 days").check()
    expect(page.locator(".plot").first.locator(".column")).to_have_count(7)
    page.get_by_label("A year").check()
    expect(page.locator(".tiles dd").last).to_have_text("12,345.88")
    page.get_by_label("7 days").check()
    page.get_by_label("Model calls in traces").check()
    expect(page.get_by_text("Nothing was counted in these days.")).to_be_visible()
    reader.leave()


def test_a_phone_shows_one_thing_at_a_time(chromium: Browser, server: str) -> None:
    """Under 700 pixels the list or the conversation is shown, with a way back."""
    reader = Reader(chromium, server, size=PHONE, has_touch=True, is_mobile=True)
    page = reader.page
    expect(page.locator("#main")).to_be_hidden()
    reader.open("A story")
    expect(page.locator("#list")).to_be_hidden()
    page.get_by_role("button", name="Raw text of all messages").click()
    reader.unfold()
    assert reader.too_wide() == []
    page.get_by_role("button", name="Back to the threads").click()
    expect(page.locator("#list")).to_be_visible()
    page.get_by_role("link", name="Usage").click()
    expect(page.locator(".chart")).to_have_count(3)
    assert reader.too_wide() == []
    reader.leave()


def test_axe_finds_nothing_serious(chromium: Browser, server: str) -> None:
    """Threads, a conversation, usage, help and owners, at both widths and in both colours."""
    reader = Reader(chromium, server, bypass_csp=True)
    found: dict[str, list[str]] = {}
    for width, height in (DESKTOP, PHONE):
        for scheme in ("light", "dark"):
            reader.page.set_viewport_size({"width": width, "height": height})
            reader.page.emulate_media(color_scheme=scheme)
            place = f"{width} {scheme}"
            for what in _seen_one_by_one(reader):
                found[f"{place} {what}"] = reader.serious()
    wrong = [f"{place}: {one}" for place, listed in found.items() for one in listed]
    assert wrong == [], "\n".join(wrong)
    assert len(found) == 20
    reader.leave()


def _seen_one_by_one(reader: Reader) -> Iterator[str]:
    page = reader.page
    page.goto("/inspector/")
    expect(reader.threads).to_have_count(4)
    if not page.get_by_label("Status").is_visible():
        page.get_by_text("User, status and dates").click()
    yield "threads"
    page.goto("/inspector/#/threads/story")
    expect(reader.messages).to_have_count(6)
    page.get_by_role("button", name="Raw text of all messages").click()
    reader.unfold()
    yield "conversation"
    page.goto("/inspector/#/usage")
    expect(page.locator(".chart")).to_have_count(3)
    reader.unfold()
    yield "usage"
    page.get_by_role("button", name="Keys").click()
    yield "help"
    page.keyboard.press("Escape")
    page.get_by_role("button", name="local").click()
    expect(page.get_by_role("button", name="other")).to_be_visible()
    yield "owners"
    page.keyboard.press("Escape")
