"""Stored messages to the native items of a dialect."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from threadkeep import dialects
from threadkeep.dialects import healing
from threadkeep.dialects.healing import Policy
from threadkeep.values.converted import Converted, Repair
from threadkeep.values.errors import InvalidError, LossyError
from threadkeep.values.message import FORMAT, Message, stamp
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
    unknown here or cannot be read.
    """
    target = dialects.get(dialect)
    healing.check_policy(heal)
    if heal is None:
        made = _plain(messages, target)
    else:
        mended, repairs = healing.mend(_typed(messages), heal, target.name)
        dumped = target.dump(mended)
        made = healing.shape(_joined([dumped], repairs), target.name)
    if strict and made.losses:
        raise LossyError(target.name, made.losses)
    return made


def _plain(messages: Sequence[Message], target: Dialect) -> Converted:
    runs: list[Converted] = []
    for same, run in groupby(messages, lambda message: message.format == target.name):
        listed = list(run)
        if same:
            items = [message.payload for message in listed]
            runs.append(Converted(items, sources=[(message.id,) for message in listed]))
        else:
            runs.append(target.dump(_typed(listed)))
    return runs[0] if len(runs) == 1 else _joined(runs, ())


def _joined(runs: Sequence[Converted], repairs: Sequence[Repair]) -> Converted:
    texts = [run.system for run in runs if run.system is not None]
    return Converted(
        [item for run in runs for item in run],
        sources=[sources for run in runs for sources in run.sources],
        losses=[loss for run in runs for loss in run.losses],
        system="\n\n".join(texts) if texts else None,
        repairs=repairs,
    )


def _typed(messages: Sequence[Message]) -> list[Message]:
    """The messages with typed parts; what the store knows of each stands beside them."""
    typed: list[Message] = []
    for format, run in groupby(messages, lambda message: message.format):
        listed = list(run)
        if format == FORMAT:
            typed += listed
            continue
        source = dialects.find(format)
        if source is None:
            raise InvalidError("dialect", f"cannot read the stored format {format!r}")
        loaded = source.load([message.payload for message in listed])
        for one, known in zip(loaded, listed, strict=True):
            stamp(one, known.id or one.id, known.created_at or one.created_at)
        typed += loaded
    return typed
