"""A visitor of the example chat, and what it does on the page."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from guests import Guest
from playwright.sync_api import Locator, expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Response


class Visitor(Guest):
    """Somebody who talks to the example, beginning at its first page."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        super().__init__(browser, url, **options)
        self.page.goto("/")

    # --- the open chat --------------------------------------------------------------------------

    def send(self, text: str) -> None:
        """Write a message, and wait until its answer has been stored."""
        box = self.page.get_by_role("textbox", name="Message")
        box.fill(text)
        with self.stored():
            box.press("Enter")

    def stored(self) -> AbstractContextManager[object]:
        """A block in which an answer comes; it ends when the server has stored it."""
        return self.page.expect_response(_is_stored_answer)

    def edit(self, old: str, new: str) -> None:
        """Write another message in the place of this one."""
        self.said("You", old).get_by_role("button", name="Edit").click()
        box = self.page.get_by_role("textbox", name="Edit the message")
        box.fill(new)
        with self.stored():
            box.press("Enter")

    def regenerate(self) -> None:
        """Ask for another last answer."""
        with self.stored():
            self.answer.get_by_role("button", name="Regenerate").click()

    def said(self, who: str, text: str) -> Locator:
        """The message of somebody that has this text."""
        return self.page.get_by_role("article", name=who).filter(has_text=text)

    @property
    def answer(self) -> Locator:
        """The last answer that is shown."""
        return self.page.get_by_role("article", name="Assistant").last

    def texts(self) -> list[str]:
        """What is shown, message by message, without the buttons."""
        shown = self.page.locator("article, [role=article]").locator(".text")
        return [text.strip() for text in shown.all_inner_texts()]

    def version(self, shown: str) -> None:
        """The versions of the last answer are told so: `1 / 2`."""
        expect(self.answer.get_by_role("group", name="Versions")).to_contain_text(shown)

    def switch(self, message: Locator) -> None:
        """Show the version before this one, and wait until the server has been told of it.

        The client tells after two seconds, or at once when the page is left.
        """
        with self.page.expect_response(_tells_of_switch):
            message.get_by_role("button", name="Previous version").click()
            self.page.evaluate("() => window.dispatchEvent(new Event('pagehide'))")

    def reload(self, *expected: str) -> None:
        """Load the page again, and wait until it shows these texts."""
        self.page.reload()
        for text in expected:
            expect(self.page.get_by_role("log").get_by_text(text, exact=True)).to_be_visible()

    # --- the chats ------------------------------------------------------------------------------

    def new(self) -> None:
        """Begin another chat. By its class: a chat without a title has the same name."""
        self.page.locator(".new-chat").click()

    def chats(self, which: str = "Open chats") -> Locator:
        """The titles of the open or the archived chats."""
        return self.page.get_by_role("list", name=which).locator(".item-title")

    def act(self, what: str, title: str) -> None:
        """Press a button of a chat in the list."""
        self.page.get_by_role("listitem").filter(has_text=title).hover()
        self.page.get_by_role("button", name=f"{what} {title}").click()

    def rename(self, title: str, new: str) -> None:
        """Give a chat another title."""
        self.act("Rename", title)
        box = self.page.get_by_role("textbox", name="Title of the chat")
        box.fill(new)
        with self.told("PUT"):
            box.press("Enter")

    def told(self, method: str) -> AbstractContextManager[object]:
        """A block in which a thread is changed; it ends when the server has said so."""
        return self.page.expect_response(
            lambda answer: answer.request.method == method and "/v1/threads/" in answer.url
        )


def _tells_of_switch(answer: Response) -> bool:
    told = answer.request.post_data or ""
    return answer.url.endswith("/v1/events") and "branch_switched" in told and answer.ok


def _is_stored_answer(answer: Response) -> bool:
    request = answer.request
    return (
        request.method == "POST"
        and request.url.endswith("/messages")
        and json.loads(request.post_data or "{}")["content"]["role"] == "assistant"
        and answer.ok
    )
