"""/v1: what the npm package assistant-cloud calls."""

from __future__ import annotations
