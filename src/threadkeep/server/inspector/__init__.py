"""/inspector: a page for people to look at what is stored."""

from __future__ import annotations
