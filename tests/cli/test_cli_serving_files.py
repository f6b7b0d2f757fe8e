"""Where `threadkeep serve` keeps the bytes of attachments when nobody says."""

from __future__ import annotations

from pathlib import Path

import pytest

from threadkeep.cli.serving import with_files
from threadkeep.server.settings import Settings, resolve

VARIABLES = ("THREADKEEP_URL", "DATABASE_URL", "THREADKEEP_DATA", "THREADKEEP_FILES")


def told(**flags: object) -> Settings:
    """The settings of these flags."""
    return resolve(flags, {})


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_files_go_beside_the_embedded_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of the option, of the variable, or that of the data with `-files` at its end."""
    data = tmp_path / "data"
    found = with_files(told(data=data))
    assert found.files == tmp_path / "data-files"
    assert found.secret is not None
    assert with_files(told(data=data)).secret == found.secret
    monkeypatch.setenv("THREADKEEP_DATA", str(tmp_path / "other"))
    assert with_files(told()).files == tmp_path / "other-files"
    monkeypatch.setenv("THREADKEEP_FILES", str(tmp_path / "files"))
    assert with_files(told()).files == tmp_path / "files"
    said = told(data=data, files=tmp_path / "said")
    assert with_files(said) is said


def test_no_folder_is_taken_where_it_could_be_the_wrong_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database of a URL may have other servers; and links need a secret that can be kept."""
    with_url = told(url="postgresql://db/app")
    assert with_files(with_url) is with_url
    (tmp_path / "file").touch()
    unkept = told(data=tmp_path / "file" / "data")
    assert with_files(unkept) is unkept
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/app")
    assert with_files(told()).files is None
