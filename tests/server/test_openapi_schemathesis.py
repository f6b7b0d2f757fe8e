"""Every operation of the OpenAPI document, called with whatever its schema allows and does not."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any
from urllib.parse import quote

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from openapi_kit import (
    ADMIN,
    FILE_KEY,
    KNOWN,
    SECRET,
    UNKNOWN,
    AnyCase,
    fill,
    likeness,
    mend,
    put_ids,
    serving,
    told,
)
from schemathesis import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from threadkeep import connect, connect_async
from threadkeep.server import create_app
from threadkeep.sync import Store
from threadkeep.testing.servers import Database

AnyOperation = APIOperation[Any, Any, Any, Any]
MANY = 50
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
"""What every answer must keep to; that it is no 500 is in `Served.call`."""


def _operations() -> list[str]:
    """The names of the operations, from a document that needs no database."""
    document = create_app(connect_async("postgresql://nowhere")).openapi()
    return [
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
        if method in ("get", "post", "put", "patch", "delete")
    ]


OPERATIONS = _operations()


class Served:
    """A server, its document, and the store behind it."""

    def __init__(self, url: str, store: Store) -> None:
        self.url = url
        self.store = store
        self.session = requests.Session()
        document = self.session.get(f"{url}/openapi.json", timeout=30).json()
        self.schema = schemathesis.openapi.from_dict(document)
        self.numbers = count()
        fill(store, "writer")
        self.document = store.owner("writer").threads.export(KNOWN["thread"]).replace(SECRET, "x")

    def operation(self, name: str) -> AnyOperation:
        method, path = name.split(" ", 1)
        return self.schema[path][method]

    def call(self, case: AnyCase, token: str) -> schemathesis.Response:
        answer = case.call(
            self.url, self.session, headers={"Authorization": f"Bearer {token}"}, timeout=30
        )
        assert answer.status_code != 500
        return answer


@pytest.fixture(scope="module")
def served(shared_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with (
        connect(shared_database.url, admin_url=shared_database.admin_url) as store,
        serving(shared_database, tmp_path_factory.mktemp("files")) as url,
    ):
        fill(store, "ada")
        fill(store, "org", "ann")
        found = Served(url, store)
        with found.session:
            yield found


def _bounded(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=examples < MANY,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def _cases(
    operation: AnyOperation, mode: GenerationMode = GenerationMode.POSITIVE
) -> st.SearchStrategy[AnyCase]:
    # The key of a file holds a slash, which is never made up.
    given_ = {"key": FILE_KEY} if "{key}" in operation.path else None
    return operation.as_strategy(generation_mode=mode, path_parameters=given_)


def _is_wrong(case: AnyCase) -> bool:
    """Whether what is wrong with a case reaches the server, and the server minds it.

    Lists and nothing at all are left out of a query where they are empty. Under /v1 what is not
    known is passed over, as the npm package wants it.
    """
    query = case.query if isinstance(case.query, dict) else {}
    sent = all(isinstance(value, str | int | float) for value in query.values())
    return sent and not case.operation.path.startswith("/v1/")


def _owner(served: Served, name: str, examples: int) -> None:
    """Call an operation as an owner with one of everything."""
    operation = served.operation(name)
    owner = f"{ADMIN}-{next(served.numbers)}"
    fill(served.store, owner)

    @_bounded(examples)
    @given(case=_cases(operation), known=st.booleans())
    def allowed(case: AnyCase, known: bool) -> None:
        if known:
            put_ids(case, KNOWN)
            mend(case, served.document)
        case.validate_response(served.call(case, owner), CHECKS)

    @_bounded(max(1, examples // 2))
    @given(case=_cases(operation, GenerationMode.NEGATIVE))
    def refused(case: AnyCase) -> None:
        strict = [negative_data_rejection] if _is_wrong(case) else []
        case.validate_response(served.call(case, owner), [*CHECKS, *strict])

    allowed()
    if operation.path_parameters or operation.query or operation.body:
        refused()


def _stranger(served: Served, name: str, examples: int) -> None:
    """Call an operation with the ids of another owner or user, and of nothing at all."""
    operation = served.operation(name)

    @_bounded(examples)
    @given(case=_cases(operation), sense=st.booleans())
    def tried(case: AnyCase, sense: bool) -> None:
        if sense:
            mend(case, served.document)
        number = next(served.numbers)
        _alike(served, case, f"eve-{number}-a", f"eve-{number}-b")
        # A user may not take an id that another one has: the one place where these differ.
        if case.method in ("GET", "PATCH", "DELETE"):
            _alike(served, case, "org/mallory", "org/mallory")

    tried()


def _alike(served: Served, case: AnyCase, first: str, second: str) -> None:
    """What is another's and what never was give the same answer. The callers have nothing yet."""
    answers = []
    for ids, token in ((KNOWN, first), (UNKNOWN, second)):
        put_ids(case, ids)
        answer = served.call(case, token)
        case.validate_response(answer, CHECKS)
        text = told(answer)
        assert SECRET not in text
        answers.append((answer.status_code, likeness(text, ids, token.partition("/")[0])))
    assert answers[0] == answers[1]


def test_a_real_server_takes_ids_as_they_were_sent(served: Served) -> None:
    """Over a socket, too, an encoded slash belongs to the id, and bytes that are no text to none.

    [N6]
    """
    token = {"Authorization": "Bearer slashes"}
    for id_ in ("a/b", "a%2Fb", "a/history", "é ?#"):
        served.session.post(f"{served.url}/threads", json={"id": id_}, headers=token, timeout=30)
        url = f"{served.url}/threads/{quote(id_, safe='')}"
        assert served.session.get(url, headers=token, timeout=30).json()["id"] == id_
    wrong = served.session.get(f"{served.url}/threads/%ff", headers=token, timeout=30)
    assert wrong.status_code == 422


@pytest.mark.parametrize("name", OPERATIONS)
def test_answers_keep_to_the_document(served: Served, name: str) -> None:
    """As an owner no call ends in a 500 or in an answer that the document does not know. [N6]"""
    _owner(served, name, 5)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_stranger_learns_nothing(served: Served, name: str) -> None:
    """Another's ids and ids of nothing give the same answer, without a foreign word. [I3 N6]"""
    _stranger(served, name, 3)


@pytest.mark.prove
@pytest.mark.parametrize("name", OPERATIONS)
def test_many_answers_keep_to_the_document(served: Served, name: str) -> None:
    """The same with many more calls, other ones each time. [I3 N6]"""
    _owner(served, name, 2 * MANY)
    _stranger(served, name, MANY)
