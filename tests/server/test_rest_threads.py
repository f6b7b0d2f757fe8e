"""/threads over HTTP."""

from __future__ import annotations

import json
from typing import Any

import httpx
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_kit import at, calling, code, said

from threadkeep.server import Service, create_app, rest_router
from threadkeep.store import AsyncStore


async def test_threads_are_listed_with_cursors(app: FastAPI, store: AsyncStore) -> None:
    """The list has the caller's own threads only, page by page, newest activity first. [N3]"""
    chat = store.owner("ada")
    made = [(await chat.threads.create(f"t{n}", title=f"Trip {n}")).id for n in range(5)]
    await store.owner("bob").threads.create("foreign")
    async with calling(app) as client:
        seen: list[str] = []
        cursor = None
        while True:
            page = (
                await client.get(
                    "/threads", params={"limit": 2} | ({"cursor": cursor} if cursor else {})
                )
            ).json()
            seen += [thread["id"] for thread in page["threads"]]
            assert page["has_more"] is (page["next_cursor"] is not None)
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == made[::-1]
        empty = (await client.get("/threads", params={"status": "archived"})).json()
        assert empty == {
            "threads": [],
            "truncated": False,
            "next_cursor": None,
            "previous_cursor": None,
            "has_more": False,
        }


async def test_filters_are_and_ed_and_unknown_ones_refused(app: FastAPI, store: AsyncStore) -> None:
    """Title, metadata, user, external id and time each narrow the list; a slip is an error. [N3]"""
    chat = store.owner("ada")
    await chat.threads.create("a", title="50% off_ers", metadata={"tag": "x"}, external_id="e1")
    await store.owner("ada", "eve").threads.create("b", title="Lisbon")
    since = (await chat.threads.get("b")).active_at.isoformat()
    async with calling(app) as client:

        async def ids(query: str) -> list[str]:
            answer = await client.get(f"/threads?{query}")
            assert answer.status_code == 200, answer.text
            return [thread["id"] for thread in answer.json()["threads"]]

        assert await ids("title=50%25") == ["a"]
        assert await ids('metadata={"tag":"x"}') == ["a"]
        assert await ids("external_id=e1") == ["a"]
        assert await ids("user=eve") == ["b"]
        # A plus sign that was not encoded arrives as a space.
        assert await ids(f"since={since}") == ["b"]
        assert await ids(f"until={since.replace('+', '%2B')}") == ["a"]
        for query in (
            "stauts=all",
            "limit=0",
            "limit=1_0",
            "limit=ten",
            "order=up",
            "metadata=[1]",
            "metadata={",
            "since=yesterday",
            "since=1700000000",
            "since=2026-01-01T00:00:00",
        ):
            assert code(await client.get(f"/threads?{query}")) == (422, "invalid"), query
        assert code(await client.get("/threads?cursor=abc")) == (400, "invalid_cursor")


async def test_a_thread_is_made_changed_and_deleted(app: FastAPI) -> None:
    """A thread lives by its routes; the second delete finds none. [N4 N6]"""
    async with calling(app) as client:
        made = await client.post("/threads", json={"id": "t", "title": "A", "metadata": {"a": 1}})
        assert made.status_code == 201
        assert made.json()["owner"] == "ada"
        assert code(await client.post("/threads", json={"id": "t"})) == (409, "exists")
        again = await client.post("/threads", json={"id": "t", "exist_ok": True})
        assert (again.status_code, again.json()) == (200, made.json())
        changed = await client.patch(
            "/threads/t",
            json={"title": None, "metadata": {"b": {"c": 2}, "a": None}, "status": "archived"},
        )
        body = changed.json()
        assert (body["title"], body["metadata"], body["status"]) == (
            None,
            {"b": {"c": 2}},
            "archived",
        )
        locked = await client.patch("/threads/t", json={"access": "locked", "access_reason": "x"})
        assert locked.json()["access_reason"] == "x"
        refused = await client.post("/threads/t/messages", json={"messages": [said("user", "hi")]})
        assert code(refused) == (409, "thread_locked")
        deleted = await client.delete("/threads/t")
        assert (deleted.status_code, deleted.json()) == (200, {"status": "deleted"})
        assert code(await client.delete("/threads/t")) == (404, "not_found")
        assert code(await client.get("/threads/t")) == (404, "not_found")


