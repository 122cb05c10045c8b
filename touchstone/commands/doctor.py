"""`touchstone doctor`: check what Touchstone needs on this machine."""

from __future__ import annotations

from dataclasses import asdict

import click

from schemas.errors import ConfigurationError
from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session

_STYLE = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@click.command("doctor")
@json_option
@pass_session
def command(session: Session, as_json: bool) -> int:
    """Check python, configuration, disk, ports, the store, its tables and its clock; exit 1 when one fails."""
    from rich.markup import escape

    from touchstone.checkup import Check, checkup, python

    try:
        settings = session.configuration.settings
    except ConfigurationError as error:
        checks = [python(), *(Check("configuration", "fail", str(finding)) for finding in error.findings)]
    else:
        providers = len(session.configuration.fleet.providers)
        checks = [Check("configuration", "ok", f"{providers} providers"), *checkup(settings, session.clock)]
    if as_json:
        session.print_json({"checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            mark = f"[{_STYLE[check.result]}]{check.result:4}[/]"
            session.out.print(f"{mark} {check.name}: {escape(check.text)}", soft_wrap=True)
    return exit_codes.FINDINGS if any(check.result == "fail" for check in checks) else exit_codes.FINE
