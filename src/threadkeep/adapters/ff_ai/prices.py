"""What a call of a model cost: by a table of the app, else by the package genai-prices.

Both are local; nothing here asks a server. What is not known costs None, which is not 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation, localcontext
from types import ModuleType
from typing import Any, ClassVar, Final

from threadkeep.adapters.ff_ai.reading import text_member
from threadkeep.adapters.ff_ai.usage import Tokens, normalized, read_usage
from threadkeep.values.errors import InvalidError

_MILLION: Final = 1_000_000
_DIGITS: Final = 60
_MOST: Final = 10**12
_SUFFIX: Final = "-reasoning"
# These only pass a model of another provider on, and say in its name whose it is.
_PASSING_ON: Final = ("gateway", "vercel")


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens: Decimals, or ints and texts that are made Decimals.

    Without a price of their own, cached tokens cost what input does.
    """

    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None

    def __post_init__(self) -> None:
        for name in ("input", "output", "cached_input", "cache_write"):
            value = getattr(self, name)
            if value is not None or name in ("input", "output"):
                object.__setattr__(self, name, _decimal(name, value))


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices of an app's own, by model (`gpt-4o`) or provider and model (`azure/gpt-4o`).

    A provider may be spelled as the AI SDK spells it (`xai`, `amazon-bedrock`, `openai.chat`), and
    case does not matter. `version` is any text that tells this table from others; each cost says
    it. InvalidError for what is no such table.
    """

    version: str
    prices: Mapping[str, Price | Mapping[str, Any]]
    _read: Mapping[str, Price] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.version, str) or not self.version:
            raise InvalidError("version", "must be a text")
        if not isinstance(self.prices, Mapping):
            raise InvalidError("prices", "must be a mapping")
        read: dict[str, Price] = {}
        for name, price in self.prices.items():
            if not isinstance(name, str):
                raise InvalidError("prices", "must have only str as keys")
            if read.setdefault(_key(name), made := _price(price)) != made:
                raise InvalidError("prices", "must not have two prices for one model")
        object.__setattr__(self, "_read", read)

    def find(self, *names: str) -> Price | None:
        """The price under the first of these names that the table has."""
        known = (self._read.get(_key(name)) for name in names)
        return next((price for price in known if price is not None), None)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call cost, in US dollars. `input` is what was not read from a cache nor put into one.

    `total` is the sum of all, and of what a provider takes for a request besides. `version` says
    which table had the price, `model` under which name.
    """

    currency: ClassVar[str] = "USD"
    input: Decimal
    cached_input: Decimal
    cache_write: Decimal
    output: Decimal
    total: Decimal
    model: str
    version: str


def usage_cost(
    model: Any,
    usage: Any,
    *,
    prices: PriceTable | None = None,
    at: datetime | None = None,
) -> Cost | None:
    """What a call cost, or None where the model, its provider or the tokens are not known.

    `model` is `provider/model`, a model's name alone, or what has `provider` and `modelId`, such as
    a step's `model`. `usage` is that of the AI SDK, OpenAI or Anthropic, or a `threadkeep.Usage`.
    `prices` goes first; what it lacks is looked up in genai-prices (the extra `prices`), by the
    prices at the moment `at` (now). InvalidError where there is neither, and for a usage that
    contradicts itself. No network.
    """
    if prices is not None and not isinstance(prices, PriceTable):
        raise InvalidError("prices", "must be a PriceTable")
    if at is not None and (not isinstance(at, datetime) or at.utcoffset() is None):
        raise InvalidError("at", "must be a datetime with a time zone")
    package = _package()
    if package is None and prices is None:
        raise InvalidError("prices", "must be given, or the extra threadkeep[prices] be installed")
    provider, name = _named(model, package)
    tokens = read_usage(usage, provider=provider)
    if tokens.input is None or tokens.output is None:
        return None
    if prices is not None:
        for key in _keys(provider, name):
            price = prices.find(key)
            if price is not None:
                return _by_table(tokens, price, key, prices.version)
    return None if package is None else _by_package(package, provider, name, tokens, at)


def _by_table(tokens: Tokens, price: Price, model: str, version: str) -> Cost:
    cached, written = tokens.cached or 0, tokens.written or 0
    with localcontext(prec=_DIGITS):
        parts = (
            price.input * ((tokens.input or 0) - cached - written) / _MILLION,
            (price.input if price.cached_input is None else price.cached_input) * cached / _MILLION,
            (price.input if price.cache_write is None else price.cache_write) * written / _MILLION,
            price.output * (tokens.output or 0) / _MILLION,
        )
        return Cost(*parts, sum(parts, Decimal(0)), model, version)


