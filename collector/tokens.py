"""Who is let in: whoever shows one of the tokens, compared in constant time. Without any token everybody is."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

_SCHEME = "bearer "
CHALLENGE = 'Bearer realm="touchstone"'


class Tokens:
    """The tokens by name; a name may be said, the secret never is."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._secrets = {name: secret.encode() for name, secret in secrets.items()}

    def refusal(self, authorization: str | None) -> str | None:
        """Why a request with this Authorization header is not let in; None when it is."""
        if not self._secrets:
            return None
        if authorization is None:
            return "no token; send Authorization: Bearer TOKEN, with one of collector.tokens"
        if authorization[: len(_SCHEME)].lower() != _SCHEME:
            return "Authorization is not of the form Bearer TOKEN"
        shown = authorization[len(_SCHEME) :].strip().encode(errors="surrogateescape")
        known = [hmac.compare_digest(shown, secret) for secret in self._secrets.values()]  # all of them, always
        return None if any(known) else "the token is none of collector.tokens"
