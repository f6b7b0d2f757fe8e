"""`make demo`: the chat in a browser, or a conversation over HTTP where nobody looks on."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from examples.chat import building, driving, serving
from examples.chat.app import default_home

OK, FINDING = 0, 1


def demo(
    home: Path | None = None, *, url: str | None = None, console: Console | None = None
) -> int:
    """Show the chat until Ctrl-C; where nobody looks on drive it, restart the server, look again.

    Without Node there is no page, without a display no browser: it says so and goes on. `home` and
    `url` are those of `app.create`. FINDING means that something was lost, or the server ended.
    """
    out = console or Console()
    out.print(Text("\nThe chat, on the same store", "bold"))
    page = _built(out)
    with serving.running(home or default_home(), url=url) as server:
        if page and has_terminal():
            return _shown(out, server)
        why = "there is no terminal" if page else "there is no page"
        out.print(f"  skipped the browser: {why}, so the chat is driven over HTTP")
        return _driven(out, server)


def _built(out: Console) -> bool:
    try:
        if not building.is_built():
            out.print("  building the page, for about a minute")
            building.build()
    except building.NotBuiltError as error:
        out.print(Padding(Text(f"skipped the page: {error}"), (0, 0, 0, 2)))
        return False
    return True


def _shown(out: Console, server: serving.Server) -> int:
    out.print(f"  {server.url}  (Ctrl-C ends it; nothing is lost)", highlight=False)
    if not (has_display() and webbrowser.open(server.url)):
        out.print("  skipped the browser: there is no display here")
    try:
        server.wait()
    except KeyboardInterrupt:
        return OK
    _tell(out, "the server has ended by itself", held=False)
    return FINDING


def has_terminal() -> bool:
    """Whether there is somebody who reads, and can press Ctrl-C.

    What the console says of itself is no measure: FORCE_COLOR makes a terminal of anything.
    """
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def has_display(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Whether a browser could be seen."""
    return platform in ("darwin", "win32") or any(
        environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )


def _driven(out: Console, server: serving.Server) -> int:
    """Talk, restart, read it again."""
    with driving.Visitor(server.url) as visitor, driving.Visitor(server.url) as stranger:
        thread_id, sent = visitor.talk()
        before = visitor.messages(thread_id)
        server.restart()
        after = visitor.messages(thread_id)
        strange = len(stranger.threads())
    table = Table.grid(padding=(0, 2))
    for role, text in driving.lines_of(after):
        table.add_row(Text(role, "cyan"), Text(text))
    out.print(Padding(table, (0, 0, 0, 2)))
    kept = before == after and [row["content"] for row in after] == sent
    there = sum(row["content"] in sent for row in after)
    seen = f"the server was restarted: {there} of {len(sent)} messages are as they were sent"
    _tell(out, seen, held=kept)
    _tell(out, f"another visitor sees {strange} threads", held=strange == 0)
    return OK if kept and strange == 0 else FINDING


def _tell(out: Console, seen: str, *, held: bool) -> None:
    mark = ("✓ ", "green") if held else ("✗ ", "red")
    out.print(Padding(Text.assemble(mark, seen), (0, 0, 0, 2)))
