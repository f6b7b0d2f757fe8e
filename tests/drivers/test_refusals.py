"""What an error of a driver or of the server means: by class and SQLSTATE, never by its text."""

from __future__ import annotations

import asyncio
import ssl
import string

import asyncpg
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadkeep.drivers import asyncpg_connections as async_driver
from threadkeep.drivers import psycopg_connections as blocking_driver
from threadkeep.drivers.refusals import refusal
from threadkeep.values.errors import DatabaseError, ThreadkeepError, UnavailableError

TRANSIENT = {"57P01", "57P02", "57P03", "57P05", "25006", "40001", "40P01", "53300"}
VALUE = "a private value"
CODES = string.ascii_uppercase + string.digits


def is_transient(error: ThreadkeepError | None) -> bool:
    assert error is not None
    return isinstance(error, UnavailableError) and error.transient


@given(st.one_of(st.sampled_from(sorted(TRANSIENT)), st.text(CODES, min_size=5, max_size=5)))
def test_exactly_the_listed_states_are_transient(sqlstate: str) -> None:
    """Class 08 and the listed states are tried again, nothing else is. [A18]"""
    expected = sqlstate.startswith("08") or sqlstate in TRANSIENT
    assert is_transient(refusal(sqlstate)) == expected


@given(st.one_of(st.sampled_from(sorted(TRANSIENT)), st.text(CODES, min_size=5, max_size=5)))
def test_both_drivers_say_the_same_of_a_state(sqlstate: str) -> None:
    """An error with a SQLSTATE becomes the same error of ours, and shows nothing of its text.

    [A18]
    """
    theirs = asyncpg.PostgresError.new({"C": sqlstate, "M": VALUE})
    ours = async_driver.meaning(theirs)
    same = psycopg.OperationalError(VALUE)
    same.sqlstate = sqlstate
    also = blocking_driver.meaning(same)
    assert type(ours) is type(also) is type(refusal(sqlstate))
    assert str(ours) == str(also) == str(refusal(sqlstate))
    assert VALUE not in f"{ours!r}{getattr(ours, '__cause__', None)!r}"
    assert async_driver.is_lost(theirs) == blocking_driver.is_lost(same)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        ConnectionResetError(),
        TimeoutError(),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("cannot switch to state 12"),
        asyncpg.TargetServerAttributeNotMatched("none"),
        asyncpg.ConnectionDoesNotExistError("closed in the middle"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_asyncpg_raises_for_a_lost_connection_is_transient(error: Exception) -> None:
    """Each error that asyncpg raises for a lost or refused connection is transient."""
    assert is_transient(async_driver.meaning(error))


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.DataError(VALUE),
        asyncpg.exceptions.ClientConfigurationError(""),
        asyncpg.UnsupportedClientFeatureError(""),
        ssl.SSLCertVerificationError(),
        asyncpg.QueryCanceledError(""),
        asyncpg.InvalidPasswordError(""),
        asyncpg.InvalidCatalogNameError(""),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_no_attempt_mends_is_not_transient(error: Exception) -> None:
    """Values, settings, certificates, passwords and databases do not mend themselves."""
    found = async_driver.meaning(error)
    assert not is_transient(found)
    assert VALUE not in f"{found!r}{getattr(found, '__cause__', None)!r}"


def test_what_psycopg_raises_without_a_state() -> None:
    """OperationalError is transient; a value or a call that psycopg refuses is not."""
    assert is_transient(blocking_driver.meaning(psycopg.OperationalError("lost")))
    assert is_transient(blocking_driver.meaning(psycopg.errors.ConnectionTimeout("late")))
    for error in (psycopg.DataError(VALUE), psycopg.ProgrammingError(VALUE)):
        found = blocking_driver.meaning(error)
        assert isinstance(found, DatabaseError)
        assert VALUE not in f"{found!r}{found.__cause__!r}"


def test_errors_of_others_pass() -> None:
    """What is no error of a driver stays what it is."""
    for error in (KeyError(), asyncio.CancelledError(), KeyboardInterrupt()):
        assert async_driver.meaning(error) is None
        assert blocking_driver.meaning(error) is None
