"""Who somebody is by the claims of an ID token, and what they may do: pure, and refused with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.login import Login, Members, Role

NAME_CHARS_MAX = 80  # as long as a name on the record may be
AHEAD_MAX = timedelta(minutes=5)  # by which the issuer's clock may be ahead of ours


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is let in: the name that stands on the record, and what they may do."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody who is not let in, and why: '' when nobody has logged in."""

    why: str = ""


def identified(claims: Mapping[str, Any], login: Login, now: datetime) -> Person | Stranger:
    """Whom *claims*, of a cookie that was signed here, let in at *now*."""
    if claims.get("is_logged_in") is not True:
        return Stranger()
    if not _is_of(claims, login):
        by, here = f"{claims.get('iss')} for {claims.get('aud')}", f"{login.issuer} for {login.client_id}"
        return Stranger(f"You were logged in by {by}; what counts here is {here}.")
    if not _lasts(claims, login, now):
        return Stranger("Your session is over.")
    name = _email(claims.get("email"))
    if name is None:
        return Stranger(f"{login.shown} does not say what your address is, so nothing could be recorded in your name.")
    if not _verified(claims, login):
        return Stranger(f"{login.shown} does not say that it has verified the address {name}.")
    role = _role(name, _groups(claims.get(login.groups_claim)), login)
    if role is None:
        return Stranger(f"{name} has no role on this dashboard; whoever keeps its settings can give one.")
    return Person(name, role)


def login_key(claims: Mapping[str, Any]) -> str:
    """What tells one login from every other, that of the same person included: the nonce it was asked for with."""
    return str(claims.get("nonce") or f"{claims.get('sub')} {claims.get('iat')}")


def _is_of(claims: Mapping[str, Any], login: Login) -> bool:
    """Cookies outlive a change of the issuer, when the secret that signs them is kept."""
    audience = claims.get("aud")
    clients = audience if isinstance(audience, list) else [audience]
    return str(claims.get("iss")).rstrip("/") == login.issuer.rstrip("/") and login.client_id in clients


def _lasts(claims: Mapping[str, Any], login: Login, now: datetime) -> bool:
    issued = claims.get("iat")
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        return False
    try:
        begun = datetime.fromtimestamp(issued, UTC)
    except (OverflowError, ValueError, OSError):
        return False
    return begun - AHEAD_MAX <= now < begun + timedelta(seconds=login.session)


def _email(claim: Any) -> str | None:
    """An address as it is compared; None when it is none. In ASCII only: others can look, or fold, like its letters."""
    if not isinstance(claim, str) or not 3 <= len(claim) <= NAME_CHARS_MAX or claim.count("@") != 1:
        return None
    return claim.lower() if claim.isascii() and claim.isprintable() and " " not in claim else None


def _verified(claims: Mapping[str, Any], login: Login) -> bool:
    said = claims.get("email_verified")
    return login.assume_verified if said is None else said is True or said == "true"


def _groups(claim: Any) -> frozenset[str]:
    """Those that the claim names; none of a claim of any other form."""
    named = [claim] if isinstance(claim, str) else claim
    return frozenset(one for one in named if isinstance(one, str)) if isinstance(named, list) else frozenset()


def _role(name: str, groups: frozenset[str], login: Login) -> Role | None:
    for role, members in ((Role.RESPONDER, login.roles.responder), (Role.VIEWER, login.roles.viewer)):
        if _among(name, groups, members):
            return role
    return Role.VIEWER if login.others == "viewer" else None


def _among(name: str, groups: frozenset[str], members: Members) -> bool:
    return name in members.emails or not groups.isdisjoint(members.groups)
