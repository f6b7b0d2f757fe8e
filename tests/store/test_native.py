"""Native items through the store: out as they went in, or as another format with a report."""

from __future__ import annotations

import json
from typing import Any

import pytest

from threadkeep import (
    AsyncStore,
    ConflictError,
    FilePart,
    InvalidError,
    LossyError,
    Message,
    ReasoningPart,
    Store,
    TextPart,
    ToolCallPart,
    check,
)

TEXT = '{ "content" : "caf\\u00e9 \\ud800", "role":"user" , "odd": 1e400 }'
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"q": 1}'}}
CHAT: list[Any] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Will it rain?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "no"},
    {"role": "assistant", "content": "No."},
]


def test_the_same_format_comes_back_to_the_byte(blocking_store: Store) -> None:
    """Text of a native item is stored verbatim with its format, and its value is handed out."""
    chat = blocking_store.owner("o")
    (stored,) = chat.messages.append("t", TEXT, dialect="openai-chat")
    assert (stored.json, stored.format, stored.role) == (TEXT, "openai-chat", "user")
    page = chat.messages.list("t", dialect="openai-chat")
    assert page.items == (json.loads(TEXT),)
    assert page.sources == ((stored.id,),)
    assert page.losses == ()
    assert chat.messages.get("t", stored.id or "", dialect="openai-chat") == json.loads(TEXT)


def test_a_stored_format_carries_its_version(blocking_store: Store) -> None:
    """A name without a version is stored as the newest, a tag of another kind verbatim."""
    chat = blocking_store.owner("o")
    parts = [{"type": "text", "text": "hi"}]
    for name, tag in (
        ("ai-sdk-ui", "ai-sdk-ui@7"),
        ("ai-sdk-ui@5", "ai-sdk-ui@5"),
        ("ai-sdk/v6", "ai-sdk/v6"),
        ("assistant-ui", "aui/v0"),
    ):
        content = {"content": parts, "metadata": {"custom": {}}} if tag == "aui/v0" else {}
        item = {"id": name, "role": "user", "parts": parts, **content}
        (stored,) = chat.messages.append("t", item, dialect=name)
        assert stored.format == tag


def test_a_list_in_another_format_says_where_its_items_come_from(blocking_store: Store) -> None:
    """Messages are merged and split as the other format wants, and each item names its sources."""
    chat = blocking_store.owner("o")
    ids = [m.id for m in chat.messages.append("t", CHAT, dialect="openai-chat")]
    page = chat.messages.list("t", dialect="ai-sdk-ui")
    assert [item["role"] for item in page.items] == ["system", "user", "assistant"]
    assert page.sources == ((ids[0],), (ids[1],), (ids[2], ids[3], ids[4]))
    assert [item["id"] for item in page.items] == ids[:3]
    page = chat.messages.list("t", dialect="anthropic")
    assert page.system == "Be brief."
    assert [item["role"] for item in page.items] == ["user", "assistant", "user", "assistant"]
    walked = list(chat.messages.list("t", dialect="anthropic", limit=2))
    assert len(walked) == 4


def test_what_is_lost_is_reported_or_refused(blocking_store: Store) -> None:
    """A conversion names each loss by message, part and kind; with `strict` it does not happen."""
    chat = blocking_store.owner("o")
    said = Message.assistant([ReasoningPart("why"), TextPart("No.")], id="a")
    chat.messages.append("t", [Message.user("Rain?", id="u"), said])
    page = chat.messages.list("t", dialect="openai-chat")
    assert [(loss.message, loss.part, loss.what) for loss in page.losses] == [("a", 0, "reasoning")]
    window = chat.messages.window("t", turns=1, dialect="openai-chat")
    assert window.losses == page.losses
    for call in (
        lambda: chat.messages.list("t", dialect="openai-chat", strict=True),
        lambda: chat.messages.window("t", turns=1, dialect="openai-chat", strict=True),
        lambda: chat.messages.get("t", "a", dialect="openai-chat"),
    ):
        with pytest.raises(LossyError) as caught:
            call()
        assert caught.value.losses == page.losses
        assert "why" not in str(caught.value)
    assert chat.messages.list("t", dialect="ai-sdk-ui", strict=True).losses == ()


