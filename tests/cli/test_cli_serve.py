"""`threadkeep serve`: processes that are killed and stopped, and what it refuses to serve."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from commands import Cli
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from served import Load, Served, serving

from processes import SECONDS, await_end
from threadkeep import ThreadkeepWarning, connect
from threadkeep.cli import serve
from threadkeep.cli import serving as composed
from threadkeep.server.limits import Rate
from threadkeep.server.settings import resolve
from threadkeep.testing.fixtures import FOLDER
from threadkeep.testing.servers import Database

CLIENTS = 50
# Enough for requests to be under way at every moment; the long proof takes more.
_SECONDS = 1.5


@pytest.fixture(scope="module")
def folder() -> Path:
    """Where the servers of this module keep what is theirs; it goes with the session's folder."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    made = Path(os.environ[FOLDER]) / f"served-{worker}"
    made.mkdir(exist_ok=True)
    made.chmod(0o755)
    return made


@dataclass
class Story:
    """What happened to a server under load, and what its clients were told."""

    load: Load
    replaced: bool
    answered: int
    counted: float
    code: int
    log: str


async def play(folder: Path, *, times: int, seconds: float) -> Story:
    """Kill workers and then everything under load, as often; at last stop it by SIGTERM."""
    arguments = ("--data", str(folder / "data"), "--workers", "2", "--log-format", "json")
    load = Load("", CLIENTS)
    replaced = True
    for _ in range(times):
        with serving(folder, *arguments, "--port", "0") as served:
            load.url = served.url
            async with load.running():
                await asyncio.sleep(seconds)
                replaced &= await _kill_a_worker(served)
                await asyncio.sleep(seconds)
                await asyncio.to_thread(served.kill_all)
    with serving(folder, *arguments, "--port", "0", "--metrics") as served:
        load.url = served.url
        before = load.statuses[201]
        async with load.running():
            await asyncio.sleep(seconds)
            answered = load.statuses[201] - before
            async with httpx.AsyncClient(timeout=SECONDS, trust_env=False) as client:
                metrics = await client.get(f"{served.url}/metrics")
            code = await asyncio.to_thread(served.terminate)
        log = served.said()
    found = re.findall(r'\nthreadkeep_requests_total{.*status="201"} (.*)', metrics.text)
    return Story(load, replaced, answered, sum(map(float, found)), code, log)


async def _kill_a_worker(served: Served) -> bool:
    """Kill one of the workers; whether another took its place."""
    before = served.workers
    before[0].kill()
    for _ in range(600):
        alive = [worker for worker in served.workers if worker not in before]
        if alive:
            return True
        await asyncio.sleep(0.05)
    return False


@pytest.fixture(scope="module")
def story(folder: Path) -> Story:
    """One short run of it all."""
    return asyncio.run(play(folder, times=1, seconds=_SECONDS))


def test_every_acknowledged_message_is_there_once_whatever_was_killed(
    story: Story, folder: Path
) -> None:
    """Two workers, 50 clients, SIGKILL for a worker and then for everything, and SIGTERM.

    [N10]
    """
    assert_kept(story.load, folder)
    assert story.replaced


def assert_kept(load: Load, folder: Path) -> None:
    """What was acknowledged is there once and in order; at most one more is, whose answer was lost.

    A message without an answer may be stored; it was sent again and is there once all the same.
    """
    assert set(load.statuses) <= {201, 503}
    assert sum(map(len, load.acknowledged.values())) > 0
    with pytest.warns(ThreadkeepWarning, match="embedded"):
        opened = connect(data=folder / "data")
    with opened as store:
        chat = store.owner("local")
        for thread, acknowledged in load.acknowledged.items():
            stored = [m.id for m in chat.messages.list(thread, tree=True, limit=1000)]
            assert stored[: len(acknowledged)] == acknowledged
            assert len(stored) <= len(acknowledged) + 1
            assert len(set(stored)) == len(stored)


def test_a_server_that_is_told_to_stop_ends_in_order(story: Story) -> None:
    """After SIGTERM under load it exits with 0, and nothing in its log is an error. [N10]"""
    assert story.code == 0
    records = [json.loads(line) for line in story.log.splitlines()]
    assert [r for r in records if r["level"] in ("error", "critical")] == []
    assert records[-1]["message"].startswith("Stopping parent process")


