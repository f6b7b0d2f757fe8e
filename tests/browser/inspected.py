"""The inspector of a real server, and somebody who reads in it."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from guests import Guest
from playwright.sync_api import Locator, expect

# The pictures of the docs are taken by this module too, outside of pytest.
sys.path.insert(0, str(Path(__file__).parents[1]))

from processes import running

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from threadkeep.testing.servers import Database

DESKTOP: Final = (1280, 800)
PHONE: Final = (390, 780)

_AXE: Final = Path(__file__).parents[1] / "node/node_modules/axe-core/axe.min.js"
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


@contextlib.contextmanager
def served(database: Database, folder: Path, *arguments: str) -> Iterator[str]:
    """The URL of `threadkeep serve` on this database, as a process that ends with the block."""
    command = ["-m", "threadkeep", "serve", "--json", "--port", "0"]
    command += ["--url", database.url, "--files", str(folder), "--log-level", "error", *arguments]
    environment = {
        "THREADKEEP_SECRET": "of a test, with 32 bytes at least",
        "THREADKEEP_ADMIN_URL": database.admin_url,
    }
    with running(folder, *command, environment=environment) as server:
        yield server.url


class Reader(Guest):
    """Somebody who reads in the inspector, and all that the page asked for."""

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
        super().__init__(
            browser,
            url,
            viewport={"width": size[0], "height": size[1]},
            locale="en-GB",
            timezone_id="UTC",
            reduced_motion="reduce",
            **options,
        )
        self.asked: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("dialog", lambda dialog: self._complain(dialog.message))
        if owner is not None:
            choice = f"sessionStorage.setItem('threadkeep-owner', {json.dumps(owner)})"
            self.context.add_init_script(choice)
        self.page.goto(f"/inspector/{at}")

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
