"""The provider of the tests refuses what a real one refuses, and its honest tokens are sound."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import sha256

import pytest
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet

from tests.support.oidc_provider import CLIENT, SECRET, Provider

BACK = "http://127.0.0.1:1/oauth2callback"
VERIFIER = "v" * 43
ASKED = {
    "client_id": CLIENT,
    "redirect_uri": BACK,
    "response_type": "code",
    "scope": "openid email",
    "state": "s",
    "nonce": "n",
    "code_challenge_method": "S256",
    "code_challenge": urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode(),
}
FORM = {"grant_type": "authorization_code", "redirect_uri": BACK, "code_verifier": VERIFIER}


@pytest.fixture(scope="module")
def provider() -> Provider:
    """One with one person, and nothing listening."""
    return Provider({"ana": {"email": "ana@acme.example"}}, {BACK}, "http://127.0.0.1:2")


@pytest.mark.parametrize("missing", sorted(set(ASKED)))
def test_a_question_with_anything_missing_is_refused(provider: Provider, missing: str) -> None:
    """State, nonce and proof key as well: without them a stolen code would be worth something."""
    assert provider.problem(ASKED) == ""
    assert provider.problem({name: value for name, value in ASKED.items() if name != missing}) != ""


def test_a_code_is_good_once_for_whoever_asked(provider: Provider) -> None:
    """Not for another client, another address, another verifier, or again."""
    client = (CLIENT, SECRET)
    assert provider.exchange(FORM | {"code": provider.code(ASKED, "ana")}, (CLIENT, "wrong"))[0] == 401
    for wrong in ({"redirect_uri": "http://evil.example"}, {"code_verifier": "w" * 43}, {"grant_type": "password"}):
        assert provider.exchange(FORM | {"code": provider.code(ASKED, "ana")} | wrong, client)[0] == 400
    code = provider.code(ASKED, "ana")
    status, said = provider.exchange(FORM | {"code": code}, client)
    assert status == 200 and said["token_type"] == "Bearer"
    assert provider.exchange(FORM | {"code": code}, client)[0] == 400


def test_an_id_token_is_signed_with_the_published_key_unless_it_is_told_to_lie(provider: Provider) -> None:
    """RS256, with the nonce that was asked with."""
    keys = KeySet.import_key_set(provider.keys())
    claims = jwt.decode(provider.id_token("ana", "n"), keys, algorithms=["RS256"]).claims
    assert (claims["nonce"], claims["aud"], claims["email"]) == ("n", CLIENT, "ana@acme.example")
    assert "d" not in provider.keys()["keys"][0]

    provider.fault = "nonce"
    assert jwt.decode(provider.id_token("ana", "n"), keys, algorithms=["RS256"]).claims["nonce"] != "n"
    provider.fault = "key"
    with pytest.raises(BadSignatureError):
        jwt.decode(provider.id_token("ana", "n"), keys, algorithms=["RS256"])
    provider.fault = ""
