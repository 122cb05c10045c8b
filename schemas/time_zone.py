"""Time zones of the IANA database, by name."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, StringConstraints


def _known(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is no time zone; write one as Europe/Berlin, or UTC")
    return name


TimeZone = Annotated[str, StringConstraints(max_length=60), AfterValidator(_known)]
