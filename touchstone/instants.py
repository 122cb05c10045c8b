"""Instants and months as they are typed on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time
from typing import Any

import click

_DAY = re.compile(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
_MONTH = re.compile(r"^[0-9]{4}-(0[1-9]|1[0-2])$")


class Instant(click.ParamType[datetime]):
    """An instant in ISO 8601 with its offset, in UTC; a day alone is its beginning."""

    name = "ISO8601"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The instant that *value* says."""
        if isinstance(value, datetime):
            return value
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not ISO 8601", param, ctx)
        if _DAY.match(value):
            at = datetime.combine(at, time(), UTC)
        if at.tzinfo is None:
            self.fail(f"{value!r} has no offset; write 2026-01-31T12:00:00Z", param, ctx)
        if not 1970 < at.year < 2200:
            self.fail(f"{value!r} is not in the years 1971 to 2199", param, ctx)
        return at.astimezone(UTC)


class Month(click.ParamType[str]):
    """A month, `2026-10`."""

    name = "YYYY-MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """*value*, when it is one."""
        if not _MONTH.match(str(value)):
            self.fail(f"{value!r} is not a month; write it like 2026-10", param, ctx)
        return str(value)


INSTANT = Instant()
MONTH = Month()


def in_milliseconds(at: datetime) -> datetime:
    """*at* without what is below a millisecond, which the store does not have."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
