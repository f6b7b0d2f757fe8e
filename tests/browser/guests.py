"""Somebody with a browser, and what the page complains about meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Request

# A browser gives up what still runs when its page goes away, and says so.
_LEFT: Final = "net::ERR_ABORTED"
# Far above what a slow machine needs: only what never comes waits so long.
_PATIENCE: Final = 60_000

expect.set_options(timeout=_PATIENCE)


class Guest:
    """Somebody with a browser profile of its own, and all that the page complained about."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.complaints: list[str] = []
        self._expected: tuple[str, ...] = ()
        self.context: BrowserContext = browser.new_context(base_url=url, **options)
        self.context.set_default_timeout(_PATIENCE)
        self.page: Page = self.context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self._complain(str(error)))
        self.page.on("requestfailed", self._failed)

    def expects(self, *words: str) -> None:
        """From now on the page may complain with one of these words in it."""
        self._expected = words

    def _complain(self, text: str) -> None:
        if not any(word in text for word in self._expected):
            self.complaints.append(text)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._complain(message.text)

    def _failed(self, request: Request) -> None:
        if request.failure != _LEFT:
            self._complain(f"{request.method} {request.url}: {request.failure}")
