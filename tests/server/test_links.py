"""Signed links: whose they are, how long they are good, and how they are found again in text."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadkeep.server.links import Links, Use, Who, is_base, key_in
from threadkeep.server.problems import Problem
from threadkeep.testing.strategies import ids

BASE = "https://chat.example.org/v1/files"
KEY = f"attachments/{'0a' * 16}.png"
LINKS = Links(b"a secret of at least 32 bytes, really")
ANN = Who("acme", "ann")


def query_of(url: str) -> dict[str, str]:
    """The parameters of a link."""
    return dict(pair.split("=") for pair in url.partition("?")[2].split("&"))


def refused(use: Use, key: str, query: dict[str, str]) -> str:
    """The code with which a link is refused."""
    with pytest.raises(Problem) as error:
        LINKS.check(use, key, query)
    assert error.value.status == 403
    return error.value.code


@given(ids(), st.none() | ids())
def test_a_link_tells_for_whom_it_was_made(owner: str, user: str | None) -> None:
    """Any owner and user come back from a link, which is found in text that holds it."""
    who = Who(owner, user)
    url, until = LINKS.download(BASE, KEY, who)
    assert until > time.time()
    assert LINKS.check("get", KEY, query_of(url)) == who
    assert LINKS.keys(json.dumps({"image": url})) == [KEY]


def test_an_altered_link_is_refused() -> None:
    """Another use, key, owner, time or type is not under the signature."""
    query = query_of(LINKS.download(BASE, KEY, ANN)[0])
    other = f"attachments/{'0b' * 16}.png"
    assert refused("put", KEY, query) == "link_invalid"
    assert refused("get", other, query) == "link_invalid"
    for name, value in (
        ("who", Who("acme", "bob").text()),
        ("who", Who("acme", None).text()),
        ("until", str(int(query["until"]) + 1)),
        ("until", "9" * 13),
        ("until", "-1"),
        ("until", "\u0663"),
        ("signature", query["signature"][:-1] + "-"),
        ("signature", "\ud800"),
        ("signature", ""),
        ("type", "text/html"),
    ):
        assert refused("get", KEY, query | {name: value}) == "link_invalid", name
    typed = query_of(LINKS.upload(BASE, KEY, ANN, media_type="image+x")[0])
    assert "type" in typed
    del typed["type"]
    assert refused("put", KEY, typed) == "link_invalid"
    with pytest.raises(Problem):
        Links(b"another secret of at least 32 bytes").check("get", KEY, query)


def test_a_link_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uploads end after a quarter of an hour, downloads after a half at the latest."""
    for use, made in (
        ("put", LINKS.upload(BASE, KEY, ANN, media_type=None)),
        ("get", LINKS.download(BASE, KEY, ANN)),
    ):
        url, until = made
        left = until - time.time()
        assert (899 < left <= 900) if use == "put" else (899 < left <= 1800)
        with monkeypatch.context() as later:
            later.setattr(time, "time", lambda until=until: until + 1.0)
            assert refused("get" if use == "get" else "put", KEY, query_of(url)) == "link_expired"


def test_links_in_text_are_renewed_and_all_else_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """An old link becomes one of the reader at the place of the reader; others stay as they are."""
    with monkeypatch.context() as before:
        before.setattr(time, "time", lambda: 1_700_000_000.0)
        old, _ = LINKS.download("http://http.old.example:8000/v1/files", KEY, Who("anon_1", None))
        forged, _ = Links(b"another secret of at least 32 bytes").download(BASE, KEY, ANN)
        put, _ = LINKS.upload(BASE, KEY, ANN, media_type=None)
    fresh, _ = LINKS.download(BASE, KEY, ANN)
    text = json.dumps({"a": [f"see {old}, http://x {old}"], "b": forged, "c": put, "d": f"{old}x"})
    expected = text.replace(f"{old},", f"{fresh},").replace(f'{old}"]', f'{fresh}"]')
    assert LINKS.renewed(text, BASE, ANN) == expected
    assert LINKS.keys(text) == [KEY]
    assert LINKS.renewed(expected, BASE, ANN) == expected


@given(
    st.lists(
        st.sampled_from(
            [
                "http://",
                "https://",
                "://",
                "a.example",
                '"',
                "\\",
                "/v1/files/",
                f"/v1/files/{KEY}?who=",
                LINKS.download(BASE, KEY, ANN)[0],
                LINKS.download(BASE, KEY, ANN)[0][5:],
                "\n",
            ]
        ),
        max_size=12,
    )
)
def test_renewing_again_changes_nothing(pieces: list[str]) -> None:
    """Whatever surrounds links, what was renewed is found again, and is as it was."""
    text = "".join(pieces)
    renewed = LINKS.renewed(text, BASE, ANN)
    assert LINKS.renewed(renewed, BASE, ANN) == renewed
    assert LINKS.keys(renewed) == LINKS.keys(text)


def test_finding_links_takes_time_in_proportion() -> None:
    """A megabyte of beginnings of links is looked through at once."""
    for piece in ("http://", f"/v1/files/{KEY}?who=", f"http://a/v1/files/{KEY}?who=a&until=1"):
        text = piece * (1_000_000 // len(piece)) + f"/v1/files/{KEY}"
        started = time.process_time()
        assert LINKS.renewed(text, BASE, ANN) == text
        assert time.process_time() - started < 1


def test_only_urls_of_hosts_can_be_a_base() -> None:
    """What stands before a link never ends the JSON string that it stands in."""
    assert is_base("https://[::1]:8000/under/v1/files")
    for base in (
        'http://a"b/v1/files',
        "http://a\\b",
        "http://a b",
        "ftp://a",
        "http://\u00fc",
        "",
    ):
        assert not is_base(base)
    assert not is_base("http://" + "a" * 500)


def test_a_key_is_read_from_a_link_by_its_form() -> None:
    """The key of any link of ours, and of nothing else."""
    assert key_in(LINKS.download(BASE, KEY, ANN)[0]) == KEY
    assert key_in(f"{BASE}/{KEY}") == KEY
    for url in ("", KEY, f"{BASE}/{KEY}X", f"{BASE}/attachments/../secret", f"{BASE}/{KEY}/x"):
        assert key_in(url) is None
