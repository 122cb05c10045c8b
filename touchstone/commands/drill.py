"""`touchstone drill`: a marked P0 through the real path, measured."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session

WAIT_S = 60.0
LOOK_S = 0.25


@click.command("drill")
@click.option("--to", "destinations", multiple=True, help="A destination; more than once for several (default: P0's).")
@click.option("--by", help="Who exercises (default: your user name).")
@click.option("--wait", "wait_s", type=click.FloatRange(1, 600), default=WAIT_S, show_default=True, help="Seconds.")
@json_option
@pass_session
def command(session: Session, destinations: tuple[str, ...], by: str | None, wait_s: float, as_json: bool) -> int:
    """Send a marked P0 the way a real one goes, and print how long each destination took; exit 1 when one did not."""
    from touchstone.collector_client import ask, whoami

    settings = session.configuration.settings
    unknown = sorted(set(destinations) - set(settings.paging.destinations))
    if unknown:
        known = ", ".join(sorted(settings.paging.destinations)) or "none"
        raise click.BadParameter(f"no destination is called {unknown[0]!r} (known: {known})", param_hint="--to")
    body = {"by": by or whoami(), "via": "cli", "destinations": list(destinations)}
    began = ask(settings.agent, "/api/v1/drill", body)
    at, give_up = datetime.fromisoformat(began["at"]), session.clock.monotonic() + wait_s
    session.err.print(f"{began['incident']}: a P0 that says DRILL is on its way")
    told: list[dict[str, Any]] = []
    while session.clock.monotonic() < give_up:
        told = ask(settings.agent, f"/api/v1/incidents/{began['incident']}/deliveries")["deliveries"]
        told = [one for one in told if one["change"] == "opened"]
        if told and all(one["state"] in {"delivered", "dead"} for one in told):
            break
        session.clock.pause(LOOK_S)
    took = {one["destination"]: _seconds(at, one) for one in told}
    if as_json:
        session.print_json({"incident": began["incident"], "at": at, "deliveries": told, "seconds": took})
    else:
        for one in told:
            seconds = took[one["destination"]]
            said = f"after {seconds:.2f} s" if seconds is not None else one["error"] or "not yet"
            session.say(f"{one['destination']}: {one['state']}, {said}")
        if not told:
            session.say("nobody is told: P0 has no route")
    arrived = bool(told) and all(one["state"] == "delivered" for one in told)
    return exit_codes.FINE if arrived else exit_codes.FINDINGS


def _seconds(at: datetime, delivery: dict[str, Any]) -> float | None:
    delivered = delivery["delivered_at"]
    return (datetime.fromisoformat(delivered) - at).total_seconds() if delivered else None
