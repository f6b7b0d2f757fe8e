"""All tests may use the fixtures that ship with the package."""

from __future__ import annotations

pytest_plugins = ["features", "groups", "threadkeep.testing.fixtures"]
