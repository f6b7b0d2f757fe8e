"""The command line, one module per command.

- `app`        the program: its commands, and how it ends
- `endings`    exit codes, and errors as one line
- `screen`     what goes to stdout and what to stderr
- `options`    the options that several commands share
- `opening`    from options to a store
- `listing`    how many a list shows, and whether there are more
- `documents`  threads and messages as JSON texts, payloads verbatim
- `importing`  puts what a source yields into a store; knows no terminal
- `transcript` a conversation for people
- `migrate`, `doctor`, `reap`, `threads`, `show`, `import_`, `export`, `demo`: the commands

Importing this package imports none of them: `importing` and `documents` work without a terminal.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command that the process was called with, and end the process."""
    from threadkeep.cli.app import run

    sys.exit(run(sys.argv[1:]))
