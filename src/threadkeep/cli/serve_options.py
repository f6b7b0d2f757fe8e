"""The options of `threadkeep serve`. None and an empty list say nothing: others are asked then."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def _text(name: str, metavar: str, help: str, *more: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(name, *more, metavar=metavar, help=help)
    return option


Config = Annotated[Path | None, _text("--config", "FILE", "Settings in TOML.")]
Host = Annotated[str | None, _text("--host", "HOST", "Where to listen: 127.0.0.1.")]
Port = Annotated[int | None, _text("--port", "PORT", "Which port: 8000; 0 for a free one.")]
Workers = Annotated[int | None, _text("--workers", "N", "How many processes: 1.")]
StopSeconds = Annotated[
    int | None,
    _text("--stop-seconds", "N", "How long requests under way may take at the end: 20."),
]
Proxy = Annotated[
    list[str] | None,
    _text("--proxy", "ADDRESS", "A proxy whose X-Forwarded-For and -Proto are believed."),
]
PublicUrl = Annotated[
    str | None, _text("--public-url", "URL", "How browsers reach the server, for links to files.")
]
ServeUrl = Annotated[
    str | None,
    _text(
        "--url",
        "URL",
        "The database. Else THREADKEEP_URL, else DATABASE_URL, else the embedded PostgreSQL.",
        "--database-url",
    ),
]
ServeData = Annotated[
    Path | None, _text("--data", "FOLDER", "Use the embedded PostgreSQL of this folder.")
]
ServeSchema = Annotated[
    str | None, _text("--schema", "NAME", "The schema that holds the tables: threadkeep.")
]
ServeRls = Annotated[
    bool | None,
    typer.Option("--rls/--no-rls", help="Whether the tables are under row-level security: yes."),
]
Migrate = Annotated[
    bool | None,
    typer.Option("--migrate/--no-migrate", help="Whether to migrate a database of a URL: no."),
]
PoolSize = Annotated[
    int | None, _text("--pool-size", "N", "How many connections each process may have: 10.")
]
Keys = Annotated[bool | None, typer.Option("--keys/--no-keys", help="Take API keys.")]
Visitors = Annotated[
    bool | None,
    typer.Option("--anonymous/--no-anonymous", help="Give everybody a session of their own."),
]
JwtSecretFile = Annotated[
    Path | None, _text("--jwt-secret-file", "FILE", "Take JWTs signed with the secret in it.")
]
JwtPublicKey = Annotated[
    Path | None, _text("--jwt-public-key", "FILE", "Take JWTs signed for this public key (PEM).")
]
JwtJwksUrl = Annotated[
    str | None, _text("--jwt-jwks-url", "URL", "Take JWTs signed with a key of this set.")
]
JwtAlgorithm = Annotated[
    list[str] | None, _text("--jwt-algorithm", "NAME", "An algorithm that is accepted.")
]
JwtIssuer = Annotated[
    list[str] | None, _text("--jwt-issuer", "NAME", "An issuer that is accepted.")
]
JwtAudience = Annotated[
    list[str] | None, _text("--jwt-audience", "NAME", "An audience that is meant.")
]
JwtLeeway = Annotated[
    float | None, _text("--jwt-leeway", "SECONDS", "How far clocks may differ: 10.")
]
JwtScopeClaim = Annotated[
    str | None, _text("--jwt-scope-claim", "NAME", "The claim that has scopes: none.")
]
JwtAdmin = Annotated[
    bool | None, typer.Option("--jwt-admin/--no-jwt-admin", help="Let JWTs have the scope admin.")
]
OwnerClaim = Annotated[
    str | None, _text("--owner-claim", "NAME", "The claim that names the owner: workspace_id.")
]
UserClaim = Annotated[
    str | None, _text("--user-claim", "NAME", "The claim that names the user: sub; '' for none.")
]
SecretFile = Annotated[
    Path | None, _text("--secret-file", "FILE", "The server's own secret; else THREADKEEP_SECRET.")
]
CorsOrigin = Annotated[
    list[str] | None, _text("--cors-origin", "ORIGIN", "Whose pages may call; '*' for all.")
]
CallRate = Annotated[
    str | None, _text("--rate", "RATE", "How often a caller may call, like 600/minute: no limit.")
]
MaxBody = Annotated[
    int | None, _text("--max-body", "BYTES", "The largest body of a request: 4194304.")
]
MaxLargeBody = Annotated[
    int | None, _text("--max-large-body", "BYTES", "The same for imports and uploads: 67108864.")
]
Files = Annotated[
    Path | None,
    _text("--files", "FOLDER", "Where the bytes of attachments go: beside the embedded data."),
]
CountMetrics = Annotated[
    bool | None, typer.Option("--metrics/--no-metrics", help="Count requests, for /metrics.")
]
LogLevel = Annotated[
    str | None, _text("--log-level", "LEVEL", "debug, info, warning or error: info.")
]
LogFormat = Annotated[str | None, _text("--log-format", "FORMAT", "text or json: text.")]
