"""Where pages go: the settings of every kind of destination; a file in collector/paging/destinations serves each."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from schemas.fleet import Name, Strict, Tls, Url
from schemas.quantity import DurationS

WEBHOOK_SECRET_PREFIX = "whsec_"
WEBHOOK_KEY_BYTES_MIN, WEBHOOK_KEY_BYTES_MAX = 24, 64  # Standard Webhooks 1.0


def _mail_address(text: str) -> str:
    """*text*, when it can stand in a header as it is."""
    if not _MAIL_ADDRESS.fullmatch(text):
        raise ValueError("not a mail address as on-call@example.com")
    return text


_MAIL_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")
EmailAddress = Annotated[str, AfterValidator(_mail_address)]
Host = Annotated[str, StringConstraints(pattern=r"^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])$")]


class ADestination(Strict):
    """
    What every destination says.

    timeout bounds one attempt. backup names the destination that is told as well when this one has not taken a page
    in time, or never will. per_minute bounds what is sent there; the worst severity goes first.
    """

    SECRETS: ClassVar[tuple[str, ...]] = ()  # settings of which each must be given, here or in a `*_file`
    OPTIONAL_SECRETS: ClassVar[tuple[str, ...]] = ()  # which may be

    timeout: DurationS = 5.0
    backup: Name | None = None
    per_minute: Annotated[int, Field(ge=1, le=10_000)] = 60

    def secrets(self) -> list[str]:
        """Every secret that is known here, the empty ones left out: what may stand in no message."""
        given: list[SecretStr | None] = [getattr(self, name) for name in (*self.SECRETS, *self.OPTIONAL_SECRETS)]
        return [one.get_secret_value() for one in given if one is not None and one.get_secret_value()]

    def host(self) -> str | None:
        """The host that it is at, when its settings say one."""
        url = getattr(self, "url", None)
        text = url.get_secret_value() if isinstance(url, SecretStr) else url
        try:
            return urlsplit(text).hostname if text else None
        except ValueError:
            return None

    def problems(self) -> Iterator[tuple[str, str]]:
        """What is wrong with its secrets once they are read: the name of a setting ('' for all of it), and why."""
        for name in self.SECRETS:
            if getattr(self, name) is None:
                yield "", f"missing: {name!r} or '{name}_file' is needed here"
        for name in (*self.SECRETS, *self.OPTIONAL_SECRETS):
            secret: SecretStr | None = getattr(self, name)
            if secret is not None and (wrong := self.wrong_with(name, secret.get_secret_value())):
                yield name, wrong

    def wrong_with(self, name: str, secret: str) -> str | None:
        """Why *secret* cannot be the setting *name*; never with the secret in it."""
        if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
            return f"{name} is empty, or holds a space or another character than printable ASCII"
        return url_problem(secret) if name == "url" else None


def url_problem(url: str) -> str | None:
    """Why *url*, which is a secret, can be no address to post to; None when it can."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "https" or parts.scheme == "http"
        usable = usable and bool(parts.hostname) and parts.port != 0 and parts.username is None
    except ValueError:
        usable = False
    return None if usable else "not an http or https URL with a host and without a user"


class Webhook(ADestination):
    """A signed webhook (Standard Webhooks 1.0). previous_secret signs as well, while receivers change over."""

    SECRETS: ClassVar[tuple[str, ...]] = ("secret",)
    OPTIONAL_SECRETS: ClassVar[tuple[str, ...]] = ("previous_secret",)

    kind: Literal["webhook"]
    url: Url
    secret: SecretStr | None = None
    secret_file: str | None = None
    previous_secret: SecretStr | None = None
    previous_secret_file: str | None = None
    tls: Tls = Tls()

    def wrong_with(self, name: str, secret: str) -> str | None:
        """A secret is `whsec_` and base64 of 24 to 64 bytes."""
        try:
            size = len(base64.b64decode(secret.removeprefix(WEBHOOK_SECRET_PREFIX), validate=True))
        except ValueError:  # binascii.Error, and what is not ASCII
            size = 0
        if secret.startswith(WEBHOOK_SECRET_PREFIX) and WEBHOOK_KEY_BYTES_MIN <= size <= WEBHOOK_KEY_BYTES_MAX:
            return None
        sizes = f"{WEBHOOK_KEY_BYTES_MIN} to {WEBHOOK_KEY_BYTES_MAX} bytes"
        return f"{name} is not {WEBHOOK_SECRET_PREFIX}<base64> of {sizes}"


class PagerDuty(ADestination):
    """PagerDuty Events API v2."""

    SECRETS: ClassVar[tuple[str, ...]] = ("routing_key",)
    OPTIONAL_SECRETS: ClassVar[tuple[str, ...]] = ("webhook_secret",)

    kind: Literal["pagerduty"]
    url: Url = "https://events.pagerduty.com/v2/enqueue"
    routing_key: SecretStr | None = None
    routing_key_file: str | None = None
    webhook_secret: SecretStr | None = Field(
        default=None, description="of a webhook subscription that leads to /api/v1/pagerduty of the collector"
    )
    webhook_secret_file: str | None = None
    per_minute: Annotated[int, Field(ge=1, le=10_000)] = 120  # what the API takes for one key


