"""The inspector of a real server, and somebody who reads in it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Request

    from threadkeep.testing.servers import Database

DESKTOP: Final = (1280, 800)
PHONE: Final = (390, 780)

_AXE: Final = Path(__file__).parents[1] / "node/node_modules/axe-core/axe.min.js"
_SECONDS: Final = 60
_LEFT: Final = "net::ERR_ABORTED"
# Far above what a slow machine needs: only what never comes waits so long.
_PATIENCE: Final = 60_000
# Where a page is wider than what it is seen through; what scrolls by itself may be. What is not on
# the screen has no layout of its own, so that all is asked for it first.
_TOO_WIDE: Final = """() => {
  const lazy = [...document.querySelectorAll(".message, .threads li")];
  for (const node of lazy) node.style.setProperty("content-visibility", "visible");
  const found = [document.documentElement, ...document.querySelectorAll(
    "#list, #main, #login, dialog[open], .message, .view, .raw, .fold, .thread-head, .threads li")]
    .filter(node => node.checkVisibility() && node.scrollWidth > node.clientWidth + 1)
    .map(node => `${node.tagName}.${node.className}: ${node.scrollWidth} > ${node.clientWidth}`);
  for (const node of lazy) node.style.removeProperty("content-visibility");
  return found;
}"""
# What is inside is made by the listener of the page, which is told of the opening before ours.
_UNFOLD: Final = """async () => {
  const closed = [...document.querySelectorAll("#main details:not([open])")];
  await Promise.all(closed.map(node => new Promise(opened => {
    node.addEventListener("toggle", opened, {once: true});
    node.open = true;
  })));
  return closed.length;
}"""
_SERIOUS: Final = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
  .filter(({impact}) => impact === "serious" || impact === "critical")
  .map(({id, nodes}) => `${id}: ${nodes.map(node => node.html.slice(0, 200)).join(" | ")}`)"""

expect.set_options(timeout=_PATIENCE)


@contextlib.contextmanager
def served(
    database: Database, folder: Path, *arguments: str, settings: Mapping[str, str] | None = None
) -> Iterator[str]:
    """The URL of `threadkeep serve` on this database, as a process that ends with the block."""
    command = [sys.executable, "-m", "threadkeep", "serve", "--json", "--port", "0"]
    command += ["--url", database.url, "--files", str(folder), "--log-level", "error", *arguments]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("THREADKEEP_", "DATABASE_"))}
    kept |= {"THREADKEEP_SECRET": "of a test, with 32 bytes at least"}
    kept |= {"THREADKEEP_ADMIN_URL": database.admin_url, **(settings or {})}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=kept, cwd=folder
        )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first, (folder / "log").read_text("utf-8")
        url: str = json.loads(first)["url"]
        _wait(url)
        yield url
    finally:
        process.terminate()
        process.wait(_SECONDS)
        if process.stdout is not None:
            process.stdout.close()


def _wait(url: str) -> None:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/readyz", timeout=5, trust_env=False).is_success:
                return
        time.sleep(0.05)
    raise AssertionError("the server did not become ready")


class Reader:
    """Somebody with a browser profile of its own, and all that the page complained about."""

    def __init__(
        self,
        browser: Browser,
        url: str,
        *,
        size: tuple[int, int] = DESKTOP,
        at: str = "",
        owner: str | None = None,
        **options: Any,
    ) -> None:
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.context = browser.new_context(
            base_url=url,
            viewport={"width": size[0], "height": size[1]},
            locale="en-GB",
            timezone_id="UTC",
            reduced_motion="reduce",
            **options,
        )
        self.context.set_default_timeout(_PATIENCE)
        self.page: Page = self.context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", self._failed)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        if owner is not None:
            choice = f"sessionStorage.setItem('threadkeep-owner', {json.dumps(owner)})"
            self.context.add_init_script(choice)
        self.page.goto(f"/inspector/{at}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _failed(self, request: Request) -> None:
        if request.failure != _LEFT:
            self.complaints.append(f"{request.method} {request.url}: {request.failure}")

    def leave(self) -> None:
        """Go; the page may not have complained."""
        self.context.close()
        assert self.complaints == []

    # --- what is seen ---------------------------------------------------------------------------

    @property
    def threads(self) -> Locator:
        """The threads in the list."""
        return self.page.locator("#list .threads a")

    @property
    def messages(self) -> Locator:
        """The messages of the shown branch."""
        return self.page.locator("#main .message")

    def open(self, title: str) -> None:
        """Open a thread by its title."""
        self.threads.filter(has_text=title).first.click()
        expect(self.page.get_by_role("heading", level=1, name=title)).to_be_visible()

    def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def settle(self) -> None:
        """Wait until what came into view has the size that it really has."""
        for _ in range(3):
            self.page.evaluate("() => new Promise(drawn => requestAnimationFrame(drawn))")

    def unfold(self) -> None:
        """Open all that is folded, also what that brings."""
        while self.page.evaluate(_UNFOLD) > 0:
            pass

    def too_wide(self) -> list[str]:
        """What does not fit on the screen."""
        found: list[str] = self.page.evaluate(_TOO_WIDE)
        return found

    def serious(self) -> list[str]:
        """What axe finds that is serious or critical. The context must bypass CSP."""
        if not _AXE.is_file():
            pytest.skip("axe-core is not installed: make test does it")
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.add_script_tag(path=_AXE)
        found: list[str] = self.page.evaluate(_SERIOUS)
        return found