async def test_a_change_of_what_was_changed_meanwhile_is_refused(app: FastAPI) -> None:
    """If-Match and expected_revision hold a change to what its caller has seen. [N6]"""
    async with calling(app) as client:
        tag = (await client.post("/threads", json={"id": "t"})).headers["etag"]
        same = await client.get("/threads/t", headers={"If-None-Match": tag})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
        await client.post("/threads/t/messages", json={"messages": [said("user", "hi")]})
        assert (await client.get("/threads/t", headers={"If-None-Match": tag})).status_code == 200
        # Messages do not count for the revision.
        first = await client.patch("/threads/t", json={"title": "1"}, headers={"If-Match": tag})
        assert first.status_code == 200
        late = await client.patch("/threads/t", json={"title": "2"}, headers={"If-Match": tag})
        assert code(late) == (412, "revision_moved")
        stale = await client.patch("/threads/t", json={"title": "2", "expected_revision": 0})
        assert code(stale) == (409, "revision_moved")
        wild = await client.patch("/threads/t", json={"title": "3"}, headers={"If-Match": "*"})
        assert wild.json()["title"] == "3"
        for wrong in ("t", '"a" "b"', '"', "W/"):
            answer = await client.patch("/threads/t", json={}, headers={"If-Match": wrong})
            assert code(answer) == (400, "invalid")
        other = await client.patch("/threads/t", json={}, headers={"If-Match": '"another"'})
        assert code(other) == (412, "revision_moved")


async def test_a_branch_is_forked_and_shown(app: FastAPI, store: AsyncStore) -> None:
    """A fork has the path to its message; the head is whatever message is named. [N6]"""
    async with calling(app) as client:
        items = [said("user", "one", "m1"), said("assistant", "two", "m2")]
        await client.post("/threads/t/messages", json={"messages": items})
        fork = await client.post("/threads/t/fork", json={"id": "f", "at": "m1", "title": "F"})
        assert (fork.status_code, fork.json()["head"], fork.json()["title"]) == (201, "m1", "F")
        assert code(await client.post("/threads/t/fork", json={"id": "f"})) == (409, "exists")
        head = await client.put("/threads/t/head", json={"message_id": "m1"})
        assert head.json()["head"] == "m1"
        missing = await client.put("/threads/t/head", json={"message_id": "no"})
        assert code(missing) == (404, "not_found")


_WRONG = [
    b"",
    b"[]",
    b"{",
    b'{"id": 1}',
    b'{"title": 5}',
    b'{"id": ""}',
    b'{"id": "a\\u0000"}',
    b'{"id": "\\ud800"}',
    b'{"title": "\\ud800"}',
    b'{"title": "\\u0000"}',
    b'{"metadata": {"a": "\\u0000"}}',
    b'{"metadata": {"\\ud800": 1}}',
    b'{"\\ud800": 1}',
    b'{"\\ud800": 1, "\\ud800": 2}',
    b'{"metadata": []}',
    b'{"nmae": 1}',
    b'{"id": "a", "id": "b"}',
    b'{"created_at": "2026-01-01"}',
    b'{"created_at": 5}',
    b'{"exist_ok": "true"}',
    b"\xff",
    b"nul",
]


async def test_a_body_that_breaks_a_rule_is_refused(app: FastAPI) -> None:
    """Each rule of a body is a 422 that names it, and nothing is stored. [N6]"""
    async with calling(app) as client:
        for body in _WRONG:
            answer = await client.post(
                "/threads", content=body, headers={"Content-Type": "application/json"}
            )
            assert code(answer) == (422, "invalid"), body
        assert (await client.get("/threads")).json()["threads"] == []


async def test_ids_may_hold_any_character(app: FastAPI, store: AsyncStore) -> None:
    """An id with slashes, percent signs or spaces reaches its own thread and no other. [N6]"""
    odd = [
        "a/b",
        "a/history",
        "a/messages/b",
        "a%2Fb",
        "%",
        "%25",
        "a b+c",
        "ä/é?#&",
        "/",
        "//",
        " ",
    ]
    odd += ["import", "a:b", "\u2028", "x\ny", "😀", "..%2F", "a/", "/a"]
    async with calling(app) as client:
        for id_ in odd:
            made = await client.post(
                f"{at('threads', id_, 'messages')}", json={"messages": [said("user", id_, id_)]}
            )
            assert made.status_code == 201, (id_, made.text)
        for id_ in odd:
            thread = await client.get(at("threads", id_))
            assert thread.json()["id"] == id_
            message = await client.get(at("threads", id_, "messages", id_))
            assert message.json()["id"] == id_
        assert len([t async for t in store.owner("ada").threads.list()]) == len(odd)
        for id_ in odd:
            assert (await client.delete(at("threads", id_))).status_code == 200
        for path in ("/threads/%00", "/threads/%ff", f"/threads/{'x' * 513}"):
            assert code(await client.get(path)) == (422, "invalid")


_SETTINGS = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@_SETTINGS
@given(id_=st.text(min_size=1, max_size=20))
async def test_any_id_comes_back(app: FastAPI, id_: str) -> None:
    """Whatever an id holds, its thread is made and found under it, or it is refused twice. [N6]"""
    async with calling(app, "any") as client:
        made = await _post(client, {"id": id_, "exist_ok": True})
        if id_ in (".", ".."):  # clients take these out of paths
            return
        found = await client.get("/threads/" + _quoted(id_))
        if made.status_code == 422:
            assert found.status_code == 422
        else:
            assert (found.status_code, found.json()["id"]) == (200, id_)