def test_one_message_is_one_item_or_refused(blocking_store: Store) -> None:
    """`get` gives one item, and says so where the message is several or none in that format."""
    chat = blocking_store.owner("o")
    calls = [ToolCallPart("c1", "f", {}), ToolCallPart("c2", "f", {})]
    chat.messages.append("t", [Message.user("go", id="u"), Message.assistant(calls, id="a")])
    assert chat.messages.get("t", "u", dialect="anthropic") == {"role": "user", "content": "go"}
    with pytest.raises(InvalidError, match="dialect"):
        chat.messages.get("t", "a", dialect="openai-responses")


def test_a_window_is_healed_on_the_way_out_only(blocking_store: Store) -> None:
    """Each policy gives a history without a broken rule, and what is stored stays as it was."""
    chat = blocking_store.owner("o")
    chat.messages.append("t", CHAT[:3], dialect="openai-chat")
    chat.messages.append("t", {"role": "user", "content": "Well?"}, dialect="openai-chat")
    before = [message.json for message in chat.messages.list("t", tree=True)]
    kept = chat.messages.window("t", turns=5, dialect="anthropic", heal="keep")
    assert [f.rule for f in check(kept, provider="anthropic")] == ["tool-use-unanswered"]
    made = chat.messages.window("t", turns=5, dialect="anthropic", heal="error")
    assert check(made, provider="anthropic", system=made.system) == []
    assert ("result_made", "call_1") in [(r.what, r.call_id) for r in made.repairs]
    dropped = chat.messages.window("t", turns=5, dialect="anthropic", heal="drop")
    assert list(dropped) == [{"role": "user", "content": "Well?"}]
    assert dropped.system == "Be brief."
    assert "turn_dropped" in [repair.what for repair in dropped.repairs]
    plain = chat.messages.window("t", turns=5, dialect="openai-chat")
    assert list(plain)[:3] == CHAT[:3]
    assert plain.repairs == ()
    assert [message.json for message in chat.messages.list("t", tree=True)] == before


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"dialect": "none-such"}, "dialect"),
        ({"dialect": "anthropic", "heal": "mend"}, "heal"),
        ({"heal": "error"}, "heal"),
        ({"strict": True}, "strict"),
    ],
)
def test_a_wrong_wish_is_refused(
    blocking_store: Store, arguments: dict[str, Any], field: str
) -> None:
    """An unknown dialect or policy, or one without a dialect, is an InvalidError by name."""
    with pytest.raises(InvalidError) as caught:
        blocking_store.owner("o").messages.window("t", turns=1, **arguments)
    assert caught.value.field == field


def test_a_stored_format_that_nobody_knows_is_named(blocking_store: Store) -> None:
    """A message of an unknown format is stored and read as it is, but not converted."""
    chat = blocking_store.owner("o")
    chat.messages.append("t", Message("user", '{"x":1}', "acme/v1", id="a"))
    with pytest.raises(InvalidError, match="acme/v1"):
        chat.messages.list("t", dialect="openai-chat")
    assert chat.messages.get("t", "a").json == '{"x":1}'


def test_a_repeated_native_append_stores_once(blocking_store: Store) -> None:
    """The same item under the same id is stored once; the same meaning in other bytes is not it."""
    chat = blocking_store.owner("o")
    item = '{"id":"m1","role":"user","parts":[{"type":"text","text":"hi"}]}'
    (first,) = chat.messages.append("t", item, dialect="ai-sdk-ui")
    (again,) = chat.messages.append("t", item, dialect="ai-sdk-ui")
    assert (first.seq, again.seq, again.id) == (1, 1, "m1")
    with pytest.raises(ConflictError):
        chat.messages.append("t", item.replace(":", ": "), dialect="ai-sdk-ui")


def test_files_go_to_the_provider_as_it_takes_them(blocking_store: Store) -> None:
    """One stored picture is what each provider calls a picture."""
    chat = blocking_store.owner("o")
    picture = FilePart("image/png", data="iVBORw0KGgo=")
    chat.messages.append("t", Message.user([TextPart("what is it?"), picture], id="u"))

    def second(dialect: str, member: str) -> Any:
        return chat.messages.list("t", dialect=dialect).items[0][member][1]

    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    assert second("anthropic", "content") == {"type": "image", "source": source}
    url = "data:image/png;base64,iVBORw0KGgo="
    assert second("openai-chat", "content") == {"type": "image_url", "image_url": {"url": url}}
    inline = {"mimeType": "image/png", "data": "iVBORw0KGgo="}
    assert second("gemini", "parts") == {"inlineData": inline}


