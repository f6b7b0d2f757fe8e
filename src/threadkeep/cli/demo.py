"""`threadkeep demo`: the promises of the store, kept before one's eyes."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from threadkeep.cli import cut, endings, story
from threadkeep.cli.opening import Database
from threadkeep.cli.options import Data, Json, Schema, Url
from threadkeep.cli.screen import Screen, console_of
from threadkeep.cli.transcript import Step, parts_of, path_of, text_of_part
from threadkeep.connecting import default_folder
from threadkeep.values import jsontext
from threadkeep.values.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from threadkeep import Message, Window
    from threadkeep.sync import Owner, Store

_SENT: Final[Mapping[str, str]] = {
    jsontext.decode(text)["id"]: text for text in (*story.FIRST, *story.ASKED, *story.EDITED)
}
_SECONDS: Final = 120
_FOLD: Final = 40


@dataclass(frozen=True, slots=True)
class Check:
    """One promise, whether it held, and what was seen."""

    name: str
    held: bool
    seen: str


@dataclass(frozen=True, slots=True)
class Cut:
    """What a process that was killed in a turn left, and the turn after it."""

    run: str
    status: str
    acknowledged: Sequence[str]
    messages: Sequence[Message]
    next_status: str


@dataclass(frozen=True, slots=True)
class Play:
    """What happened."""

    thread_id: str
    tree: Sequence[Step]
    window: Window[Message]
    cut: Cut
    checks: Sequence[Check]

    @property
    def held(self) -> bool:
        """Whether all promises held."""
        return all(check.held for check in self.checks)


def demo(
    *, url: Url = None, schema: Schema = "threadkeep", data: Data = None, json: Json = False
) -> int:
    """Store a conversation, lose nothing of it, and print the window that a model would get.

    A process of its own is killed in the middle of a turn, to show what is kept. Uses the
    embedded PostgreSQL unless --url is given. Each run stores one more conversation of the owner
    `demo` and changes nothing else.
    """
    screen = Screen(json)
    database = Database(url, schema, data)
    # The environment may name an app's own database, and a demonstration is not meant for that.
    chosen = database if url else replace(database, data=data or default_folder())
    with ExitStack() as stack:
        with console_of("stderr").status("starting PostgreSQL"):
            store = stack.enter_context(chosen.open(screen.notice))
        play = _play(store, chosen)
    if json:
        screen.data(_facts(play))
    else:
        _tell(screen, play, database)
    return endings.OK if play.held else endings.FINDING


# --- what happens -------------------------------------------------------------------------------


def _play(store: Store, database: Database) -> Play:
    own = store.owner(story.OWNER)
    thread_id = own.threads.create(title=story.TITLE).id
    for texts in (story.FIRST, story.ASKED):
        own.messages.append(thread_id, texts, dialect="threadkeep")
    _append_edited(own, thread_id)
    tree = list(own.messages.list(thread_id, tree=True))
    window = own.messages.window(thread_id, turns=1)
    checks = [
        _reopened(thread_id, database),
        _retried(own, thread_id),
        _isolated(store, thread_id),
        _windowed(window),
    ]
    left = _cut_off(own, thread_id, database)
    return Play(thread_id, _branched(tree), window, left, [*checks, _kept(left)])


def _append_edited(own: Owner, thread_id: str) -> None:
    own.messages.append(thread_id, story.EDITED, dialect="threadkeep", parent=story.EDITED_UNDER)


def _branched(tree: Sequence[Message]) -> list[Step]:
    """All messages, each with its siblings."""
    steps = {step.message.id: step for m in tree for step in path_of(tree, m.id)}
    return [steps[message.id] for message in tree]


def _reopened(thread_id: str, database: Database) -> Check:
    """Read the conversation in another process and compare it, byte for byte."""
    call = [sys.executable, "-m", "threadkeep", "export", thread_id, "--owner", story.OWNER]
    call += database.options()
    done = subprocess.run(call, capture_output=True, timeout=_SECONDS, check=False)
    if done.returncode != endings.OK:
        seen = f"another process ended with {done.returncode}"
        return Check("nothing_lost", held=False, seen=seen)
    read = dict(_payloads(done.stdout.decode().splitlines()))
    same = sum(read.get(id_) == sent for id_, sent in _SENT.items())
    return Check(
        "nothing_lost",
        len(read) == len(_SENT) == same,
        f"another process read {len(read)} messages: {same} are equal, byte for byte",
    )


def _payloads(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    """The payloads of an export by message id; each message of the story is one line of it."""
    for line in lines:
        facts, found, payload = line.partition(',"payload":')
        if found and facts.startswith('{"id"'):
            yield jsontext.decode(facts + "}")["id"], payload.removesuffix(",").removesuffix("}")


def _retried(own: Owner, thread_id: str) -> Check:
    before = own.messages.count(thread_id, tree=True)
    _append_edited(own, thread_id)
    after = own.messages.count(thread_id, tree=True)
    seen = f"the last append was sent again: {before} messages before, {after} after"
    return Check("nothing_twice", before == after, seen)


def _isolated(store: Store, thread_id: str) -> Check:
    stranger = store.owner(story.STRANGER)
    read = len(stranger.messages.list(thread_id, tree=True))
    try:
        stranger.threads.get(thread_id)
    except NotFoundError:
        seen = f"another owner reads {read} messages, and the thread is unknown to it"
        return Check("isolated", read == 0, seen)
    return Check("isolated", held=False, seen="another owner can read the thread")


def _windowed(window: Window[Message]) -> Check:
    whole = [message.id for message in window] == [jsontext.decode(t)["id"] for t in story.EDITED]
    seen = f"the window of 1 turn has {len(window)} messages: the call and its result are both in"
    return Check("window_whole", whole, seen)


def _cut_off(own: Owner, thread_id: str, database: Database) -> Cut:
    """Kill another process in the middle of a turn, come back, and go on."""
    run, *acknowledged = cut.play(thread_id, database) or [""]
    if not acknowledged:
        return Cut(run, "not begun", (), (), "not begun")
    status = _awaited(own, thread_id, run)
    question, answer = story.NEXT
    with own.turn(thread_id, question, dialect="threadkeep", exclusive=True) as turn:
        turn.append(answer, dialect="threadkeep")
    runs = (run, turn.id)
    messages = [m for m in own.messages.list(thread_id, tree=True) if m.run in runs]
    return Cut(run, status, acknowledged, messages, own.runs.get(thread_id, turn.id).status)


def _awaited(own: Owner, thread_id: str, run: str) -> str:
    """How a run stands that nobody renews, as soon as its lease has passed."""
    deadline = time.monotonic() + _SECONDS
    while True:
        status = own.runs.get(thread_id, run).status
        if status != "running" or time.monotonic() > deadline:
            return status
        time.sleep(0.05)


def _kept(left: Cut) -> Check:
    of_it = [message for message in left.messages if message.run == left.run]
    whole = [message.id for message in of_it] == [*left.acknowledged] == [*story.CUT_IDS]
    marked = (left.status, left.next_status) == ("interrupted", "complete")
    partial = [message.status for message in of_it] == ["complete", "interrupted"]
    seen = (
        f"killed in a turn: {len(of_it)} of {len(left.acknowledged)} messages kept, "
        f"its run {left.status}, the next one {left.next_status}"
    )
    return Check("killed_in_a_turn", whole and marked and partial, seen)


# --- what is shown ------------------------------------------------------------------------------


def _tell(screen: Screen, play: Play, database: Database) -> None:
    path = {step.message.id for step in path_of([s.message for s in play.tree], play.window[-1].id)}
    again = [*_program(), "show", play.thread_id, "--owner", story.OWNER, *database.options()]
    screen.print(
        Text(
            f"\nStored: {len(play.tree)} messages, with tool calls and an edited question", "bold"
        ),
        Padding(_table(play.tree, path), (0, 0, 0, 2)),
        Text("\nAs it is stored: what the forecast said, verbatim", "bold"),
        Padding(Text(story.FORECAST, style="dim"), (0, 0, 0, 2)),
        Text("\nChecked", "bold"),
    )
    for check in play.checks:
        mark = ("✓ ", "green") if check.held else ("✗ ", "red")
        screen.print(Padding(Text.assemble(mark, check.seen), (0, 0, 0, 2)))
    if play.cut.messages:
        left = [Step(message, ()) for message in play.cut.messages]
        said = "\nA process was killed in the middle of its answer; the next turn went on"
        screen.print(Text(said, "bold"), Padding(_table(left, None), (0, 0, 0, 2)))
    screen.print(
        Text(f"\nWhat a model would get: 1 turn, about {play.window.tokens} tokens", "bold"),
        Padding(_table([Step(message, ()) for message in play.window], path), (0, 0, 0, 2)),
        Text("\nIt is kept. See it again:", "bold"),
        f"  {shlex.join(again)}",
    )


def _program() -> list[str]:
    """How the reader can call this program: by its name only where the shell would find it."""
    if shutil.which("threadkeep"):
        return ["threadkeep"]
    if Path(sys.argv[0]).name == "threadkeep":
        return [sys.argv[0]]
    return [sys.executable, "-m", "threadkeep"]


def _table(steps: Sequence[Step], path: set[str | None] | None) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(ratio=1)
    table.add_column(style="yellow", no_wrap=True)
    for step in steps:
        lines = [text_of_part(part, fold=_FOLD) for part in parts_of(step.message)]
        status = step.message.status
        branch = "" if status == "complete" else str(status)
        if len(step.siblings) > 1:
            place = step.siblings.index(step.message.id or "") + 1
            branch = f"branch {place} of {len(step.siblings)}"
        style = "" if path is None or step.message.id in path else "dim"
        table.add_row(step.message.role, Text("\n").join(lines), branch, style=style)
    return table


def _facts(play: Play) -> dict[str, Any]:
    return {
        "thread": play.thread_id,
        "owner": story.OWNER,
        "held": play.held,
        "messages": len(play.tree),
        "checks": [asdict(check) for check in play.checks],
        "window": [message.id for message in play.window],
        "killed": {
            "run": play.cut.run,
            "status": play.cut.status,
            "acknowledged": play.cut.acknowledged,
            "messages": [message.id for message in play.cut.messages],
            "next": play.cut.next_status,
        },
    }
