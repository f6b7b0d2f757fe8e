"""`python -m examples.chat`: the demo; `build` and `serve` are its steps."""

from __future__ import annotations

import argparse
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import httpx
from rich.console import Console

from examples.chat import building, demo, driving, serving
from examples.chat.app import default_home

_INTERRUPTED: Final = 128 + signal.SIGINT


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m examples.chat", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("build", help="build the page unless it is built")
    server = commands.add_parser("serve", help="be the server, on loopback")
    server.add_argument("--port", type=int, default=serving.PREFERRED, help="if it is free")
    server.add_argument("--descriptor", type=int, help="of a socket that listens already")
    server.add_argument("--url", help="a database instead of the embedded one")
    server.add_argument("--home", type=Path, help="where its secret and files are")
    given = parser.parse_args(arguments)
    problems = Console(stderr=True)
    try:
        if given.command == "build":
            building.build()
        elif given.command == "serve":
            serving.serve(given.home or default_home(), _listening(given), url=given.url)
        else:
            # So that the server ends with us, however we are told to.
            signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
            return demo.demo()
    except (
        building.NotBuiltError,
        serving.NotServedError,
        driving.UnansweredError,
        httpx.HTTPError,
    ) as error:
        problems.print(str(error), style="red", highlight=False, markup=False)
        return demo.FINDING
    except KeyboardInterrupt:
        return _INTERRUPTED
    return demo.OK


def _listening(given: argparse.Namespace) -> socket.socket:
    if given.descriptor is not None:
        return socket.socket(fileno=given.descriptor)
    opened = serving.listen(given.port)
    Console(stderr=True).print(f"http://{serving.HOST}:{opened.getsockname()[1]}")
    return opened


if __name__ == "__main__":
    sys.exit(main())
