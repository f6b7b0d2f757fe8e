"""Slices of JSON text are exact: put together again they are the text."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from threadkeep.testing.strategies import json_texts
from threadkeep.values import slices

few = settings(max_examples=200, deadline=None)
spaces = st.text(" \t\r\n", max_size=3)
keys = st.sampled_from(["payload", "", "k", 'a"b', "a\\b", "{", ":", ","])


@few
@given(st.lists(st.tuples(keys, spaces, json_texts(), spaces), max_size=5))
def test_the_space_around_a_value_is_a_members_own(
    listed: list[tuple[str, str, str, str]],
) -> None:
    """Whatever a value is and whatever space is around it, colon and comma are right beside."""
    escaped = [key.replace("\\", "\\\\").replace('"', '\\"') for key, *_ in listed]
    members = [
        f'"{key}":{before}{text}{after}'
        for key, (_, before, text, after) in zip(escaped, listed, strict=True)
    ]
    whole = f" {{{','.join(members)}}} "
    found = slices.members(whole)
    assert [one.name for one in found] == [key for key, *_ in listed]
    for one, (_, before, text, after) in zip(found, listed, strict=True):
        assert whole[one.colon : one.comma] == f"{before}{text}{after}"
        assert whole[one.start : one.end] == text.strip()
