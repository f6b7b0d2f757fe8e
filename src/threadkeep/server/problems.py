"""Problems: what is wrong with a request, as a status, a code and members; never with content."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from threadkeep.values import jsontext
from threadkeep.values.errors import (
    ConflictError,
    CredentialError,
    ForbiddenError,
    InvalidCursorError,
    InvalidError,
    NotFoundError,
    SchemaMismatchError,
    ThreadkeepError,
    UnavailableError,
)

NO_STORE: Final = {"Cache-Control": "private, no-store"}
_CODES: Final = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


class Problem(Exception):  # noqa: N818  the word of RFC 9457
    """A request that is refused: a status, a stable code, and a sentence without content."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members


def problem_of(error: Exception) -> Problem:
    """What is told of an error. One that nobody foresaw is a defect, without a word of it."""
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return _unreadable(error)
        case HTTPException():
            code = _CODES.get(error.status_code, "refused")
            return Problem(
                error.status_code, code, HTTPStatus(error.status_code).phrase, headers=error.headers
            )
        case ThreadkeepError():
            return _of_ours(error)
        case ClientDisconnect():
            return Problem(400, "incomplete", "the body broke off")
        case _:
            return Problem(500, "defect", "the server failed; its log says where")


def _of_ours(error: ThreadkeepError) -> Problem:
    match error:
        case NotFoundError():
            return Problem(404, "not_found", f"{error.kind} not found", kind=error.kind)
        case ConflictError():
            return Problem(409, error.reason, str(error), id=error.id, head=error.head)
        case CredentialError():
            return Problem(401, error.reason, str(error), headers={"WWW-Authenticate": "Bearer"})
        case InvalidCursorError():
            return Problem(400, "invalid_cursor", str(error), field=error.field)
        case InvalidError():
            return Problem(422, error.code, str(error), field=error.field, rule=error.rule)
        case ForbiddenError():
            return Problem(403, error.code, "the server's database role may not do this")
        case UnavailableError() | SchemaMismatchError():
            return Problem(
                503, error.code, "the database cannot be used now", headers={"Retry-After": "1"}
            )
        case _:
            return Problem(500, error.code, "the database refused the call")


def rule_of(message: str) -> str:
    """What pydantic says is wrong, without its own word before what our checks say."""
    return message.removeprefix("Value error, ")


def _unreadable(error: RequestValidationError) -> Problem:
    """The first parameter that is wrong; what was sent there is not repeated."""
    first = error.errors()[0]
    # What comes behind the name is which of the types that it may have was tried.
    name, rule = str(first["loc"][:2][-1]), rule_of(first["msg"])
    return problem_of(InvalidError(name, rule))


def as_problem_json(problem: Problem) -> Response:
    """The problem as RFC 9457 has it."""
    body = {
        "type": f"urn:threadkeep:problem:{problem.code}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        **problem.members,
    }
    return _response(problem, body, "application/problem+json")


def as_cloud_json(problem: Problem) -> Response:
    """The problem as the npm package assistant-cloud reads it: `error` is the code."""
    status = 400 if problem.status == 422 else problem.status
    body = {"error": problem.code, "message": problem.detail, **problem.members}
    return _response(problem, body, "application/json", status)


def told_outside(path: str, error: Exception) -> Response:
    """What is told of an error that came up outside of all routes of ours."""
    problem = problem_of(error)
    return as_cloud_json(problem) if path.startswith("/v1/") else as_problem_json(problem)


def _response(
    problem: Problem, body: dict[str, Any], media_type: str, status: int | None = None
) -> Response:
    return Response(
        jsontext.encode(body),  # a name in it may hold what only JSON can write
        status or problem.status,
        {**NO_STORE, **problem.headers},
        media_type,
    )
