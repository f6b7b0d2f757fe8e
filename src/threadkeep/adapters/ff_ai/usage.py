"""What a model's call used, as any of the SDKs says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from threadkeep.adapters.ff_ai.reading import member, number_member
from threadkeep.values.errors import InvalidError
from threadkeep.values.run import Usage

# Where AI SDK 5 hands on what the provider counts beside the input, not in it.
_BESIDE: Final = ("anthropic", "aws")
_AI_SDK: Final = ("inputTokens", "promptTokens", "outputTokens", "completionTokens")
_MOST: Final = 2**53


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens by what they cost. `input` and `output` hold all others; None is unknown.

    `cached` were read from a cache, `written` were put into one, `written_hour` of these for an
    hour. `reasoning` is part of the output.
    """

    input: int | None
    output: int | None
    cached: int | None = None
    written: int | None = None
    written_hour: int | None = None
    reasoning: int | None = None

    def __post_init__(self) -> None:
        if self.input is not None and (self.cached or 0) + (self.written or 0) > self.input:
            raise InvalidError("usage", "must not have more cached tokens than input tokens")
        if (self.written_hour or 0) > (self.written or 0):
            raise InvalidError("usage", "must not keep more tokens for an hour than it caches")
        if max(self.input or 0, self.output or 0) > _MOST:
            raise InvalidError("usage", "must have at most 2**53 tokens")


def read_usage(usage: Any, *, provider: str | None = None) -> Tokens:
    """The tokens of a usage: the AI SDK's, OpenAI's, Anthropic's, or a `threadkeep.Usage`.

    A mapping or an object. `provider` is asked where AI SDK 5 leaves open whether the cached tokens
    are among the input. What is not said is None. InvalidError for numbers that contradict
    themselves.
    """
    if isinstance(usage, Usage):
        return Tokens(
            usage.input_tokens,
            usage.output_tokens,
            usage.cached_tokens,
            reasoning=usage.reasoning_tokens,
        )
    if any(member(usage, name) is not None for name in _AI_SDK):
        return _ai_sdk(usage, provider)
    if member(usage, "prompt_tokens") is not None:
        return _openai(usage, "prompt", "completion")
    beside = ("cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation")
    if any(member(usage, name) is not None for name in beside):
        return _anthropic(usage)
    return _openai(usage, "input", "output")


def tokens_of(step: Any) -> Usage:
    """The usage of a step result, as the store keeps it; nothing where it says nothing readable."""
    usage = member(step, "usage")
    if usage is None:
        return Usage()
    try:
        read = read_usage(usage, provider=provider_of(member(step, "model")))
        return Usage(read.input, read.output, read.cached, read.reasoning)
    except InvalidError:
        return Usage()


def provider_of(model: Any) -> str | None:
    """The provider that a model names, as our prices call it; None where it names none."""
    if isinstance(model, str) or model is None:
        return None
    said = member(model, "provider")
    return normalized(said) if isinstance(said, str) and said else None


def normalized(provider: str) -> str:
    """A provider of the AI SDK by its plain name: `openai.chat` is openai."""
    name = provider.strip().lower()
    for start, plain in _NAMES:
        if name.startswith(start):
            return plain
    return name.partition(".")[0]


_NAMES: Final = (
    ("google.vertex.anthropic", "anthropic"),
    ("vertex.anthropic", "anthropic"),
    ("google", "google"),
    ("vertex", "google"),
    ("amazon-bedrock", "aws"),
    ("bedrock", "aws"),
    ("azure", "azure"),
    ("xai", "x-ai"),
    ("togetherai", "together"),
)


def _ai_sdk(usage: Any, provider: str | None) -> Tokens:
    total = number_member(usage, "inputTokens", "promptTokens")
    output = number_member(usage, "outputTokens", "completionTokens")
    details = member(usage, "inputTokenDetails")
    cached = number_member(details, "cacheReadTokens")
    written = number_member(details, "cacheWriteTokens")
    if details is None:
        cached = number_member(usage, "cachedInputTokens")
        if total is not None and cached and (provider in _BESIDE or cached > total):
            total += cached
    made = member(usage, "outputTokenDetails")
    reasoning = number_member(usage if made is None else made, "reasoningTokens")
    if made is None and reasoning and output is not None:
        # @ai-sdk/google 2 counts what was thought beside what was said: only the sum tells.
        said = number_member(usage, "totalTokens") or 0
        incoming = number_member(usage, "inputTokens", "promptTokens") or 0
        if reasoning > output or said >= incoming + output + reasoning:
            output += reasoning
    return Tokens(total, output, cached, written, reasoning=reasoning)


def _openai(usage: Any, incoming: str, outgoing: str) -> Tokens:
    details = member(usage, f"{incoming}_tokens_details")
    made = member(usage, f"{outgoing}_tokens_details")
    return Tokens(
        number_member(usage, f"{incoming}_tokens"),
        number_member(usage, f"{outgoing}_tokens"),
        number_member(details, "cached_tokens"),
        number_member(details, "cache_write_tokens"),
        reasoning=number_member(made, "reasoning_tokens"),
    )


def _anthropic(usage: Any) -> Tokens:
    fresh = number_member(usage, "input_tokens")
    cached = number_member(usage, "cache_read_input_tokens")
    by_age = member(usage, "cache_creation")
    hour = number_member(by_age, "ephemeral_1h_input_tokens")
    written = number_member(usage, "cache_creation_input_tokens")
    if written is None and by_age is not None:
        written = (number_member(by_age, "ephemeral_5m_input_tokens") or 0) + (hour or 0)
    total = None if fresh is None else fresh + (cached or 0) + (written or 0)
    return Tokens(total, number_member(usage, "output_tokens"), cached, written, hour)
