"""What a call cost, held against reckoning by hand."""

from __future__ import annotations

import socket
import sys
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from threadkeep import InvalidError, Usage
from threadkeep.adapters.ff_ai import Cost, Price, PriceTable, usage_cost
from threadkeep.adapters.ff_ai.usage import Tokens, read_usage, tokens_of

TABLE = PriceTable(
    "2026-01",
    {
        "azure/gpt-x": Price(Decimal("2.50"), Decimal(10), Decimal("1.25"), Decimal(3)),
        "gpt-x": {"input": "2", "output": 8},
        "grok-9": Price(Decimal(1), Decimal(2)),
        "free": Price(Decimal(0), Decimal(0)),
    },
)
USED = {
    "inputTokens": 1_000_000,
    "outputTokens": 200_000,
    "inputTokenDetails": {"cacheReadTokens": 300_000, "cacheWriteTokens": 100_000},
}
AT = datetime(2026, 1, 15, tzinfo=UTC)


def test_a_cost_is_what_one_reckons_by_hand() -> None:
    """Fresh, cached and written input and the output, each at its price. [K9]"""
    # 600k x 2.50 + 300k x 1.25 + 100k x 3 + 200k x 10, by the million
    assert usage_cost("azure/gpt-x", USED, prices=TABLE) == Cost(
        Decimal("1.5"),
        Decimal("0.375"),
        Decimal("0.3"),
        Decimal(2),
        Decimal("4.175"),
        "azure/gpt-x",
        "2026-01",
    )
    plain = usage_cost("gpt-x", USED, prices=TABLE)
    assert plain is not None
    # Without prices of their own cached tokens cost what input does: 1M x 2 + 200k x 8
    assert plain.total == Decimal("3.6")
    assert plain.input + plain.cached_input + plain.cache_write + plain.output == plain.total


@pytest.mark.parametrize(
    "model",
    [
        {"provider": "azure.chat", "modelId": "gpt-x"},
        SimpleNamespace(provider="azure-openai.responses", model_id="GPT-X"),
        "azure:gpt-x",
        {"provider": "gateway", "modelId": "azure/gpt-x"},
        {"provider": "azure", "modelId": "gpt-x-reasoning"},
    ],
)
def test_a_model_is_found_by_its_plain_names(model: Any) -> None:
    """Suffixes of the provider and of the model, and how it is spelled, do not matter. [K9]"""
    cost = usage_cost(model, USED, prices=TABLE)
    assert cost is not None
    assert cost.model == "azure/gpt-x"


@pytest.mark.parametrize(
    ("key", "model"),
    [
        ("xai/grok-9", {"provider": "xai.chat", "modelId": "grok-9"}),
        ("xai/grok-9", "xai/grok-9"),
        ("x-ai/grok-9", "xai:grok-9"),
        ("amazon-bedrock/m", {"provider": "amazon-bedrock", "modelId": "m"}),
        ("openai.chat/o", {"provider": "openai.responses", "modelId": "o"}),
        ("Google.Generative-AI/G", {"provider": "google.generative-ai", "modelId": "g"}),
        ("z.ai/glm", "Z.ai/GLM"),
    ],
)
def test_a_table_may_spell_providers_as_the_sdk_does(key: str, model: Any) -> None:
    """The app's price is found, and goes before the package's, in either spelling. [K9]"""
    cost = usage_cost(model, USED, prices=PriceTable("mine", {key: {"input": 1, "output": 2}}))
    assert cost is not None
    assert cost.version == "mine"


@pytest.mark.parametrize(
    ("model", "usage"),
    [
        ("openai/no-such-model", USED),
        ({"provider": "no-such-provider", "modelId": "gpt-4o"}, USED),
        ("nobody/knows:this", USED),
        ("gpt-x", {"inputTokens": 5}),
        ("gpt-x", {"outputTokens": 5}),
        ("gpt-x", {}),
        ("gpt-x", None),
        ("gpt-x", Usage(input_tokens=5)),
    ],
)
def test_what_is_not_known_costs_none_and_not_nothing(model: Any, usage: Any) -> None:
    """An unknown model, provider or number of tokens is None; a price of 0 is 0. [K9]"""
    assert usage_cost(model, usage, prices=TABLE) is None
    assert usage_cost(model, usage) is None
    free = usage_cost("free", USED, prices=TABLE)
    assert free is not None
    assert free.total == 0


