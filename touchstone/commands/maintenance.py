"""`touchstone maintenance`: plan a window in which the pages of a scope are held."""

from __future__ import annotations

from datetime import datetime

import click

from touchstone.commands.silence import say
from touchstone.session import Session, json_option, pass_session


@click.command("maintenance")
@click.argument("scope")
@click.option("--starts", required=True, metavar="TIME", help="2026-12-01T02:00, in --zone, or with an offset.")
@click.option("--lasts", required=True, metavar="DURATION", help="Of each window: 2h.")
@click.option("--why", required=True, help="Stands in the record.")
@click.option("--every", metavar="DURATION", help="Again and again: 7d.")
@click.option("--until", metavar="TIME", help="When a window that comes again ends for good.")
@click.option("--zone", default="UTC", show_default=True, help="Europe/Berlin: it keeps its local time all year.")
@click.option("--by", help="Who answers for it (default: your user name).")
@json_option
@pass_session
def command(
    session: Session,
    scope: str,
    starts: str,
    lasts: str,
    why: str,
    every: str | None,
    until: str | None,
    zone: str,
    by: str | None,
    as_json: bool,
) -> int:
    """Plan a window over SCOPE, once or recurring; what is still broken at its end is paged then."""
    body = {
        "kind": "maintenance",
        "scope": scope,
        "lasts": lasts,
        "why": why,
        "starts": _instant("--starts", starts, zone),
        "every": every,
        "expires": _instant("--until", until, zone) if until else None,
        "zone": zone,
    }
    return say(session, body, by, as_json)


def _instant(option: str, text: str, zone: str) -> str:
    """ISO 8601 with an offset; a time without one is of *zone*."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))).isoformat()
    except ZoneInfoNotFoundError as error:
        raise click.BadParameter(
            f"{zone!r} is no time zone; write one as Europe/Berlin", param_hint="--zone"
        ) from error
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a time, as 2026-12-01T02:00", param_hint=option) from error
