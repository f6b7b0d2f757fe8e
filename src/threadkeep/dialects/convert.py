"""Stored messages to the native items of a dialect."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final, get_args

from threadkeep import dialects
from threadkeep.dialects import healing
from threadkeep.dialects.codec import Codec
from threadkeep.dialects.healing import Policy
from threadkeep.values.converted import Converted, Repair
from threadkeep.values.errors import InvalidError, LossyError
from threadkeep.values.message import FORMAT, Message, Role, stamp
from threadkeep.values.ports import Dialect


def convert(
    messages: Sequence[Message],
    dialect: str,
    *,
    strict: bool = False,
    heal: Policy | None = None,
) -> Converted:
    """The messages, of any formats, as items of a dialect, in order.

    A message of that very format is its payload decoded, untouched. What the dialect cannot say is
    in `losses`; with `strict` it is a LossyError. With `heal` calls and results are set right by
    that policy, and the items are as the provider of the dialect demands them; `repairs` says
    what was done. InvalidError for an unknown dialect or policy, and for a message whose format is
    unknown here or cannot be read, and for what is no message.
    """
    target = dialects.get(dialect)
    healing.check_policy(heal)
    _check(messages)
    if heal is None:
        made = _plain(messages, target)
    else:
        mended, repairs = healing.mend(typed(messages), heal, target.name)
        dumped = _dumped(target, mended)
        made = healing.shape(_joined([dumped], repairs), target.name)
    if strict and made.losses:
        raise LossyError(target.name, made.losses)
    return made


def _plain(messages: Sequence[Message], target: Dialect) -> Converted:
    formats = {message.format for message in messages}
    if formats == {target.name}:
        return _untouched(messages)
    # A codec keeps its own items by itself, and knows then what stands before the others.
    if target.name not in formats or isinstance(target, Codec):
        return _dumped(target, typed(messages))
    runs = groupby(messages, lambda message: message.format == target.name)
    made = [_untouched(run) if own else _dumped(target, typed(run)) for own, run in runs]
    return _joined(made, ())


def _untouched(messages: Iterable[Message]) -> Converted:
    listed = list(messages)
    items = [message.payload for message in listed]
    return Converted(items, sources=[(message.id,) for message in listed])


def _dumped(target: Dialect, messages: Sequence[Message]) -> Converted:
    made = target.dump(messages)
    if not made.sources and made:  # a dialect of another package that does not name them
        made.sources = ((),) * len(made)
    return made


def _joined(runs: Sequence[Converted], repairs: Sequence[Repair]) -> Converted:
    texts = [run.system for run in runs if run.system is not None]
    return Converted(
        [item for run in runs for item in run],
        sources=[sources for run in runs for sources in run.sources],
        losses=[loss for run in runs for loss in run.losses],
        system="\n\n".join(texts) if texts else None,
        repairs=repairs,
    )


def typed(messages: Iterable[Message]) -> list[Message]:
    """The messages with typed parts; what the store knows of each stands beside them.

    InvalidError for a message whose format is unknown here or cannot be read.
    """
    made: list[Message] = []
    for format, run in groupby(messages, lambda message: message.format):
        listed = list(run)
        if format == FORMAT:
            made += listed
            continue
        source = dialects.find(format)
        if source is None:
            raise InvalidError("dialect", f"cannot read the stored format {format!r}")
        loaded = source.load([message.payload for message in listed])
        if len(loaded) != len(listed):
            raise InvalidError("dialect", f"{format} must load one message for each item")
        for one, known in zip(loaded, listed, strict=True):
            stamp(one, known.id or one.id, known.created_at or one.created_at)
        made += loaded
    return made


def _check(messages: Sequence[Message]) -> None:
    for message in messages:
        if not isinstance(message, Message) or message.role not in _ROLES:
            raise InvalidError("messages", "must be Message objects, each with a role")


_ROLES: Final = frozenset(get_args(Role))
