"""Settings: who is asked first, and what is refused without being repeated."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from threadkeep.server.settings import NAMES, PREFIX, Settings, resolve
from threadkeep.values.errors import InvalidError

SAYINGS = {"flag": 1, "environment": 2, "file": 3}


@pytest.mark.parametrize(
    "speaking", [s for n in range(4) for s in itertools.combinations(SAYINGS, n)]
)
def test_flags_go_before_the_environment_before_the_file_before_what_is_usual(
    speaking: tuple[str, ...], tmp_path: Path
) -> None:
    """Of all who say the port, the first of this order is believed. [N11]"""
    file = tmp_path / "server.toml"
    file.write_text(f"port = {SAYINGS['file']}\n" if "file" in speaking else "", "utf-8")
    flags: dict[str, Any] = {"config": file, "port": None, "cors_origin": []}
    if "flag" in speaking:
        flags["port"] = SAYINGS["flag"]
    environment = {f"{PREFIX}PORT": str(SAYINGS["environment"])}
    settings = resolve(flags, environment if "environment" in speaking else {})
    assert settings.port == (SAYINGS[speaking[0]] if speaking else 8000)


def test_the_environment_says_lists_switches_and_the_secret(tmp_path: Path) -> None:
    """Lists have commas, the file may be named by a variable, the secret by one of its own."""
    file = tmp_path / "server.toml"
    file.write_text('schema = "mine"\ncors_origin = ["https://c"]\n', "utf-8")
    said = {
        "THREADKEEP_SERVE_CONFIG": str(file),
        "THREADKEEP_SERVE_CORS_ORIGIN": "https://a, https://b",
        "THREADKEEP_SERVE_KEYS": "true",
        "THREADKEEP_SECRET": "s" * 32,
        "THREADKEEP_URL": "not ours",
    }
    settings = resolve({}, said)
    assert settings.cors_origin == ("https://a", "https://b")
    assert (settings.tables, settings.keys, settings.open) == ("mine", True, False)
    assert settings.secret == "s" * 32
    assert "ssss" not in repr(settings)


@pytest.mark.parametrize(
    ("flags", "environment", "file", "field"),
    [
        ({"port": "canary"}, {}, "", "--port"),
        ({"log_level": "canary"}, {}, "", "--log-level"),
        ({"rate": "canary"}, {}, "", "--rate"),
        ({"cors_origin": ["https://canary/"]}, {}, "", "--cors-origin"),
        ({}, {"CORS_ORIGIN": "https://a, canary"}, "", "THREADKEEP_SERVE_CORS_ORIGIN"),
        ({}, {"WORKERS": "canary"}, "", "THREADKEEP_SERVE_WORKERS"),
        ({}, {"POTR": "canary"}, "", "THREADKEEP_SERVE_POTR"),
        ({}, {}, 'canary = "x"', "canary in the file"),
        ({}, {}, 'keys = "canary"', "keys in the file"),
        ({}, {}, "= canary", "--config"),
        ({"url": "postgresql://canary", "data": "d"}, {}, "", "settings"),
        ({"jwt_jwks_url": "canary", "jwt_public_key": "k"}, {}, "", "settings"),
    ],
)
def test_a_bad_setting_is_refused_by_its_place_and_not_by_its_value(
    flags: dict[str, Any], environment: dict[str, str], file: str, field: str, tmp_path: Path
) -> None:
    """The error names where the setting stands, and a rule; never what was said."""
    named = tmp_path / "server.toml"
    named.write_text(file, "utf-8")
    variables = {PREFIX + name: value for name, value in environment.items()}
    with pytest.raises(InvalidError) as caught:
        resolve({"config": named, **flags}, variables)
    assert caught.value.field == field
    assert "canary" not in caught.value.rule


def test_settings_are_handed_over_whole() -> None:
    """What a worker takes over is what its parent had, secrets too."""
    flags = {"secret": "s" * 40, "proxy": ["10.0.0.1"], "data": "folder", "schema": "mine"}
    settings = resolve(flags, {})
    assert Settings.taken_over(settings.handed_over()) == settings


def test_every_setting_is_documented() -> None:
    """docs/server.md has a row for each setting."""
    page = Path(__file__).parents[2] / "docs" / "server.md"
    text = page.read_text("utf-8")
    assert [name for name in sorted(NAMES) if f"| `{name}` |" not in text] == []
