"""`touchstone check-config`: everything that is wrong in the configuration, at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from schemas.errors import ConfigurationError
from touchstone import exit_codes
from touchstone.apprise_check import check_apprise
from touchstone.session import DEFAULT_CONFIG, Session, json_option, pass_session

if TYPE_CHECKING:
    from schemas.config import Configuration


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
    judged: dict[str, Any] = {}
    try:
        configuration = session.probing_configuration
        check_apprise(configuration.settings.paging, session.config_path or DEFAULT_CONFIG)
    except ConfigurationError as error:
        findings = tuple({name: getattr(f, name) for name in f.__slots__} for f in error.findings)
        if not as_json:
            for finding in error.findings:
                session.say(str(finding))
            click.echo(f"{len(findings)} finding{'s' if len(findings) != 1 else ''}", err=True)
    else:
        judged = _judged(session.configuration) if as_json else {}
        if not as_json:
            places = list(configuration.fleet.places())
            clusters, providers = len({p.cluster for p in places}), len(configuration.fleet.providers)
            session.say(f"fine: {providers} providers, {clusters} clusters, {len(places)} targets")
    if as_json:
        session.print_json({"findings": list(findings)} | judged)
    return exit_codes.CONFIGURATION if findings else exit_codes.FINE


def _judged(configuration: Configuration) -> dict[str, Any]:
    """What is asked and judged by, as the page of the method has it."""
    from collector.judgement.tiers import RULE_VERSION, policy_hash
    from dashboard.settings import Method

    settings = configuration.settings
    return {
        "tiers": settings.tiers.model_dump(mode="json"),
        "policy": policy_hash(settings.tiers),
        "rule_version": RULE_VERSION,
        "method": Method.of(configuration).model_dump(mode="json"),
        "integrity_every_s": settings.integrity.every,
    }


def _print_schema(which: str) -> int:
    from touchstone.json_schema import FILES, rendered

    file = "touchstone" if which == "settings" else which
    click.echo(rendered(FILES[f"{file}.schema.json"]).decode(), nl=False)
    return exit_codes.FINE