def _by_package(
    package: ModuleType, provider: str | None, name: str, tokens: Tokens, at: datetime | None
) -> Cost | None:
    from genai_prices import data_snapshot

    snapshot = data_snapshot.get_snapshot()
    if provider is not None and provider not in {one.id for one in snapshot.providers}:
        return None
    usage = package.Usage(
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cache_read_tokens=tokens.cached,
        cache_write_tokens=tokens.written,
        cache_write_1h_tokens=tokens.written_hour,
    )
    for known in _without_suffix(name):
        try:
            found = snapshot.calc(usage, known, provider, None, at)
        except LookupError:
            continue
        except ValueError:  # it is priced by more than tokens
            return None
        rates = found.model_price
        lacks = rates.input_mtok is None and tokens.input
        if lacks or (rates.output_mtok is None and tokens.output):
            return None
        with localcontext(prec=_DIGITS):
            cached, written = _cached_and_written(rates, tokens)
            version = f"genai-prices {package.__version__}"
            if snapshot.from_auto_update:
                version += f", updated {snapshot.timestamp:%Y-%m-%d}"
            return Cost(
                found.input_price - cached - written,
                cached,
                written,
                found.output_price,
                found.total_price,
                f"{found.provider.id}/{found.model.id}",
                version,
            )
    return None


def _cached_and_written(rates: Any, tokens: Tokens) -> tuple[Decimal, Decimal]:
    """What the tokens of a cache cost, by prices that stand in for those that are not there."""

    def rate(name: str, other: Any) -> Any:
        found = getattr(rates, name)
        return other if found is None else found

    read = rate("cache_read_mtok", rates.input_mtok)
    write = rate("cache_write_mtok", rates.input_mtok)
    keep = rate("cache_write_1h_mtok", write)
    hour = tokens.written_hour or 0
    fresh = _share((tokens.written or 0) - hour, write, tokens)
    return _share(tokens.cached, read, tokens), fresh + _share(hour, keep, tokens)


def _share(count: int | None, rate: Any, tokens: Tokens) -> Decimal:
    """What so many tokens cost; some models have another price where the input is long."""
    if not count or rate is None:
        return Decimal(0)
    if not isinstance(rate, Decimal):
        reached = [tier.price for tier in rate.tiers if (tokens.input or 0) > tier.start]
        rate = reached[-1] if reached else rate.base
    price: Decimal = rate * count / _MILLION
    return price


def _named(model: Any, package: ModuleType | None) -> tuple[str | None, str]:
    """The provider that a model names, if it does, and its own name."""
    if isinstance(model, str):
        provider, name = None, model.strip()
    else:
        given = text_member(model, "provider")
        provider = None if given is None else normalized(given)
        name = (text_member(model, "modelId", "model_id", "model") or "").strip()
    if not name:
        raise InvalidError("model", "must be a name, or have modelId")
    if provider in _PASSING_ON or provider is None:
        for mark in "/:":
            head, found, tail = name.partition(mark)
            if found and tail and (provider or _is_provider(normalized(head), package)):
                return normalized(head), tail.lower()
    return provider, name.lower()


def _is_provider(name: str, package: ModuleType | None) -> bool:
    if package is None:
        return True
    from genai_prices import data_snapshot

    return any(one.id == name for one in data_snapshot.get_snapshot().providers)


def _keys(provider: str | None, name: str) -> Iterator[str]:
    for known in _without_suffix(name):
        if provider is not None:
            yield f"{provider}/{known}"
        yield known


def _key(name: str) -> str:
    """The name of a price, with the provider that it may begin with by its plain name."""
    provider, mark, model = name.strip().lower().partition("/")
    return f"{normalized(provider)}/{model}" if mark else provider


def _without_suffix(name: str) -> list[str]:
    return [name, name.removesuffix(_SUFFIX)] if name.endswith(_SUFFIX) else [name]


def _package() -> ModuleType | None:
    try:
        import genai_prices
    except ImportError:
        return None
    return genai_prices


def _price(given: Price | Mapping[str, Any]) -> Price:
    if isinstance(given, Price):
        return given
    try:
        return Price(**given)
    except TypeError:
        raise InvalidError(
            "prices", "must have input and output, and may have cached_input and cache_write"
        ) from None


def _decimal(name: str, value: object) -> Decimal:
    try:
        made = Decimal(value) if isinstance(value, Decimal | int | str) else None
    except InvalidOperation:
        made = None
    if made is None or isinstance(value, bool) or not made.is_finite() or not 0 <= made <= _MOST:
        raise InvalidError(
            name, "must be a Decimal, an int or a text with a number from 0 to 10**12"
        )
    return made