def test_a_name_without_a_version_reads_what_an_older_version_wrote(blocking_store: Store) -> None:
    """A row of one version is that version's to the byte, and converted for another."""
    chat = blocking_store.owner("o")
    text = '{"id":"m1", "role":"user","parts":[{"type":"text","text":"hi"}]}'
    (stored,) = chat.messages.append("t", text, dialect="ai-sdk-ui")
    assert stored.format == "ai-sdk-ui@7"
    for name in ("ai-sdk-ui", "ai-sdk-ui@7", "ai-sdk-ui@6"):
        page = chat.messages.list("t", dialect=name)
        assert page.items == (json.loads(text),)
    (converted,) = chat.messages.list("t", dialect="ai-sdk/v6")
    assert converted == {"role": "user", "parts": [{"type": "text", "text": "hi"}]}


def test_a_fork_has_the_native_rows(blocking_store: Store) -> None:
    """A forked thread holds the same bytes in the same formats, and reads the same."""
    chat = blocking_store.owner("o")
    chat.messages.append("t", TEXT, dialect="openai-chat")
    chat.messages.append("t", CHAT[2:], dialect="openai-chat")
    fork = chat.threads.fork("t")
    before, after = (list(chat.messages.list(id)) for id in ("t", fork.id))
    assert [(m.json, m.format) for m in after] == [(m.json, m.format) for m in before]
    for dialect in ("openai-chat", "anthropic"):
        pages = [chat.messages.list(id, dialect=dialect) for id in ("t", fork.id)]
        assert pages[0].items == pages[1].items


def test_native_items_take_the_place_of_others(blocking_store: Store) -> None:
    """`update` and `replace_all` store native items verbatim too, and refuse what is none."""
    chat = blocking_store.owner("o")
    (stored,) = chat.messages.append("t", TEXT, dialect="openai-chat")
    id, text = stored.id or "", '{"role":"user", "content":[ ]}'
    changed = chat.messages.update("t", id, text, dialect="anthropic")
    assert (changed.json, changed.format, changed.seq) == (text, "anthropic", stored.seq)
    with pytest.raises(InvalidError, match="role"):
        chat.messages.update("t", id, {"role": "human"}, dialect="anthropic")
    with pytest.raises(InvalidError, match="dialect"):
        chat.messages.replace_all("t", CHAT, dialect="none-such")
    made = chat.messages.replace_all("t", CHAT, dialect="openai-chat")
    assert [message.payload for message in made] == CHAT
    assert chat.messages.list("t", dialect="openai-chat").items == tuple(CHAT)


def test_a_turn_asks_for_its_window_in_a_format(blocking_store: Store) -> None:
    """The window of a turn takes dialect, strict and heal as `messages.window` does."""
    chat = blocking_store.owner("o")
    with chat.turn("t", CHAT[:2], dialect="openai-chat") as turn:
        turn.append(CHAT[2], dialect="openai-chat")
        window = turn.window(turns=1, dialect="anthropic", heal="error")
        assert check(window, provider="anthropic", system=window.system) == []
        assert window.repairs
        turn.append(Message.assistant([ReasoningPart("why"), TextPart("No.")]))
        with pytest.raises(LossyError):
            turn.window(turns=1, dialect="openai-chat", strict=True)
        with pytest.raises(InvalidError, match="heal"):
            turn.window(turns=1, heal="error")  # type: ignore[call-overload]


async def test_both_faces_say_the_same_of_a_conversion(store: AsyncStore) -> None:
    """Pages and windows of native items have losses, sources, system and repairs when awaited."""
    chat = store.owner("o")
    await chat.messages.append("t", CHAT[:3], dialect="openai-chat")
    await chat.messages.append("t", Message.assistant([ReasoningPart("why")], id="a"))
    page = await chat.messages.list("t", dialect="anthropic")
    assert page.system == "Be brief."
    assert [loss.what for loss in page.losses] == ["reasoning"]
    assert len(page.sources) == len(page) == 2
    walked = [item async for item in chat.messages.list("t", dialect="anthropic", limit=1)]
    assert walked == list(page)
    extent: dict[str, Any] = {"turns": 1, "keep_system": True}
    window = await chat.messages.window("t", **extent, dialect="anthropic", heal="error")
    assert window.system == "Be brief."
    assert [repair.what for repair in window.repairs][:1] == ["result_made"]