class PagerDutyChanges(ADestination):
    """PagerDuty change events: a record beside its incidents, which never notifies anybody."""

    SECRETS: ClassVar[tuple[str, ...]] = ("routing_key",)

    kind: Literal["pagerduty_changes"]
    url: Url = "https://events.pagerduty.com/v2/change/enqueue"
    routing_key: SecretStr | None = None
    routing_key_file: str | None = None

    def wrong_with(self, name: str, secret: str) -> str | None:
        """The key of a service: rulesets take no change events."""
        if secret.startswith("R"):
            return f"{name} is a ruleset's (it begins with R), and those take no change events; give a service's"
        return super().wrong_with(name, secret)


class Slack(ADestination):
    """A Slack incoming webhook. Who has its URL may post, so it is a secret."""

    SECRETS: ClassVar[tuple[str, ...]] = ("url",)

    kind: Literal["slack"]
    url: SecretStr | None = None
    url_file: str | None = None


class Teams(ADestination):
    """Microsoft Teams: a workflow with the trigger "When a Teams webhook request is received". Its URL is a secret."""

    SECRETS: ClassVar[tuple[str, ...]] = ("url",)

    kind: Literal["teams"]
    url: SecretStr | None = None
    url_file: str | None = None


class Discord(ADestination):
    """A Discord webhook. Who has its URL may post, so it is a secret."""

    SECRETS: ClassVar[tuple[str, ...]] = ("url",)

    kind: Literal["discord"]
    url: SecretStr | None = None
    url_file: str | None = None
    per_minute: Annotated[int, Field(ge=1, le=10_000)] = 30  # what a channel's webhooks take together


class Email(ADestination):
    """Mail by SMTP. A password goes over TLS only."""

    OPTIONAL_SECRETS: ClassVar[tuple[str, ...]] = ("password",)

    kind: Literal["email"]
    smtp_host: Host
    smtp_port: Annotated[int, Field(ge=1, le=65_535)] | None = Field(
        default=None, description="587 with starttls, 465 with tls, 25 with plain"
    )
    security: Literal["starttls", "tls", "plain"] = "starttls"
    user: Annotated[str, StringConstraints(max_length=256)] = ""
    password: SecretStr | None = None
    password_file: str | None = None
    sender: EmailAddress
    to: Annotated[tuple[EmailAddress, ...], Field(min_length=1, max_length=50)]
    timeout: DurationS = 15.0
    tls: Tls = Tls()

    @property
    def port(self) -> int:
        """Where it is submitted."""
        return self.smtp_port or {"starttls": 587, "tls": 465, "plain": 25}[self.security]

    def host(self) -> str:
        """The server."""
        return self.smtp_host.strip("[]")

    def problems(self) -> Iterator[tuple[str, str]]:
        """A user comes with a password, and neither without TLS."""
        yield from super().problems()
        if bool(self.user) != (self.password is not None):
            yield "", "user and password (or password_file) come together"
        if self.user and self.security == "plain":
            yield "security", "a password is not sent without TLS; say starttls or tls"

    def wrong_with(self, name: str, secret: str) -> str | None:
        """A password may hold anything that is no control character."""
        return None if secret and secret.isprintable() else f"{name} is empty, or holds a control character"


class Alertmanager(ADestination):
    """
    Prometheus Alertmanager's `/api/v2/alerts`; *url* is its base.

    lasts: how long Alertmanager holds an alert for firing when it hears no more of it; every page of an incident
    begins it anew, and only we end it earlier.
    """

    OPTIONAL_SECRETS: ClassVar[tuple[str, ...]] = ("bearer",)

    kind: Literal["alertmanager"]
    url: Url
    bearer: SecretStr | None = None
    bearer_file: str | None = None
    lasts: DurationS = 30 * 86400.0
    tls: Tls = Tls()


class Opsgenie(ADestination):
    """Opsgenie's Alert API, or what is compatible with it (Jira Service Management)."""

    SECRETS: ClassVar[tuple[str, ...]] = ("api_key",)

    kind: Literal["opsgenie"]
    url: Url = "https://api.opsgenie.com/v2/alerts"
    api_key: SecretStr | None = None
    api_key_file: str | None = None


class IncidentIo(ADestination):
    """An HTTP alert source of incident.io; *url* ends with the id of its configuration."""

    SECRETS: ClassVar[tuple[str, ...]] = ("token",)

    kind: Literal["incidentio"]
    url: Url
    token: SecretStr | None = None
    token_file: str | None = None


class Apprise(ADestination):
    """Any service that the package `apprise` knows, by its URL, which holds the secrets of that service."""

    SECRETS: ClassVar[tuple[str, ...]] = ("url",)

    kind: Literal["apprise"]
    url: SecretStr | None = None
    url_file: str | None = None
    timeout: DurationS = 15.0

    def wrong_with(self, name: str, secret: str) -> str | None:
        """The package says the rest: whether it knows such a service."""
        scheme, found, rest = secret.partition("://")
        if secret.isprintable() and found and rest and scheme.isalnum():
            return None
        return f"{name} is not an Apprise URL: SERVICE://..."


Destination = Annotated[
    Webhook
    | PagerDuty
    | PagerDutyChanges
    | Slack
    | Teams
    | Discord
    | Email
    | Alertmanager
    | Opsgenie
    | IncidentIo
    | Apprise,
    Field(discriminator="kind"),
]
