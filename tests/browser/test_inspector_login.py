"""The inspector of a server that wants a token: who may look, and what is said of failures."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from inspected import DESKTOP, PHONE, Reader, served
from playwright.sync_api import expect

import threadkeep
from threadkeep import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Route

    from threadkeep.testing.servers import Database


class Keyed:
    """A server that takes API keys, and keys of some."""

    def __init__(self, url: str, keys: dict[str, str]) -> None:
        self.url = url
        self.keys = keys


@pytest.fixture(scope="module")
def server(shared_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    """One owner with a thread, an administrator, a stranger, and one who may only write."""
    with threadkeep.connect(shared_database.url) as store:
        acme = store.owner("acme")
        acme.threads.create("secret", title="What only acme knows")
        acme.messages.append("secret", [Message.user("The word is swordfish", id="m")])
        scopes = {"admin": ["read", "admin"], "owner": ["read"], "writer": ["write"]}
        keys = {name: acme.keys.create(name, scopes=said).text for name, said in scopes.items()}
        keys["stranger"] = store.owner("other").keys.create("stranger").text
    with served(shared_database, tmp_path_factory.mktemp("login"), "--keys") as url:
        yield Keyed(url, keys)


def enter(reader: Reader, token: str) -> None:
    """Give a token."""
    reader.page.get_by_label("Token", exact=True).fill(token)
    reader.page.get_by_role("button", name="Look inside").click()


def refused(reader: Reader, status: int) -> None:
    """The browser tells such an answer by itself."""
    reader.complaints = [one for one in reader.complaints if f"{status} (" not in one]


def answered(answer: dict[str, Any] | None, route: Route) -> None:
    """Answer in the place of the server, or not at all."""
    if answer is None:
        route.abort()
    else:
        route.fulfill(**answer)


def test_a_token_opens_what_it_may_see(chromium: Browser, server: Keyed) -> None:
    """Without one there is a form; it stays in this tab only and goes when it is forgotten."""
    reader = Reader(chromium, server.url, at="#/threads/secret", bypass_csp=True)
    page = reader.page
    expect(page.get_by_label("Token", exact=True)).to_be_focused()
    for width, height in (DESKTOP, PHONE):
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert reader.serious() == []
            assert reader.too_wide() == []
    page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    enter(reader, "tk_0000000000000000_none_none")
    expect(page.get_by_role("alert")).to_contain_text("does not take this token")
    enter(reader, "ein Schlüssel")
    expect(page.get_by_role("alert")).to_contain_text("letters, digits")
    enter(reader, f"Bearer {server.keys['owner']}")
    expect(page.get_by_text("The word is swordfish")).to_be_visible()
    expect(page.get_by_role("button", name="acme")).to_have_count(0)  # it may not choose another
    page.reload()
    expect(page.get_by_text("The word is swordfish")).to_be_visible()
    kept = page.evaluate("[JSON.stringify(localStorage), document.cookie, location.href]")
    assert all(server.keys["owner"] not in text for text in kept)
    assert all(server.keys["owner"] not in url for url in reader.asked)
    page.get_by_role("button", name="Forget the token").click()
    expect(page.get_by_label("Token", exact=True)).to_be_visible()
    expect(page.get_by_text("The word is swordfish")).to_be_hidden()
    assert page.evaluate("sessionStorage.length") == 0
    refused(reader, 401)
    reader.leave()


def test_a_stranger_sees_nothing(chromium: Browser, server: Keyed) -> None:
    """Another owner's token finds no thread, neither in the list nor by its address."""
    reader = Reader(chromium, server.url)
    enter(reader, server.keys["stranger"])
    expect(reader.page.get_by_text("No thread is like that.")).to_be_visible()
    reader.page.goto("/inspector/#/threads/secret")
    expect(reader.page.get_by_text("There is nothing here")).to_be_visible()
    assert "acme" not in reader.page.content()
    assert "swordfish" not in reader.page.content()
    reader.page.goto("/inspector/#/usage")
    expect(reader.page.get_by_text("Nothing was counted")).to_be_visible()
    refused(reader, 401)
    refused(reader, 404)
    reader.leave()


def test_nothing_of_one_reader_is_left_for_the_next(chromium: Browser, server: Keyed) -> None:
    """Whoever leaves takes all along at once, however long the server then takes to answer."""
    reader = Reader(chromium, server.url, at="#/threads/secret")
    page = reader.page
    page.clock.install()
    enter(reader, server.keys["admin"])
    expect(page.get_by_text("The word is swordfish")).to_be_visible()
    expect(page).to_have_title("What only acme knows, threadkeep inspector")
    page.get_by_role("button", name="acme").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="acme")).to_be_visible()
    reader.press("Escape")
    waiting: list[Route] = []
    page.route("**/me", lambda route: waiting.append(route))
    page.get_by_label("Title").fill("acme")  # the list waits a moment before it asks for this
    with page.expect_request("**/me"):
        page.get_by_role("button", name="Forget the token").click()
    for known in ("swordfish", "acme", "secret"):
        assert known not in page.content()
        assert known not in page.title() + page.url
    page.clock.run_for(2_000)
    waiting[0].continue_()
    expect(page.get_by_label("Token", exact=True)).to_be_focused()
    assert not any("title=acme" in url for url in reader.asked)
    refused(reader, 401)
    reader.leave()


def test_an_administrator_chooses_an_owner(chromium: Browser, server: Keyed) -> None:
    """Who may look at all owners goes from one to another."""
    reader = Reader(chromium, server.url)
    enter(reader, server.keys["admin"])
    expect(reader.threads).to_have_count(1)
    reader.page.get_by_role("button", name="acme").click()
    reader.page.get_by_label("Owner").fill("nobody yet")
    reader.press("Enter")
    expect(reader.page.get_by_text("No thread is like that.")).to_be_visible()
    expect(reader.page.get_by_role("button", name="nobody yet")).to_be_visible()
    refused(reader, 401)
    reader.leave()


def test_what_fails_is_told_kindly(chromium: Browser, server: Keyed) -> None:
    """No scope, no database, too many calls, no server: each has its sentence and a way on."""
    reader = Reader(chromium, server.url)
    page = reader.page
    enter(reader, server.keys["writer"])
    expect(page.get_by_role("alert")).to_contain_text("may not read")
    page.get_by_role("button", name="Begin anew").click()
    enter(reader, server.keys["owner"])
    expect(reader.threads).to_have_count(1)
    for answer, sentence in (
        ({"status": 503, "json": {"code": "unavailable"}}, "The database cannot be reached"),
        ({"status": 429, "headers": {"Retry-After": "7"}}, "Try again in 7 seconds"),
        ({"status": 500, "body": "<html>"}, "The server failed"),
        (None, "The server does not answer"),
    ):
        page.route("**/threads/secret", partial(answered, answer))
        page.goto("/inspector/")
        reader.threads.first.click()
        expect(page.get_by_role("alert")).to_contain_text(sentence)
        page.unroute_all()
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_text("The word is swordfish")).to_be_visible()
    reader.complaints.clear()  # the browser tells each of them
    reader.leave()
