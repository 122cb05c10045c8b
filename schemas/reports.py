"""Reports: scorecards that the collector writes or sends by itself, one for each provider and closed period."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema, model_validator

from schemas.fleet import Name, Strict

_TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"


def _time_of_day(value: object) -> str:
    """*value*, when it is a time of day; YAML takes 12:30 without quotes for a number."""
    if not isinstance(value, str) or not re.fullmatch(_TIME, value):
        raise ValueError(f'not a time of day: {value!r}; write it in quotes, from "00:00" to "23:59"')
    return value


TimeOfDay = Annotated[str, BeforeValidator(_time_of_day), WithJsonSchema({"type": "string", "pattern": _TIME})]
Format = Literal["json", "csv", "md", "html", "pdf"]
Every = Literal["day", "week", "month"]


class ReportTo(Strict):
    """Where a report goes: one of a folder, a mail, a webhook; the last two as `paging.destinations` has them."""

    folder: Annotated[str, StringConstraints(min_length=1)] | None = Field(
        default=None, description="on the collector's machine, relative to where it is started"
    )
    email: Name | None = Field(default=None, description="a destination of the kind email")
    webhook: Name | None = Field(default=None, description="a destination of the kind webhook")

    @model_validator(mode="after")
    def _one(self) -> ReportTo:
        if sum(one is not None for one in (self.folder, self.email, self.webhook)) != 1:
            raise ValueError("give one of folder, email and webhook")
        return self

    @property
    def destination(self) -> tuple[str, str] | None:
        """The kind and the name of the destination; None for a folder."""
        named = (("email", self.email), ("webhook", self.webhook))
        return next(((kind, name) for kind, name in named if name is not None), None)


class Report(Strict):
    """
    A scorecard of each provider for every closed period: a UTC day, a week from Monday, or a calendar month.

    It is of what was known when the period closed, and goes out at the time of day *at*, UTC, of the day after.
    """

    name: Name
    providers: tuple[Name, ...] = Field(default=(), description="none: every one of the fleet")
    format: Format = "html"
    days: Annotated[int, Field(ge=1, le=180)] | None = Field(
        default=None, description="how far back each goes; null: the period"
    )
    every: Every = "month"
    at: TimeOfDay = "06:00"
    to: ReportTo