async def _post(client: httpx.AsyncClient, body: dict[str, Any]) -> httpx.Response:
    return await client.post(
        "/threads", content=json.dumps(body), headers={"Content-Type": "application/json"}
    )


def _quoted(id_: str) -> str:
    return "".join(f"%{byte:02x}" for byte in id_.encode("utf-8", "surrogatepass"))


async def test_what_others_have_is_unknown(app: FastAPI, store: AsyncStore) -> None:
    """Another owner's and another user's threads are as unknown as those never made. [I3 N6]"""
    await store.owner("ada").messages.append("t", said("user", "hi", "m"), dialect="threadkeep")
    await store.owner("bob", "eve").threads.create("u")
    calls: list[tuple[str, str, dict[str, Any] | None]] = [
        ("GET", "/threads/{}", None),
        ("PATCH", "/threads/{}", {"title": "x"}),
        ("DELETE", "/threads/{}", None),
        ("POST", "/threads/{}/fork", {}),
        ("PUT", "/threads/{}/head", {"message_id": "m"}),
        ("GET", "/threads/{}/history", None),
        ("GET", "/threads/{}/history?dialect=aui/v0", None),
        ("GET", "/threads/{}/messages", None),
        ("GET", "/threads/{}/messages?after=m", None),
        ("GET", "/threads/{}/messages/m", None),
        ("PATCH", "/threads/{}/messages/m", {"item": said("user", "x")}),
        ("DELETE", "/threads/{}/messages/m", None),
        ("DELETE", "/threads/{}/history/m", None),
        ("GET", "/threads/{}/window?turns=1", None),
        ("GET", "/threads/{}/tool-calls", None),
        ("GET", "/threads/{}/feedback", None),
        ("PUT", "/threads/{}/messages/m/feedback", {"kind": "positive"}),
        ("GET", "/threads/{}/runs", None),
        ("GET", "/threads/{}/export", None),
    ]
    async with calling(app, "bob", "dan") as client:
        for method, path, body in calls:
            told = [
                await client.request(method, path.format(id_), json=body)
                for id_ in ("t", "u", "never")
            ]
            assert told[0].status_code in (400, 404), (method, path, told[0].text)
            assert len({(one.status_code, one.content) for one in told}) == 1, (method, path)
    assert len([m async for m in store.owner("ada").messages.list("t")]) == 1


async def test_a_parameter_that_comes_twice_is_refused(app: FastAPI) -> None:
    """Of two values for one parameter none is taken; lists may have several. [N6]"""
    async with calling(app) as client:
        for query in ("limit=1&limit=2", "user=a&user=a"):
            assert code(await client.get(f"/threads?{query}")) == (422, "invalid")
        await client.post("/threads", json={"id": "t"})
        listed = await client.get("/threads/t/messages?role=user&role=tool")
        assert listed.status_code == 200


async def test_what_is_wrong_is_named_as_it_was_sent(app: FastAPI) -> None:
    """A problem has the name of the parameter or member, and the rule, and no word of pydantic's.

    [N6]
    """
    async with calling(app) as client:
        for path, field in (
            ("/threads?limit=x", "limit"),
            ("/threads?limit=1&limit=2", "limit"),
            ("/threads?since=2025-01-01", "since"),
            ("/threads?metadata=[1]", "metadata"),
            ("/spans?thread=", "thread"),
            ("/spans?failed=1", "failed"),
            ("/threads/t/messages?role=user&role=x", "role"),
            ("/threads/t/window?turns=1&heal=x", "heal"),
        ):
            refused = await client.get(path)
            assert code(refused) == (422, "invalid")
            problem = refused.json()
            assert problem["field"] == field
            assert problem["detail"] == f"{field}: {problem['rule']}"
            assert "Value error" not in problem["rule"]
        headers = {"Content-Type": "application/json"}
        for body, field in (
            ('{"created_at":"1"}', "created_at"),
            ('{"id":"a","id":"b"}', "id"),
            ("{", "body"),
        ):
            refused = await client.post("/threads", content=body, headers=headers)
            assert code(refused) == (422, "invalid")
            assert (refused.json()["field"], refused.json()["rule"][:4]) == (field, "must")


async def test_routes_find_odd_ids_wherever_they_are_mounted(store: AsyncStore) -> None:
    """Ids with slashes work below a prefix and in a mounted app too. [N6]"""
    outer = FastAPI()
    outer.include_router(rest_router(Service(store)), prefix="/api")
    outer.mount("/below", create_app(store))
    async with calling(outer) as client:
        await client.post("/below/threads", json={"id": "a/b%2F", "title": "here"})
        for prefix in ("/api", "/below"):
            found = await client.get(prefix + at("threads", "a/b%2F"))
            assert found.status_code == 200, found.text
            assert found.json()["title"] == "here"
            encoded = await client.get(f"{prefix}/%74hreads/a%2Fb%252F")
            assert encoded.json()["title"] == "here"
            missing = await client.get(prefix + at("threads", "a/b/"))
            assert code(missing) == (404, "not_found")
