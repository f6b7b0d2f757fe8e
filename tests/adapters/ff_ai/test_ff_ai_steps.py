"""Which messages of a step are new: lists that accumulate, lists per step, and both at once."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadkeep import InvalidError
from threadkeep.adapters.ff_ai.steps import Progress, Step
from threadkeep.adapters.ff_ai.usage import tokens_of

Messages = list[dict[str, Any]]

# What onStepFinish of npm `ai` 5.0.277, 6.0.326 and 7.0.173 was called with, and the run's final
# list, for a scripted model that calls tools twice, calls twice under the same id, and ends with
# nothing to say.
GENUINE = json.loads(Path(__file__).with_name("ai_sdk_steps.json").read_text("utf-8"))


def call(id: str, name: str = "t") -> dict[str, Any]:
    """A call of a tool."""
    block = {"type": "tool-call", "toolCallId": id, "toolName": name, "input": {"q": name}}
    return {"role": "assistant", "content": [block]}


def result(id: str, value: Any = 1, name: str = "t") -> dict[str, Any]:
    """The answer to it."""
    output = {"type": "json", "value": value}
    block = {"type": "tool-result", "toolCallId": id, "toolName": name, "output": output}
    return {"role": "tool", "content": [block]}


def text(said: str) -> dict[str, Any]:
    """Words of the model."""
    return {"role": "assistant", "content": [{"type": "text", "text": said}]}


class Taking:
    """One run, and all that was new in what it was handed."""

    def __init__(self) -> None:
        self.progress = Progress()
        self.taken: list[str] = []

    def __call__(self, step: Any) -> int:
        found = Step.of(step)
        assert not self.progress.begins_another(found)
        old, _ = self.progress.take(found)
        self.taken += [message.json for message in found.messages[old:]]
        return len(found.messages) - old


def jsons(messages: Messages) -> list[str]:
    return [message.json for message in Step.of(messages).messages]


def named(version: int, number: int, messages: Messages, own: Messages) -> Any:
    """A step result as a version of the AI SDK has it; 0 is a plain list."""
    if version == 0:
        return messages
    own_content = [block for message in own for block in message["content"]]
    response = {"id": f"resp-{number}", "messages": messages}
    step: dict[str, Any] = {"response": response, "content": own_content}
    if version >= 6:
        step["stepNumber"] = number
    if version >= 7:
        step["callId"] = "call-1"
    return step


@pytest.mark.parametrize("scenario", ["tools", "same", "empty"])
@pytest.mark.parametrize("version", ["5", "6", "7"])
@pytest.mark.parametrize("again", [False, True])
def test_the_steps_of_each_ai_sdk_give_its_own_final_list(
    version: str, scenario: str, again: bool
) -> None:
    """What the SDK itself says was answered in the whole run is what was taken, once.

    [K1 seed 001 defect 9]
    """
    run = GENUINE[version][scenario]
    take = Taking()
    for step in run["steps"]:
        take(step)
        if again:
            assert take(step) == 0
            assert take(run["steps"][0]) == 0
        used = tokens_of(step)
        assert (used.input_tokens, used.output_tokens) == (10, 5)
    assert take(run["whole"]) == 0
    assert take.taken == jsons(run["whole"])


contents = st.lists(st.integers(0, 3), min_size=0, max_size=2)


@given(
    st.lists(contents, min_size=1, max_size=6),
    st.sampled_from([0, 5, 6, 7]),
    st.data(),
)
def test_lists_in_any_mixture_give_each_message_once(
    shapes: list[list[int]], version: int, data: st.DataObject
) -> None:
    """However a run's steps are handed over, mixed and repeated, each message is new once.

    [K1 seed 001 defect 9]
    """
    steps: list[Messages] = []
    for number, shape in enumerate(shapes):
        made: Messages = []
        for kind in shape:
            # The names of calls tell steps apart, as they do at every provider.
            id = f"c{number}-{len(made)}"
            made.append(result(id, kind) if made else call(id, f"tool{kind}"))
        steps.append(made)
    take = Taking()
    for number, own in enumerate(steps):
        forms = [own, [message for step in steps[: number + 1] for message in step]]
        for form in data.draw(st.lists(st.sampled_from(forms), min_size=1, max_size=3)):
            take(named(version, number, form, own))
        earlier = data.draw(st.integers(0, number))
        so_far = [message for step in steps[: earlier + 1] for message in step]
        form = data.draw(st.sampled_from([steps[earlier], so_far]))
        take(named(version, earlier, form, steps[earlier]))
    assert take.taken == jsons([message for step in steps for message in step])


@pytest.mark.parametrize("version", [5, 6, 7])
def test_two_steps_that_say_the_same_are_two(version: int) -> None:
    """A model that calls a tool twice in equal words has said it twice. [K1 seed 001 defect 9]"""
    take = Taking()
    own = [call("call_0"), result("call_0")]
    assert take(named(version, 0, own, own)) == 2
    assert take(named(version, 1, own, own)) == 2
    assert take(named(version, 1, own, own)) == 0
    assert take(named(version, 2, [text("done")], [text("done")])) == 1
    assert take.taken == jsons([*own, *own, text("done")])


def test_a_step_that_says_nothing_adds_nothing_to_a_list_that_accumulates() -> None:
    """The same list under another number is nothing new where the step's own content is empty."""
    take = Taking()
    own = [call("c"), result("c")]
    assert take({"stepNumber": 0, "content": own[0]["content"], "response": {"messages": own}}) == 2
    empty = [{"type": "text", "text": ""}, {"type": "source", "url": "https://example.org"}]
    assert take({"stepNumber": 1, "content": empty, "response": {"messages": own}}) == 0
    assert take({"stepNumber": 2, "text": "", "response": {"messages": own}}) == 0
    assert take({"stepNumber": 3, "text": "x", "response": {"messages": [*own, text("x")]}}) == 1


