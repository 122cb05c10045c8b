"""Who is let into the dashboard: an OpenID Connect issuer, and what those whom it names may do."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from schemas.fleet import Strict, Text, Url
from schemas.loopback import is_loopback
from schemas.quantity import DurationS

COOKIE_SECRET_CHARS_MIN = 32
SESSION_MAX_S = 30 * 86400.0  # no cookie of Streamlit's lasts longer
METADATA_PATH = "/.well-known/openid-configuration"
CALLBACK_PATH = "/oauth2callback"


class Role(StrEnum):
    """What somebody may do on the dashboard."""

    VIEWER = "viewer"  # read
    RESPONDER = "responder"  # acknowledge, silence, drill as well


def _private(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ValueError("a login needs https://, except on loopback: others could read it on the way")
    return url


def _origin(url: str) -> str:
    parts = urlsplit(url)
    if parts.path.strip("/"):
        raise ValueError("the dashboard is served at the root of its address: give no path")
    port = {"https": ":443", "http": ":80"}[parts.scheme]  # a browser leaves it out
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(port)}"


def _email(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text or text.count("@") != 1:
        raise ValueError("not an address of mail")
    return text.lower()


PrivateUrl = Annotated[Url, AfterValidator(_private)]
Origin = Annotated[Url, AfterValidator(_private), AfterValidator(_origin)]
Email = Annotated[str, StringConstraints(min_length=3, max_length=80), AfterValidator(_email)]
Group = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Claim = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Scope = Annotated[str, StringConstraints(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]{1,200}$")]


class Members(Strict):
    """Who has a role: whoever is named by address, or is in a group."""

    emails: tuple[Email, ...] = Field(default=(), max_length=10_000)
    groups: tuple[Group, ...] = Field(default=(), max_length=1000)


class Roles(Strict):
    """Who may do what; whoever is in both is a responder."""

    responder: Members = Members()
    viewer: Members = Members()


class Login(Strict):
    """OpenID Connect, for the pages of the dashboard."""

    issuer: PrivateUrl = Field(description="as it stands in its ID tokens")
    metadata_url: PrivateUrl | None = Field(default=None, description="beneath the issuer when null")
    name: Text = Field(default="", description="on the button; the issuer's host when empty")
    client_id: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    client_secret: SecretStr | None = Field(default=None, description="write ${ENV_NAME}, never the secret")
    client_secret_file: str | None = None
    cookie_secret: SecretStr | None = Field(default=None, description="write ${ENV_NAME}, never the secret")
    cookie_secret_file: str | None = None
    url: Origin = Field(description="where people open the dashboard; /oauth2callback beneath it is the redirect URI")
    scopes: tuple[Scope, ...] = ("openid", "email", "profile")
    groups_claim: Claim = "groups"
    roles: Roles = Roles()
    others: Literal["refused", "viewer"] = Field(default="refused", description="whoever is in no role")
    assume_verified: bool = Field(
        default=False, description="for an issuer that does not say whether it has verified an address"
    )
    session: DurationS = Field(default=12 * 3600.0, ge=60, le=SESSION_MAX_S, description="then one logs in again")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for key in ("client_secret", "cookie_secret"):
            if getattr(self, key) is not None and getattr(self, f"{key}_file") is not None:
                raise ValueError(f"{key} and {key}_file exclude each other; give one")
        if self.client_secret is not None and not self.client_secret.get_secret_value():
            raise ValueError("client_secret is empty")
        if problem := self.problem_of_cookie_secret():
            raise ValueError(problem)
        if missing := {"openid", "email"} - set(self.scopes):
            raise ValueError(f"scopes: without {' and '.join(sorted(missing))} nobody has a name")
        if self.others == "refused" and self.roles == Roles():
            raise ValueError("nobody could log in: name somebody in roles, or let others be viewers")
        return self

    def problem_of_cookie_secret(self) -> str:
        """What is wrong with the secret that cookies are signed with; '' for nothing, or while it is not known."""
        if self.cookie_secret is None or len(self.cookie_secret.get_secret_value()) >= COOKIE_SECRET_CHARS_MIN:
            return ""
        return f"a cookie_secret has at least {COOKIE_SECRET_CHARS_MIN} characters: who guesses it is let in"

    @property
    def metadata(self) -> str:
        """Where the issuer says what it is."""
        return self.metadata_url or self.issuer.rstrip("/") + METADATA_PATH

    @property
    def redirect_uri(self) -> str:
        """Where the issuer sends people back to."""
        return self.url + CALLBACK_PATH

    @property
    def shown(self) -> str:
        """What people call the issuer."""
        return self.name or urlsplit(self.issuer).netloc
