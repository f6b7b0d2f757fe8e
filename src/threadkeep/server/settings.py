"""Settings of a server: from flags, else the environment, else a file, else what is usual."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from threadkeep.server.limits import MEBIBYTE, Rate
from threadkeep.server.problems import rule_of
from threadkeep.values.errors import InvalidError

PREFIX: Final = "THREADKEEP_SERVE_"
SECRET: Final = "THREADKEEP_SECRET"  # noqa: S105  the name of a variable
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\sA-Z]+")


def _listed(value: object) -> object:
    """A text with commas is a list: so the environment and a flag can say one."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


Words = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Settings(BaseModel):
    """All that a server can be told. docs/server.md has a line for each."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    workers: int = Field(1, ge=1, le=64)
    stop_seconds: int = Field(20, ge=1, le=3600)
    proxy: Words = ()
    public_url: str | None = None

    url: str | None = Field(None, repr=False)
    admin_url: str | None = Field(None, repr=False)
    data: Path | None = None
    tables: str = Field("threadkeep", alias="schema")
    rls: bool = True
    migrate: bool = False
    pool_size: int = Field(10, ge=1, le=1000)

    keys: bool = False
    anonymous: bool = False
    jwt_secret: str | None = Field(None, repr=False)
    jwt_secret_file: Path | None = None
    jwt_public_key: Path | None = None
    jwt_jwks_url: str | None = None
    jwt_algorithm: Words = ()
    jwt_issuer: Words = ()
    jwt_audience: Words = ()
    jwt_leeway: float = Field(10.0, ge=0, le=600)
    jwt_scope_claim: str | None = None
    jwt_admin: bool = False
    owner_claim: str = "workspace_id"
    user_claim: str = "sub"
    secret: str | None = Field(None, repr=False)
    secret_file: Path | None = None

    cors_origin: Words = ()
    rate: str | None = None
    rate_anonymous: str = "30/minute"
    rate_refresh: str = "120/minute"
    rate_events: str = "600/minute"
    max_body: int = Field(4 * MEBIBYTE, ge=1)
    max_large_body: int = Field(64 * MEBIBYTE, ge=1)
    files: Path | None = None

    metrics: bool = False
    metrics_token: str | None = Field(None, repr=False)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"

    @field_validator("rate", "rate_anonymous", "rate_refresh", "rate_events")
    @classmethod
    def _is_rate(cls, value: str | None) -> str | None:
        if value is not None:
            Rate.parse(value)
        return value

    @field_validator("cors_origin")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Browsers send neither a path nor a last slash: with one, nothing would ever match."""
        if not all(origin in ("*", "null") or _ORIGIN.fullmatch(origin) for origin in value):
            raise ValueError("must be like https://example.com, in small letters, or *")
        return value

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        if self.url is not None and self.data is not None:
            raise ValueError("url and data must not be given together")
        chosen = (self.jwt_secret, self.jwt_secret_file, self.jwt_public_key, self.jwt_jwks_url)
        if sum(one is not None for one in chosen) > 1:
            raise ValueError(
                "only one of jwt_secret, jwt_secret_file, jwt_public_key and jwt_jwks_url may be "
                "given"
            )
        return self

    @property
    def jwt(self) -> bool:
        """Whether JSON Web Tokens of others are taken."""
        chosen = (self.jwt_secret, self.jwt_secret_file, self.jwt_public_key, self.jwt_jwks_url)
        return any(one is not None for one in chosen)

    @property
    def open(self) -> bool:
        """Whether no auth is configured, so that everybody is let in."""
        return not (self.jwt or self.keys or self.anonymous)

    @property
    def needs_secret(self) -> bool:
        """Whether anything is signed: tokens of ours, or links to files."""
        return self.keys or self.anonymous or self.files is not None

    def handed_over(self) -> str:
        """All of it as text, for the environment of a worker; it has the secrets too."""
        return self.model_dump_json(by_alias=True)

    @classmethod
    def taken_over(cls, text: str) -> Self:
        """What `handed_over` wrote."""
        return cls.model_validate_json(text)


NAMES: Final = frozenset(field.alias or name for name, field in Settings.model_fields.items())
"""The names of all settings: in the file; in the environment in capitals, after the prefix."""


def resolve(flags: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """The settings, each from the first that says it: flags, the environment, the file.

    A flag that is None or an empty list says nothing. The file is the flag or variable `config`.
    InvalidError names where the bad one stands, and never what it says.
    """
    flags = {name: value for name, value in flags.items() if value not in (None, [], ())}
    variables = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX)
    }
    if SECRET in environment:
        variables["secret"] = environment[SECRET]
    file = flags.pop("config", None) or variables.pop("config", None)
    variables.pop("config", None)
    said: dict[str, Any] = {}
    where: dict[str, str] = {}
    for name, value, place in _all(_read(file) if file else {}, variables, flags):
        if name not in NAMES:
            raise InvalidError(place, "is no setting of the server")
        said[name], where[name] = value, place
    try:
        return Settings.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        rule = rule_of(first["msg"]).removeprefix("rate: ")
        raise InvalidError(where.get(name, name), rule) from None


def _all(
    file: Mapping[str, Any], variables: Mapping[str, str], flags: Mapping[str, Any]
) -> Iterator[tuple[str, Any, str]]:
    """Every setting that is said, with its place; what comes later counts."""
    for name, value in file.items():
        yield name, value, f"{name} in the file"
    for name, value in variables.items():
        yield name, value, SECRET if name == "secret" else PREFIX + name.upper()
    for name, value in flags.items():
        yield name, value, "--" + name.replace("_", "-")


def _read(file: str | Path) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(file).read_text("utf-8"))
    except OSError as error:
        raise InvalidError("--config", f"must be a file that can be read ({error.strerror})") from (
            None
        )
    except ValueError:
        raise InvalidError("--config", "must be a TOML file in UTF-8") from None