@pytest.mark.parametrize(
    ("usage", "provider", "tokens"),
    [
        (USED, None, Tokens(1_000_000, 200_000, 300_000, 100_000)),
        ({"inputTokens": 10, "outputTokens": 5, "cachedInputTokens": 4}, "openai", (10, 5, 4)),
        ({"inputTokens": 10, "outputTokens": 5, "cachedInputTokens": 4}, "anthropic", (14, 5, 4)),
        ({"inputTokens": 10, "outputTokens": 5, "cachedInputTokens": 40}, None, (50, 5, 40)),
        ({"promptTokens": 10, "completionTokens": 5}, None, (10, 5)),
        # @ai-sdk/google 2.0.108: outputTokens are the candidates', the thoughts' stand beside.
        (
            {"inputTokens": 10, "outputTokens": 50, "totalTokens": 90, "reasoningTokens": 30},
            "google",
            Tokens(10, 80, reasoning=30),
        ),
        (
            {"inputTokens": 10, "outputTokens": 5, "reasoningTokens": 30},
            "google",
            Tokens(10, 35, reasoning=30),
        ),
        (
            {"inputTokens": 10, "outputTokens": 50, "totalTokens": 60, "reasoningTokens": 30},
            "openai",
            Tokens(10, 50, reasoning=30),
        ),
        (
            {
                "inputTokens": 10,
                "outputTokens": 50,
                "totalTokens": 60,
                "reasoningTokens": 30,
                "outputTokenDetails": {"reasoningTokens": 30, "textTokens": 20},
            },
            "google",
            Tokens(10, 50, reasoning=30),
        ),
        ({"outputTokens": 5}, None, (None, 5)),
        ({"completionTokens": 5}, None, (None, 5)),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
            None,
            Tokens(10, 5, 4, reasoning=2),
        ),
        (
            SimpleNamespace(
                input_tokens=10,
                output_tokens=5,
                input_tokens_details=SimpleNamespace(cached_tokens=4, cache_write_tokens=1),
            ),
            None,
            Tokens(10, 5, 4, 1),
        ),
        (
            {
                "input_tokens": 10,
                "output_tokens": 5,
                "cache_read_input_tokens": 4,
                "cache_creation_input_tokens": 3,
                "cache_creation": {"ephemeral_1h_input_tokens": 2},
            },
            None,
            Tokens(17, 5, 4, 3, 2),
        ),
        (Usage(10, 5, 4, 2), None, Tokens(10, 5, 4, reasoning=2)),
    ],
)
def test_the_usage_of_each_sdk_is_read(usage: Any, provider: str | None, tokens: Any) -> None:
    """Whether cached tokens are among the input or beside it is what the SDK says. [K9]"""
    wanted = tokens if isinstance(tokens, Tokens) else Tokens(*tokens)
    assert read_usage(usage, provider=provider) == wanted


def test_a_usage_that_contradicts_itself_is_refused() -> None:
    """More cached tokens than input is an error, not a price below zero; a step just has none."""
    details = {"inputTokens": 1, "outputTokens": 1, "inputTokenDetails": {"cacheReadTokens": 2}}
    with pytest.raises(InvalidError):
        usage_cost("gpt-x", details, prices=TABLE)
    assert tokens_of({"usage": details}) == Usage()


