"""What one provider demands of its items, whatever they were made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from threadkeep.dialects.healing import contents, openai
from threadkeep.dialects.healing.entries import Entry, Shape
from threadkeep.dialects.healing.wellformed import well_formed
from threadkeep.values.converted import Converted, Repair

_SHAPES: Final[Mapping[str, Sequence[Shape]]] = {
    "anthropic": contents.ANTHROPIC,
    "gemini": contents.GEMINI,
    "openai-chat": openai.CHAT,
    "openai-responses": openai.RESPONSES,
}


def shape(converted: Converted, dialect: str) -> Converted:
    """The items as the provider demands them; those of formats that are no provider's stay."""
    shapes = _SHAPES.get(dialect)
    if shapes is None:
        return converted
    repairs = list(converted.repairs)
    entries = [
        Entry(item, sources) for item, sources in zip(converted, converted.sources, strict=True)
    ]
    for one in shapes:
        entries = one(entries, repairs)
    for entry in entries:
        text = well_formed(entry.item)
        if text is not entry.item:
            entry.item = text
            repairs.append(entry.repair("text_replaced"))
    system = well_formed(converted.system)
    if system != converted.system:
        repairs.append(Repair(None, "text_replaced"))
    return Converted(
        [entry.item for entry in entries],
        sources=[entry.sources for entry in entries],
        losses=converted.losses,
        system=system,
        repairs=repairs,
    )
