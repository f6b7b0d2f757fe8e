"""The inspector shows whatever people and models wrote, and none of it does anything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from inspected import DESKTOP, PHONE, Reader, served
from playwright.sync_api import expect

import threadkeep
from threadkeep import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from threadkeep.testing.servers import Database

RUN: Final = "window.pwned=1"
SCRIPT: Final = f"<script>{RUN}</script>"
IMAGE: Final = f'"><img src=x onerror="{RUN}"><svg onload={RUN}>'
ADDRESS: Final = f"javascript:{RUN}"
DATA: Final = f"data:text/html,{SCRIPT}"
# Turned around, hidden, and stacked above the line.
TURNED: Final = "\u202eevil\u2066\u200f\u202d\u0645\u0631\u062d\u0628\u0627\u2069\ufeff\u0007"
STACKED: Final = "Z" + "\u0321\u0300\u035a" * 60
WIDE: Final = "W" * 6000
ALL: Final = (SCRIPT, IMAGE, ADDRESS, TURNED, STACKED, WIDE)
# An id has 512 bytes at most.
WRONG: Final = IMAGE + TURNED + "W" * 300
OWNER: Final = IMAGE
# Beside a message whose format nobody knows, each other one is read by itself.
OTHER: Final = json.dumps({"role": "user", "content": SCRIPT})
BARE: Final = {"toString": None, "valueOf": None}
MEMBERS: Final = dict.fromkeys(
    ("text", "role", "name", "call_id", "reason", "url", "title", "source_id", "file_id", "data"),
    BARE,
)
TYPES: Final = ("text", "reasoning", "tool_call", "tool_result", "approval", "file", "source")
KEYS: Final = ("__proto__", "constructor", "toString", "style", "onclick")


@pytest.fixture(scope="module")
def server(shared_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose every field holds what nobody should trust."""
    with threadkeep.connect(shared_database.url) as store:
        chat = store.owner(OWNER, WRONG)
        for number, title in enumerate(ALL):
            chat.threads.create(f"{number}/{WRONG}", title=title, external_id=f"{number}{WRONG}")
        chat.threads.create(
            WRONG,
            title="".join(ALL),
            metadata={"k": list(ALL), **dict.fromkeys((*KEYS, *ALL), SCRIPT)},
            format=IMAGE[:60],
            payload=list(ALL),
        )
        chat.threads.update(WRONG, access="locked", access_reason=IMAGE + TURNED)
        for number, text in enumerate(_stored()):
            chat.messages.append(
                WRONG, [Message("assistant", text, id=f"{number}{WRONG}")], force=True
            )
        other = Message("user", OTHER, "openai-chat", id="other")
        strange = Message("user", '{"beside":true}', f"{IMAGE}-format", id="strange")
        chat.messages.append(WRONG, [other, strange], force=True)
        chat.messages.append(WRONG, [Message.user(SCRIPT, id="a")], parent=f"0{WRONG}", force=True)
        chat.messages.append(WRONG, [Message.user(IMAGE, id="b")], parent="strange", force=True)
        chat.feedback.set(WRONG, "b", "negative", comment="".join(ALL))
        chat.attachments.save(
            WRONG, name=IMAGE + TURNED + WIDE[:200], media_type="image/png", thread=WRONG, size=7
        )
    with served(shared_database, tmp_path_factory.mktemp("hostile")) as url:
        yield url


def _parts() -> Iterator[dict[str, Any]]:
    for bad in ALL:
        yield {"type": "text", "text": bad, "role": bad}
        yield {"type": "reasoning", "text": bad, "signature": bad}
        yield {"type": "tool_call", "call_id": bad, "name": bad, "input": {bad: bad}}
        yield {"type": "tool_result", "call_id": bad, "name": bad, "output": bad, "is_error": True}
        content = [{"type": "text", "text": bad}, {"type": "file", "url": bad, "name": bad}]
        yield {"type": "tool_result", "call_id": f"{bad}2", "content": content}
        yield {"type": "approval", "approval_id": bad, "reason": bad}
        for url in (bad, DATA, f"https://example.invalid/{bad}", f"//example.invalid/{bad}"):
            yield {"type": "file", "url": url, "media_type": bad, "name": bad}
            yield {"type": "source", "url": url, "title": bad, "source_id": bad}
        yield {"type": "data", "name": bad, "data": {bad: [bad, 1e300]}}
        yield {"type": bad, "value": bad}
    for key in KEYS:
        yield {"type": key, key: SCRIPT}
    yield {"type": "file", "data": "AAAA", "file_id": IMAGE}


def _stored() -> Iterator[str]:
    """Payloads as text: all parts by themselves, then strange ones."""
    for start in range(0, 80, 8):
        listed = list(_parts())[start : start + 8]
        yield json.dumps({"role": "assistant", "parts": listed})
    strange = ["text", 7, None, [[[]]], {"type": None}, {"type": "text", "text": 5}]
    # What no text can be made of, where a text is expected.
    strange += [{"type": BARE}, *({"type": one, **MEMBERS} for one in TYPES)]
    strange += [{"type": "source", "url": "https://example.invalid/", "title": BARE}]
    yield json.dumps({"role": "assistant", "parts": strange, "__proto__": {"parts": SCRIPT}})
    yield '{"role":"assistant","parts":[{"type":"text","text":"\\u0000 \\ud800 \\udfff"}]}'
    nested = '{"type":"tool_result","call_id":"n","content":['
    yield f'{{"role":"assistant","parts":[{nested * 90}{"]}" * 90}]}}'


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_nothing_runs_and_nothing_breaks(
    chromium: Browser, server: str, size: tuple[int, int]
) -> None:
    """Every field is text: no code, no foreign request, no dialog, nothing wider than its place."""
    reader = Reader(chromium, server, size=size, owner=OWNER)
    page = reader.page
    expect(reader.threads).to_have_count(len(ALL) + 1)
    assert reader.too_wide() == []
    reader.threads.first.click()
    expect(reader.messages).to_have_count(16)
    expect(page.get_by_text("can be shown as they are stored only")).to_have_count(1)
    expect(reader.messages.nth(13).locator(".words")).to_have_text(SCRIPT)
    reader.unfold()
    page.get_by_role("button", name="Raw text of all messages").click()
    reader.unfold()
    assert reader.too_wide() == []
    shown = page.locator("#main .raw pre").all_text_contents()
    stored = [*_stored(), OTHER, '{"beside":true}']
    assert shown[: len(stored)] == [text[:200_000] for text in stored]

    links = page.locator("a[href]").evaluate_all("found => found.map(one => one.protocol)")
    assert set(links) <= {"http:", "https:"}
    assert page.locator("#main :is(script, iframe, object, embed, base, style, form)").count() == 0
    assert page.locator("#main img").count() == 0
    assert page.locator("#main :is([style*=':'], [onerror], [onload], [onclick])").count() == 0
    assert page.evaluate("({}).parts") is None

    reader.messages.nth(1).get_by_role("button", name="Next branch").click()
    expect(reader.messages).to_have_count(2)
    page.go_back()
    page.goto("/inspector/#/threads/%E0%A4%A")
    page.goto(f"/inspector/#/threads/{IMAGE}")
    expect(page.get_by_text("There is nothing here")).to_be_visible()
    reader.complaints = [one for one in reader.complaints if "404" not in one]
    assert page.evaluate("window.pwned") is None
    assert all(url.startswith(server) for url in reader.asked)
    reader.leave()
