"""Where pages go: the settings of every kind of destination; a file in collector/paging/destinations serves each."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, SecretStr

from schemas.fleet import Name, Strict, Url
from schemas.quantity import DurationS


class ADestination(Strict):
    """
    What every destination says.

    timeout bounds one attempt. backup names the destination that is told as well when this one has not taken a page
    in time, or never will. per_minute bounds what is sent there; the worst severity goes first.
    """

    SECRETS: ClassVar[tuple[str, ...]] = ()  # settings of which one must be given, here or in a `*_file`

    timeout: DurationS = 5.0
    backup: Name | None = None
    per_minute: Annotated[int, Field(ge=1, le=10_000)] = 60


class Webhook(ADestination):
    """A signed webhook (Standard Webhooks 1.0)."""

    SECRETS: ClassVar[tuple[str, ...]] = ("secret",)

    kind: Literal["webhook"]
    url: Url
    secret: SecretStr | None = None
    secret_file: str | None = None


class PagerDuty(ADestination):
    """PagerDuty Events API v2."""

    SECRETS: ClassVar[tuple[str, ...]] = ("routing_key",)

    kind: Literal["pagerduty"]
    url: Url = "https://events.pagerduty.com/v2/enqueue"
    routing_key: SecretStr | None = None
    routing_key_file: str | None = None
    per_minute: Annotated[int, Field(ge=1, le=10_000)] = 120  # what the API takes for one key


Destination = Annotated[Webhook | PagerDuty, Field(discriminator="kind")]