def test_metrics_are_those_of_all_workers(story: Story) -> None:
    """Whichever worker is asked, it tells of every request that was answered before. [N10]"""
    assert story.counted >= story.answered > 0


def test_a_request_under_way_is_finished_when_the_server_is_told_to_stop(
    folder: Path, database: Database
) -> None:
    """Its answer comes after SIGTERM; who connects meanwhile is refused; then the server ends.

    [N10]
    """
    with serving(folder, "--port", "0", "--url", database.url) as served:
        place = ("127.0.0.1", int(served.url.rpartition(":")[2]))
        body = b'{"id":"slow"}'
        head = f"POST /threads HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n"
        with socket.create_connection(place) as slow:
            slow.sendall(head.encode() + b"content-type: application/json\r\n\r\n" + body[:5])
            _until(lambda: "Shutting down" in served.said(), served.begin_to_stop)
            with pytest.raises(OSError, match="refused"):
                socket.create_connection(place, timeout=5)
            slow.sendall(body[5:])
            answer = b"".join(iter(lambda: slow.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 201")
        assert served.process.wait(SECONDS) == 0
    with connect(database.url) as store:
        assert store.owner("local").threads.get("slow").id == "slow"


def _until(held: Callable[[], bool], begin: Callable[[], None]) -> None:
    begin()
    deadline = time.monotonic() + SECONDS
    while not held():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    # uvicorn closes what it listens on right after it has said so.
    time.sleep(0.2)


def test_the_log_of_a_server_has_no_ids_and_no_content(story: Story) -> None:
    """A line a request: the template of its route, and not one path, id or text. [N10]"""
    requests = [json.loads(line) for line in story.log.splitlines() if '"request_id"' in line]
    assert {r["route"] for r in requests} <= {
        "/threads/{thread_id}/messages",
        "/readyz",
        "/metrics",
    }
    assert "thread-1" not in story.log
    assert "xxxx" not in story.log


@pytest.mark.prove
def test_many_kills_under_load_lose_nothing(folder: Path) -> None:
    """The same with ten kills of everything, each under load."""
    long = folder / "long"
    long.mkdir()
    long.chmod(0o755)
    story = asyncio.run(play(long, times=10, seconds=4.0))
    assert_kept(story.load, long)
    assert story.replaced
    assert story.code == 0


@pytest.mark.prove
def test_two_hundred_clients_for_a_minute_meet_no_error_and_memory_stays(folder: Path) -> None:
    """Each request is answered, none with an error, and no worker grows after its first third."""

    async def run() -> tuple[Load, list[int], list[int]]:
        arguments = ("--data", str(folder / "data"), "--workers", "2", "--port", "0")
        with serving(folder, *arguments, "--log-level", "warning") as served:
            load = Load(served.url, 200, {"Threadkeep-Owner": "many"})
            async with load.running():
                await asyncio.sleep(20)
                early = sizes(served)
                await asyncio.sleep(40)
                late = sizes(served)
            return load, early, late

    load, early, late = asyncio.run(run())
    assert set(load.statuses) == {201}
    assert load.broken == 0
    for before, after in zip(early, late, strict=True):
        assert after < before * 1.1 + 8_000_000


def sizes(served: Served) -> list[int]:
    """The resident memory of each worker."""
    return [worker.memory_info().rss for worker in served.workers]


@contextlib.contextmanager
def taken_port() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])  # noqa: S104
def test_without_auth_it_listens_on_loopback_only(
    cli: Cli, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any other host is refused, by flag or variable, and the error says what to configure."""
    ended = cli("serve", "--host", host, "--json")
    assert ended.code == 2
    assert ended.errors[0]["error"]["code"] == "invalid"
    assert "without auth" in ended.errors[0]["error"]["message"]
    monkeypatch.setenv("THREADKEEP_SERVE_HOST", host)
    assert cli("serve").code == 2


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        ({}, None),
        ({"keys": True}, {"keys", "tokens"}),
        ({"anonymous": True}, {"anonymous", "tokens"}),
        ({"jwt_secret_file": "secret"}, {"jwt"}),
        ({"jwt_jwks_url": "https://keys.example/set"}, {"jwt"}),
        ({"jwt_public_key": "key.pem", "keys": True}, {"jwt", "keys", "tokens"}),
    ],
)
def test_who_may_call_is_what_the_settings_say(
    flags: dict[str, Any], wanted: set[str] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each way to show who one is is there when it is configured, and no other. [N11]"""
    monkeypatch.chdir(tmp_path)
    Path("secret").write_text("s" * 32)
    public = Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    Path("key.pem").write_bytes(
        generate_private_key(SECP256R1()).public_key().public_bytes(*public)
    )
    said = {"url": "postgresql://app@127.0.0.1/none", "secret_file": "secret", "rate": "5/hour"}
    settings = composed.with_secret(resolve({**said, **flags}, {}))
    app: Any = composed.app_of(settings)
    service = app.state.threadkeep
    assert service.auth.open == (wanted is None)
    if wanted is not None:
        given = {name for name in ("jwt", "keys", "anonymous", "tokens") if _has(service, name)}
        assert given == wanted
    assert service.limits.rates["calls"] == Rate(5, 3600)


def _has(service: Any, name: str) -> bool:
    return getattr(service.auth, name) is not None


def test_a_proxy_is_believed_only_when_it_is_named() -> None:
    """By default nobody may say for whom it calls; a named proxy may."""
    assert serve._config(resolve({}, {})).proxy_headers is False
    trusting = serve._config(resolve({"proxy": ["10.0.0.0/8"]}, {}))
    assert trusting.proxy_headers is True
    assert trusting.forwarded_allow_ips == ["10.0.0.0/8"]


def test_a_wrong_call_ends_before_anything_is_started(cli: Cli, tmp_path: Path) -> None:
    """A bad setting, a secret that is too short and a port that is taken end with 2. [N12]"""
    short = tmp_path / "secret"
    short.write_text("short")
    with taken_port() as port:
        for arguments, named in (
            (("--rate", "often"), "--rate"),
            (("--log-format", "xml"), "--log-format"),
            (("--config", str(tmp_path / "none.toml")), "--config"),
            (("--keys", "--secret-file", str(short)), "secret"),
            (("--cors-origin", "*"), "origins"),
            (("--port", str(port)), "--port"),
        ):
            ended = cli("serve", *arguments, "--json")
            assert (ended.code, ended.out) == (2, "")
            assert named in json.loads(ended.err.splitlines()[-1])["error"]["message"]


def test_a_database_that_cannot_be_used_is_told_at_once(cli: Cli, empty_database: Database) -> None:
    """Without the tables it ends with 5 and names the command that makes them. [N12]"""
    ended = cli("serve", "--port", "0", "--url", empty_database.url, "--json")
    assert ended.code == 5
    assert "threadkeep migrate up" in ended.err


def test_the_secret_is_made_once_and_only_its_owner_reads_it(
    folder: Path, database: Database
) -> None:
    """Restarts share what was made at first: a token of before is good after it.

    The settings come from a file, a variable and flags at once. [N11]
    """
    secret = folder / "kept-server-secret"
    file = folder / "server.toml"
    file.write_text("anonymous = true\nport = 1\nmetrics = true\n", "utf-8")
    variables = {
        "THREADKEEP_SERVE_CONFIG": str(file),
        "THREADKEEP_SERVE_METRICS": "false",
        "THREADKEEP_DATA": str(folder / "kept"),
        "THREADKEEP_URL": database.url,
    }
    tokens: list[str] = []
    for _ in range(2):
        with (
            serving(folder, "--port", "0", environment=variables) as served,
            httpx.Client(base_url=served.url, trust_env=False) as client,
        ):
            for token in tokens:
                headers = {"Authorization": f"Bearer {token}"}
                assert client.get("/v1/threads", headers=headers).status_code == 200
            made = client.post("/v1/auth/tokens/anonymous").json()
            tokens.append(made["access_token"])
            assert client.get("/metrics").status_code == 404
            assert served.terminate() == 0
    assert secret.stat().st_mode & 0o777 == 0o600
    assert len(secret.read_text()) >= 64
    assert [p.name for p in folder.glob("kept*")] == ["kept-server-secret"]


def test_workers_do_not_outlive_their_parent(folder: Path) -> None:
    """When the command is killed alone its workers end, and the port is free."""
    arguments = ("--data", str(folder / "data"), "--workers", "2", "--port", "0")
    with serving(folder, *arguments) as served:
        workers = served.workers
        assert len(workers) == 2
        served.process.kill()
        await_end(workers)
        port = int(served.url.rpartition(":")[2])
        deadline = time.monotonic() + SECONDS
        while True:
            with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
                break
            assert time.monotonic() < deadline
            time.sleep(0.1)
