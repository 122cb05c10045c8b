"""`touchstone check-config`: everything that is wrong in the configuration, at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from schemas.errors import ConfigurationError
from touchstone import exit_codes
from touchstone.apprise_check import check_apprise
from touchstone.session import DEFAULT_CONFIG, Session, json_option, pass_session


@click.command("check-config")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option(
    "--schema", type=click.Choice(["settings", "fleet", "contracts"]), help="Print the JSON Schema of a file instead."
)
@json_option
@pass_session
def command(session: Session, path: Path | None, schema: str | None, as_json: bool) -> int:
    """Report everything that is wrong in touchstone.yaml (or PATH), and the fleet and contracts it names."""
    if schema is not None:
        return _print_schema(schema)
    if path is not None:
        session.config_path = path
    findings: tuple[dict[str, Any], ...] = ()
    try:
        configuration = session.probing_configuration
        check_apprise(configuration.settings.paging, session.config_path or DEFAULT_CONFIG)
    except ConfigurationError as error:
        findings = tuple({name: getattr(f, name) for name in f.__slots__} for f in error.findings)
        if not as_json:
            for finding in error.findings:
                click.echo(str(finding))
            click.echo(f"{len(findings)} finding{'s' if len(findings) != 1 else ''}", err=True)
    else:
        if not as_json:
            places = list(configuration.fleet.places())
            clusters, providers = len({p.cluster for p in places}), len(configuration.fleet.providers)
            click.echo(f"fine: {providers} providers, {clusters} clusters, {len(places)} targets")
    if as_json:
        session.print_json({"findings": list(findings)})
    return exit_codes.CONFIGURATION if findings else exit_codes.FINE


def _print_schema(which: str) -> int:
    from touchstone.json_schema import FILES, rendered

    file = "touchstone" if which == "settings" else which
    click.echo(rendered(FILES[f"{file}.schema.json"]).decode(), nl=False)
    return exit_codes.FINE
