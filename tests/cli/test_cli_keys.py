"""`threadkeep keys`: make, list, rotate and revoke API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from threadkeep import CredentialError

if TYPE_CHECKING:
    from commands import Cli

    from threadkeep.sync import Store

ENDS = "2200-01-31T00:00:00+00:00"


def ids(cli: Cli, *arguments: str) -> list[str]:
    """The ids that `keys list` lists."""
    return [key["id"] for key in cli("keys", "list", "--json", *arguments).json["keys"]]


def test_a_key_is_made_and_its_text_printed_once(cli: Cli, blocking_store: Store) -> None:
    """The text stands alone on stdout, the note on stderr, and no later command prints it."""
    made = cli("keys", "create", "app", "--owner", "acme")
    assert made.code == 0
    text = made.out.removesuffix("\n")
    key = blocking_store.check_key(text)
    assert (key.owner_id, key.user_id, key.name) == ("acme", None, "app")
    assert key.scopes == ("read", "write")
    assert made.err == f"key {key.id}: the text is shown this once, and stored nowhere\n"
    listed = cli("keys", "list", "--owner", "acme")
    assert listed.out.splitlines()[1].split()[0] == key.id
    assert listed.out.splitlines()[1].rstrip().endswith("never  read write  app")
    assert listed.err == "keys: 1\n"
    assert text.rpartition("_")[2] not in listed.out


def test_what_a_key_is_good_for_can_be_said(cli: Cli, blocking_store: Store) -> None:
    """User, scopes and end are those given; with --json the facts stand beside the text."""
    options = ["--user", "ann", "--scope", "read", "--scope", "x:y", "--expires-at", ENDS]
    made = cli("keys", "create", "app", "--owner", "acme", *options, "--json")
    assert made.err == ""
    key = blocking_store.check_key(made.json["text"])
    facts: dict[str, Any] = made.json["key"]
    assert facts == {
        "id": key.id,
        "owner": "acme",
        "user": "ann",
        "name": "app",
        "scopes": ["read", "x:y"],
        "created_at": key.created_at.isoformat(),
        "updated_at": key.updated_at.isoformat(),
        "expires_at": ENDS,
        "revoked_at": None,
        "replaces": None,
    }
    assert ids(cli, "--owner", "acme", "--user", "ann") == [key.id]
    assert ids(cli, "--owner", "acme", "--user", "bob") == ids(cli, "--owner", "other") == []


def test_a_key_is_rotated_and_revoked(cli: Cli, blocking_store: Store) -> None:
    """A rotation prints the new text and ends the old one; revoking twice is revoking once."""
    old = cli("keys", "create", "app", "--owner", "acme", "--json").json
    new = cli("keys", "rotate", old["key"]["id"], "--owner", "acme", "--json").json
    assert new["key"]["replaces"] == old["key"]["id"]
    with pytest.raises(CredentialError, match="expired"):
        blocking_store.check_key(old["text"])
    again = cli("keys", "rotate", old["key"]["id"], "--owner", "acme", "--grace", "60", "--json")
    assert (again.code, again.errors[0]["error"]["id"]) == (4, new["key"]["id"])
    id_ = new["key"]["id"]
    for _ in range(2):
        ended = cli("keys", "revoke", id_, "--owner", "acme")
        assert (ended.code, ended.out) == (0, f"revoked: {id_}\n")
    assert cli("keys", "revoke", id_, "--owner", "acme", "--json").json["key"]["revoked_at"]
    with pytest.raises(CredentialError, match="revoked"):
        blocking_store.check_key(new["text"])
    assert ids(cli, "--owner", "acme") == [old["key"]["id"]]
    assert ids(cli, "--owner", "acme", "--revoked", "yes") == [id_]
    assert ids(cli, "--owner", "acme", "--revoked", "all") == [id_, old["key"]["id"]]
    cut = cli("keys", "list", "--owner", "acme", "--revoked", "all", "--limit", "1", "--json").json
    assert (len(cut["keys"]), cut["more"]) == (1, True)
    table = cli("keys", "list", "--owner", "acme", "--revoked", "all", "--limit", "1", "--all").out
    assert ["revoked" in line for line in table.splitlines()] == [False, True, False]


def test_a_wrong_call_makes_no_key(cli: Cli) -> None:
    """What is missing, wrong or another's ends with its code in one line."""
    key = cli("keys", "create", "app", "--owner", "acme", "--json").json["key"]["id"]
    wrong = [
        ["create", "app"],
        ["create", "app", "--owner", "acme", "--scope", "A"],
        ["create", "app", "--owner", "acme", "--expires-at", "soon"],
        ["create", "app", "--owner", "acme", "--expires-at", "2200-01-31"],
        ["rotate", key, "--owner", "acme", "--grace", "-1"],
        ["list", "--owner", "acme", "--revoked", "maybe"],
    ]
    for arguments in wrong:
        ended = cli("keys", *arguments)
        assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1), arguments
    for name in ("rotate", "revoke"):
        for owner in (["--owner", "other"], ["--owner", "acme", "--user", "ann"]):
            ended = cli("keys", name, key, *owner)
            assert (ended.code, ended.out) == (3, "")
    assert ids(cli, "--owner", "acme", "--revoked", "all") == [key]


@pytest.mark.parametrize("command", ["", "create", "list", "rotate", "revoke"])
def test_every_keys_command_has_help(command: str, cli: Cli) -> None:
    """--help says what the command does."""
    ended = cli("keys", *command.split(), "--help")
    assert ended.code == 0
    assert f"Usage: threadkeep keys {command}".rstrip() in ended.out
