"""What goes where: results to stdout, all else to stderr.

With `--json` stdout holds JSON and nothing else, and each line of stderr is a JSON object.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.text import Text

from threadkeep.values import jsontext

if TYPE_CHECKING:
    from rich.console import RenderableType

_WIDTH: Final = 100
"""How wide text is that goes to a file or a pipe."""

# What a terminal would obey or hide: control characters but tab and newline, marks that turn the
# direction of text, and surrogates.
_UNSAFE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def shown(text: str) -> str:
    """Text from a conversation made harmless: what a terminal would obey stands as its code."""
    return _UNSAFE.sub(lambda match: _escaped(match.group()), text.replace("\r\n", "\n"))


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


@dataclass(frozen=True, slots=True)
class Screen:
    """The two streams of a command."""

    json: bool = False

    def print(self, *renderables: RenderableType) -> None:
        """For people, to stdout."""
        console = console_of("stdout")
        for renderable in renderables:
            console.print(renderable, soft_wrap=isinstance(renderable, str), markup=False)

    def data(self, value: Any) -> None:
        """For machines, to stdout: one JSON value on one line."""
        self.write(jsontext.encode(value, overflow=True) + "\n")

    def write(self, text: str) -> None:
        """Text as it is, in UTF-8, to stdout."""
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()

    def notice(self, text: str, **facts: Any) -> None:
        """Something worth knowing that is no result, to stderr."""
        if self.json:
            self._to_stderr({"notice": {"message": text, **facts}})
        else:
            console_of("stderr").print(Text(shown(text), style="dim"), soft_wrap=True)

    def error(self, text: str, **facts: Any) -> None:
        """What is wrong, in one line, to stderr."""
        if self.json:
            self._to_stderr({"error": {**facts, "message": text}})
        else:
            line = Text.assemble(("threadkeep: ", "bold red"), shown(text).replace("\n", " "))
            console_of("stderr").print(line, soft_wrap=True)

    def _to_stderr(self, value: Any) -> None:
        print(jsontext.encode(value, overflow=True), file=sys.stderr)


def console_of(stream: str) -> Console:
    """A console on the stream of that name as it is now; tests replace the streams."""
    console = Console(stderr=stream == "stderr", highlight=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH
    return console
