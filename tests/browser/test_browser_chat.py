"""The genuine assistant-ui on our server: what a visitor did is there after a reload."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from examples.chat import serving
from examples.chat.page import BUILT
from playwright.sync_api import expect
from visitors import Visitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from examples.chat.serving import Server
    from playwright.sync_api import Browser

    from threadkeep.testing.servers import Database

    Enter = Callable[[], Visitor]

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR4nGP4z8DAwMDA"
    "AMIMDAwAAB4EAQHSC0o/AAAAAElFTkSuQmCC"
)


@pytest.fixture(scope="module")
def chat(shared_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The example as a process of its own, with the scripted model."""
    if not (BUILT / "index.html").is_file():
        pytest.skip("the page is not built, for which there must be Node: make chat")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
            patch.delenv(name, raising=False)
        home = tmp_path_factory.mktemp("chat")
        with serving.running(home, url=shared_database.url, preferred=0) as server:
            yield server


@pytest.fixture
def enter(chromium: Browser, chat: Server) -> Iterator[Enter]:
    """Lets visitors come; when they leave, none of their pages may have complained."""
    came: list[Visitor] = []

    def enter() -> Visitor:
        came.append(Visitor(chromium, chat.url))
        return came[-1]

    yield enter
    for visitor in came:
        visitor.context.close()
    assert [complaint for visitor in came for complaint in visitor.complaints] == []


def test_a_conversation_is_as_it_was_left(enter: Enter, chat: Server) -> None:
    """Edit, regenerate and a switch of branches are there after a reload and a restart. [N8]"""
    visitor = enter()
    visitor.send("Hello")
    visitor.send("And good night")
    visitor.edit("And good night", "And good morning")
    visitor.regenerate()
    visitor.version("2 / 2")
    second = visitor.answer.locator(".text").last.inner_text()
    visitor.switch(visitor.answer)
    visitor.version("1 / 2")
    first = visitor.answer.locator(".text").last.inner_text()
    assert first != second
    seen = visitor.texts()

    # Which number a version has is the client's own business: the one that is shown comes last.
    visitor.reload(first)
    visitor.version("/ 2")
    assert visitor.texts() == seen
    visitor.switch(visitor.answer)
    expect(visitor.answer).to_contain_text(second)

    visitor.switch(visitor.said("You", "And good morning"))
    expect(visitor.said("You", "And good night")).to_be_visible()
    visitor.reload("And good night")
    seen = visitor.texts()

    chat.restart()
    visitor.reload("And good night")
    assert visitor.texts() == seen
    visitor.send("Still there?")
    visitor.reload("Still there?")
    assert visitor.texts()[: len(seen)] == seen


def test_a_tool_call_keeps_the_order_of_its_arguments(enter: Enter) -> None:
    """The text of a call's arguments is the same after a reload, though no order sorts it so."""
    visitor = enter()
    visitor.send("What is the weather in New York?")
    asked = visitor.answer.locator(".arguments")
    found = visitor.answer.locator(".call pre").last
    expect(visitor.answer.locator(".call")).to_have_attribute("data-state", "done")
    before = (asked.text_content(), found.text_content())
    assert before[0] == '{"unit":"celsius","city":"New York","days":2}'
    visitor.reload("In New York it stays clear, with 24 degrees.")
    assert (asked.text_content(), found.text_content()) == before
    expect(visitor.answer.locator(".reasoning")).to_contain_text("The script says what to answer.")


def test_files_and_thumbs_survive_a_restart(enter: Enter, chat: Server) -> None:
    """An image is shown again, a file is fetched again, and only the last thumb is pressed."""
    visitor = enter()
    page = visitor.page
    files = [
        {"name": "dot.png", "mimeType": "image/png", "buffer": PNG},
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": "Grüße".encode()},
    ]
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Attach a file").click()
    chooser.value.set_files(files)  # type: ignore[arg-type]
    expect(page.locator(".composer .file")).to_have_count(2)
    expect(page.get_by_text("uploading")).to_have_count(0)
    visitor.send("See these")
    with page.expect_response(lambda answer: answer.url.endswith("/feedback")):
        visitor.answer.get_by_role("button", name="Good answer").click()

    chat.restart()
    visitor.reload("See these")
    thumb = visitor.answer.get_by_role("button", name="Good answer")
    expect(thumb).to_have_attribute("aria-pressed", "true")
    image = visitor.said("You", "See these").get_by_role("img", name="dot.png")
    expect(image).to_have_js_property("naturalWidth", 2)
    link = visitor.said("You", "See these").get_by_role("link", name="notes.txt")
    fetched = visitor.context.request.get(link.get_attribute("href") or "")
    assert fetched.body() == "Grüße".encode()
    with page.expect_response(lambda answer: answer.url.endswith("/feedback")):
        visitor.answer.get_by_role("button", name="Bad answer").click()
    visitor.reload("See these")
    other = visitor.answer.get_by_role("button", name="Bad answer")
    expect(other).to_have_attribute("aria-pressed", "true")
    expect(thumb).to_have_attribute("aria-pressed", "false")


def test_the_list_of_chats_is_as_it_was_left(enter: Enter) -> None:
    """Titles, archived and deleted chats are so after a reload; a stranger sees none. [N8]"""
    visitor = enter()
    for text in ("First question", "Second question", "Third question"):
        visitor.new()
        visitor.send(text)
    titles = ["Third question", "Second question", "First question"]
    expect(visitor.chats()).to_have_text(titles)
    visitor.rename("First question", "A new name")
    with visitor.told("PUT"):
        visitor.act("Archive", "Second question")
    visitor.act("Delete", "Third question")
    with visitor.told("DELETE"):
        visitor.page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    visitor.page.goto("/")
    expect(visitor.chats()).to_have_text(["A new name"])
    visitor.page.get_by_text("Archived (1)").click()
    expect(visitor.chats("Archived chats")).to_have_text(["Second question"])
    visitor.chats("Archived chats").click()
    expect(visitor.said("You", "Second question")).to_be_visible()
    address = visitor.page.url

    stranger = enter()
    expect(stranger.page.get_by_text("What would you like to know?")).to_be_visible()
    expect(stranger.chats()).to_have_count(0)
    stranger.expects("404", "thread not found")
    stranger.page.goto("about:blank")
    with stranger.page.expect_response(lambda answer: "/v1/threads/thread_" in answer.url) as seen:
        stranger.page.goto(address)
    assert seen.value.status == 404
    expect(stranger.chats()).to_have_count(0)
    expect(stranger.page.get_by_role("article")).to_have_count(0)

    with visitor.told("PUT"):
        visitor.act("Take back", "Second question")
    visitor.reload("Second question")
    expect(visitor.chats()).to_have_count(2)


def test_a_stopped_answer_is_kept_as_far_as_it_came(enter: Enter) -> None:
    """What was said before somebody pressed Stop is there after a reload."""
    visitor = enter()
    visitor.page.get_by_role("textbox", name="Message").fill("Count")
    with visitor.stored():
        visitor.page.keyboard.press("Enter")
        expect(visitor.answer.locator(".text").last).to_contain_text("1 2 3")
        visitor.page.get_by_role("button", name="Stop").click()
    kept = visitor.texts()
    assert kept[-1].startswith("1 2 3")
    assert len(kept[-1].split()) < 2000
    visitor.reload("Count")
    assert visitor.texts() == kept
