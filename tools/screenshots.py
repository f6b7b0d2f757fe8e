"""Take the pictures of the docs anew: `make screenshots`.

Each picture is a function that gets a browser and a database of its own. The pages are those of
real servers; nothing in them is made up but the conversations.
"""

# ruff: noqa: INP001 (a script, not a package)
from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))

from examples.chat import serving
from inspected import PHONE, Reader, served
from tools import sample
from visitors import Visitor

from threadkeep.testing import servers
from threadkeep.testing.servers import Database

IMAGES = Path(__file__).parents[1] / "docs" / "images"
CHROMIUM = os.environ.get("THREADKEEP_CHROMIUM", "/usr/bin/chromium")
DESK = (1200, 720)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]


def chat(browser: Browser, database: Database, home: Path) -> None:
    """The example chat: a tool call, an answer with versions, several chats."""
    with serving.running(home, url=database.url, preferred=0) as server:
        size = {"width": 1100, "height": 940}
        visitor = Visitor(browser, server.url, viewport=size, device_scale_factor=1.5)
        for asked in ("What can you do?", "Tell me a story of three lines"):
            visitor.new()
            visitor.send(asked)
        visitor.new()
        for asked in ("What is the weather in Lisbon?", "Then I will pack a hat"):
            visitor.send(asked)
        visitor.regenerate()
        visitor.version("2 / 2")
        visitor.answer.get_by_role("button", name="Good answer").click()
        page = visitor.page
        page.locator(".call summary").click()
        page.locator(".viewport").evaluate("viewport => viewport.scrollTo(0, 0)")
        page.mouse.move(700, 10)
        page.screenshot(path=IMAGES / "chat.png", animations="disabled")
        visitor.context.close()
        if visitor.complaints:
            raise SystemExit("\n".join(visitor.complaints))


def inspector(browser: Browser, database: Database, home: Path) -> None:
    """The inspector: a conversation and usage, on a desk and on a phone, light and dark."""
    sample.fill(database)
    home.mkdir()
    with served(database, home) as url:
        for device, size in (("desktop", DESK), ("phone", PHONE)):
            for scheme, name in (("light", device), ("dark", f"{device}-dark")):
                reader = Reader(browser, url, size=size, owner=sample.OWNER, color_scheme=scheme)
                reader.page.clock.set_fixed_time(sample.NOW)
                _conversation(reader, raw=size == DESK)
                reader.page.screenshot(path=IMAGES / f"inspector-{name}.png")
                _usage(reader)
                reader.page.screenshot(path=IMAGES / f"inspector-usage-{name}.png")
                reader.leave()


def _conversation(reader: Reader, *, raw: bool) -> None:
    page = reader.page
    page.goto(f"/inspector/#/threads/{sample.THREAD}")
    reader.messages.nth(5).wait_for()
    reader.threads.nth(5).wait_for(state="attached")
    if raw:
        reader.messages.nth(3).get_by_role("button", name="Raw").click()
    else:
        reader.messages.nth(1).locator("summary").last.click()
    page.locator("#main").evaluate("main => main.scrollTo(0, 0)")
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(2, 2)
    page.wait_for_timeout(300)


def _usage(reader: Reader) -> None:
    reader.page.goto("/inspector/#/usage")
    reader.page.locator(".plot svg").nth(2).wait_for()
    reader.page.locator(".plot").first.hover(position={"x": 250, "y": 60})
    reader.page.wait_for_timeout(300)


PICTURES: tuple[Callable[[Browser, Database, Path], None], ...] = (chat, inspector)


@contextlib.contextmanager
def server() -> Iterator[servers.Server]:
    """A PostgreSQL for the time of the block, which leaves nothing behind."""
    with tempfile.TemporaryDirectory(prefix="tk-pictures-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o711)  # the server's account goes through it to its data
        with servers.embedded_server(folder / "embedded") as running:
            yield running


def main() -> None:
    """Take all pictures."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        os.environ.pop(name, None)
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as driver, server() as postgres, tempfile.TemporaryDirectory() as home:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for picture in PICTURES:
            picture(browser, postgres.clone(), Path(home) / picture.__name__)
        browser.close()


if __name__ == "__main__":
    main()
