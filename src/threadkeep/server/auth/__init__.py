"""Who calls: JSON Web Tokens, API keys, anonymous sessions, or nobody asked."""

from __future__ import annotations

from threadkeep.server.auth.anonymous import Anonymous
from threadkeep.server.auth.api_keys import KeyAuth
from threadkeep.server.auth.composite import Auth
from threadkeep.server.auth.open import Open
from threadkeep.server.auth.own_tokens import OwnTokens, derived
from threadkeep.server.auth.web_tokens import JwtAuth

__all__ = ["Anonymous", "Auth", "JwtAuth", "KeyAuth", "Open", "OwnTokens", "derived"]
