"""From the options of a command to a store."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threadkeep.connecting import connect
from threadkeep.values.errors import InvalidError, ThreadkeepWarning

if TYPE_CHECKING:
    from threadkeep import Store

SCHEMA = "threadkeep"


@dataclass(frozen=True, slots=True)
class Database:
    """Which database a command works on: `url`, or the embedded one in `data`, or the default."""

    url: str | None = None
    schema: str = SCHEMA
    data: Path | None = None
    rls: bool = True

    def __post_init__(self) -> None:
        if self.url is not None and self.data is not None:
            raise InvalidError("--data", "must not be given together with --url")

    def options(self) -> list[str]:
        """The options of a command on the same database."""
        given = {"--url": self.url, "--data": self.data}
        listed = [part for name, value in given.items() if value for part in (name, str(value))]
        return listed if self.schema == SCHEMA else [*listed, "--schema", self.schema]

    @contextmanager
    def open(self, notice: Callable[[str], None]) -> Iterator[Store]:
        """A store on it; warnings of the library go to `notice`."""
        with told(notice):
            store = connect(self.url, schema=self.schema, data=self.data, rls=self.rls)
        with store:
            yield store


@contextmanager
def told(notice: Callable[[str], None]) -> Iterator[None]:
    """Within it warnings of the library go to `notice`; others go their usual way."""
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any) -> None:
            if issubclass(category, ThreadkeepWarning):
                notice(str(message))
            else:
                usual(message, category, *place)

        warnings.simplefilter("always", ThreadkeepWarning)
        warnings.showwarning = show  # type: ignore[assignment]  # it hands on the rest
        yield