def test_a_plain_list_again_is_the_same_step() -> None:
    """Without a name, the same messages are the same step: so any call can be made again."""
    take = Taking()
    assert take([call("a"), result("a")]) == 2
    assert take([call("a"), result("a")]) == 0
    assert take([text("x")]) == 1
    assert take([text("x")]) == 0
    assert take([call("a"), result("a"), text("x")]) == 0
    assert take([call("a"), result("a"), text("x"), text("y")]) == 1
    assert take([text("x"), text("y")]) == 0


def test_the_order_of_members_does_not_make_another_message() -> None:
    """A step that came back from a queue with its members sorted is known."""
    take = Taking()
    assert take([{"role": "assistant", "content": "x"}]) == 1
    assert take([{"content": "x", "role": "assistant"}]) == 0
    assert take([{"content": "x", "role": "assistant", "more": True}]) == 1
    assert take([{"content": "x", "role": "assistant", "more": 1}]) == 1


def test_a_step_may_be_an_object() -> None:
    """Attributes are read like members, in both spellings. [K1]"""
    take = Taking()
    response = SimpleNamespace(id="r", messages=[text("a")])
    assert take(SimpleNamespace(response=response, step_number=0)) == 1
    assert take({"responseMessages": [text("a")]}) == 0
    assert take(SimpleNamespace(response_messages=(text("a"), text("b")), step_number=1)) == 1
    assert take({"response": {"messages": []}}) == 0


def test_what_was_put_in_while_the_run_went_on_stands_before_the_step() -> None:
    """A user's words that a run took up in between are messages of that step."""
    take = Taking()
    steering = {"role": "user", "content": "hurry"}
    assert take({"stepNumber": 0, "response": {"messages": [text("a")]}}) == 1
    step = {
        "stepNumber": 1,
        "response": {"messages": [text("b")]},
        "experimental_steeringMessages": [steering],
    }
    assert take(step) == 2
    assert take(step) == 0
    assert take.taken == jsons([text("a"), steering, text("b")])


def test_another_generation_is_seen_by_its_names() -> None:
    """A call's id, or a number that was there with other words, is of another run.

    [seed 001 defect 10]
    """
    progress = Progress()
    first = Step.of({"stepNumber": 0, "callId": "1", "response": {"messages": [text("a")]}})
    progress.take(first)
    other = {"stepNumber": 0, "response": {"messages": [text("b")]}}
    assert not progress.begins_another(first)
    assert progress.begins_another(Step.of(other))
    assert progress.begins_another(Step.of({"callId": "2", "response": {"messages": [text("a")]}}))
    longer = {"stepNumber": 0, "response": {"messages": [text("a"), text("c")]}}
    assert not progress.begins_another(Step.of(longer))
    assert progress.take(Step.of(longer)) == (1, True)


def test_a_second_generation_without_a_number_is_whole() -> None:
    """Lists of AI SDK 5 that accumulate anew, with the same handler, lose and double nothing.

    [seed 001 defect 10]
    """
    take = Taking()
    first = [call("a"), result("a")]
    assert take(named(5, 0, first, first)) == 2
    assert take(named(5, 1, [*first, text("x")], [])) == 1
    second = [call("b"), result("b")]
    assert take(named(5, 10, second, second)) == 2
    assert take(named(5, 11, [*second, text("x")], [])) == 1
    assert take.taken == jsons([*first, text("x"), *second, text("x")])


@pytest.mark.parametrize(
    "step",
    [
        None,
        "text",
        {},
        {"response": {}},
        {"response": {"messages": "x"}},
        [{"role": "assistant"}],
        ["x"],
        [{"role": "system", "content": "x"}],
        {"response": {"messages": [{"role": "robot", "content": "secret"}]}},
    ],
)
def test_what_is_no_step_is_refused(step: Any) -> None:
    """InvalidError, which quotes nothing."""
    with pytest.raises(InvalidError) as caught:
        Step.of(step)
    assert "secret" not in str(caught.value)