@pytest.mark.parametrize(
    "bad",
    [
        {"input": 1.5, "output": 1},
        {"input": -1, "output": 1},
        {"input": "x", "output": 1},
        {"input": 1},
        {"input": 1, "output": "NaN"},
        {"input": 1, "output": 1, "other": 1},
        {"input": "1e999999", "output": 1},
        {"input": True, "output": 1},
        None,
        (1, 2),
    ],
)
def test_a_bad_table_is_refused(bad: Any) -> None:
    """Prices are exact numbers of at least 0, and a table has a version."""
    with pytest.raises(InvalidError):
        PriceTable("1", {"m": bad})
    with pytest.raises(InvalidError):
        PriceTable("", {})
    with pytest.raises(InvalidError):
        usage_cost("m", USED, prices={"m": bad})  # type: ignore[arg-type]
    with pytest.raises(InvalidError):
        usage_cost("m", USED, prices=TABLE, at=datetime(2026, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    "bad",
    [
        None,
        5,
        [("m", Price(Decimal(1), Decimal(2)))],
        {5: {"input": 1, "output": 2}},
        {"M": {"input": 1, "output": 2}, "m": {"input": 1, "output": 3}},
        {"xai/m": {"input": 1, "output": 2}, "x-ai/m": {"input": 1, "output": 3}},
    ],
)
def test_what_is_no_table_is_refused(bad: Any) -> None:
    """Anything but prices by name, and two prices under one name, are an InvalidError."""
    with pytest.raises(InvalidError) as caught:
        PriceTable("1", bad)
    assert caught.value.field == "prices"


def test_the_package_prices_what_the_table_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """genai-prices knows the usual models; its version is told; no connection is made. [K9]"""
    genai = pytest.importorskip("genai_prices", reason="pip install genai-prices")

    def refuse(*_: Any) -> None:
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    used = {"inputTokens": 1000, "outputTokens": 500, "inputTokenDetails": {"cacheReadTokens": 200}}
    cost = usage_cost("openai/gpt-4o-mini", used, prices=TABLE, at=AT)
    # 800 x 0.15 + 200 x 0.075 + 500 x 0.60, by the million
    assert cost is not None
    assert cost == Cost(
        Decimal("0.00012"),
        Decimal("0.000015"),
        Decimal(0),
        Decimal("0.0003"),
        Decimal("0.000435"),
        "openai/gpt-4o-mini",
        f"genai-prices {genai.__version__}",
    )
    step = {"provider": "openai.chat", "modelId": "gpt-4o-mini"}
    assert usage_cost(step, used, at=AT) == usage_cost("gpt-4o-mini", used, at=AT) == cost


def test_cache_writes_are_priced_by_the_package() -> None:
    """Anthropic's three prices of input, those kept for an hour besides. [K9]"""
    pytest.importorskip("genai_prices", reason="pip install genai-prices")
    used = {
        "input_tokens": 1000,
        "output_tokens": 100,
        "cache_read_input_tokens": 2000,
        "cache_creation_input_tokens": 400,
        "cache_creation": {"ephemeral_1h_input_tokens": 100, "ephemeral_5m_input_tokens": 300},
    }
    cost = usage_cost("anthropic/claude-sonnet-4-5", used, at=AT)
    assert cost is not None
    assert cost.input == Decimal(1000) * 3 / 1_000_000
    assert cost.cached_input == Decimal(2000) * Decimal("0.3") / 1_000_000
    assert cost.cache_write == (300 * Decimal("3.75") + 100 * Decimal(6)) / 1_000_000
    assert cost.output == Decimal(100) * 15 / 1_000_000
    assert cost.total == cost.input + cost.cached_input + cost.cache_write + cost.output
    # Above 200 000 tokens of input all of it has another price.
    long = {"inputTokens": 300_000, "outputTokens": 0}
    details = {"inputTokenDetails": {"cacheReadTokens": 100_000}}
    cost = usage_cost("anthropic:claude-sonnet-4-5", {**long, **details}, at=AT)
    assert cost is not None
    assert cost.input == Decimal(200_000) * 6 / 1_000_000
    assert cost.cached_input == Decimal(100_000) * Decimal("0.6") / 1_000_000


def test_a_cached_token_may_be_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """A price of 0 in the package is a price, and not a lack of one. [K9]"""
    pytest.importorskip("genai_prices", reason="pip install genai-prices")
    from genai_prices import data_snapshot

    free = SimpleNamespace(
        input_mtok=Decimal(2),
        cache_read_mtok=Decimal(0),
        cache_write_mtok=Decimal(0),
        cache_write_1h_mtok=None,
        output_mtok=Decimal(1),
    )
    found = SimpleNamespace(
        model_price=free,
        input_price=Decimal("1.2"),
        output_price=Decimal(0),
        total_price=Decimal("1.2"),
        provider=SimpleNamespace(id="p"),
        model=SimpleNamespace(id="m"),
    )
    snapshot = SimpleNamespace(
        providers=[SimpleNamespace(id="p")],
        calc=lambda *_: found,
        from_auto_update=False,
    )
    monkeypatch.setattr(data_snapshot, "get_snapshot", lambda: snapshot)
    cost = usage_cost("p/m", {**USED, "outputTokens": 0})
    assert cost is not None
    assert cost.input == cost.total == Decimal("1.2")
    assert cost.cached_input == cost.cache_write == Decimal(0)


def test_without_the_package_and_a_table_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error says what to install; with a table the package is not needed. [K9]"""
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    with pytest.raises(InvalidError, match=r"threadkeep\[prices\]"):
        usage_cost("gpt-4o", USED)
    assert usage_cost("gpt-x", USED, prices=TABLE) is not None
    assert usage_cost("openai/gpt-x", USED, prices=TABLE) is not None
    assert usage_cost("gpt-4o", USED, prices=TABLE) is None
