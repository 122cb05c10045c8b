"""`touchstone claim`: the evidence pack for a claim of service credits."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from touchstone import __version__, exit_codes
from touchstone.instants import INSTANT, MONTH, in_milliseconds
from touchstone.session import Session, pass_session

if TYPE_CHECKING:
    from collector.exports.claim_pack import Claimed
    from collector.judgement.sla.account import Share
    from collector.judgement.sla.record import Control
    from collector.judgement.sla.statement import Statement
    from collector.storage.queries import Reader


@click.command("claim")
@click.argument("provider")
@click.option("--month", type=MONTH, required=True, help="The billing month, by the month that it begins in.")
@click.option(
    "--as-of", "at", type=INSTANT, help="As it was known then; else now. The same instant gives the same bytes."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), help="A new folder (claim-PROVIDER-MONTH)."
)
@pass_session
def command(session: Session, provider: str, month: str, at: datetime | None, output: Path | None) -> int:
    """Write a letter, the account, failed requests, how others fared, the method, hashes; exit 1 without a breach."""
    from collector.exports.claim_pack import ClaimPack, files
    from collector.storage.queries import Reader
    from touchstone.contracts import contract_with, shares_of

    settings = session.configuration.settings
    contract = contract_with(session.configuration, provider)
    folder = output or Path(f"claim-{provider}-{month}")
    if folder.exists() and any(folder.iterdir()):
        raise click.UsageError(f"{folder} holds files already; a claim is written into a new folder")
    at = in_milliseconds(at or session.clock.now())
    with Reader.open(settings.store) as reader:
        asked = shares_of(session.configuration, {provider: contract}, at, month)
        claimed = tuple(one for share in asked if (one := _claimed(reader, share, at)) is not None)
    if not claimed:
        session.err.print(f"nothing to claim of {provider} for {month}: no commitment was broken, or nobody can say")
        return exit_codes.FINDINGS
    folder.mkdir(parents=True, exist_ok=True)
    pack = ClaimPack(provider, contract.name, month, at, claimed, __version__, settings.simulated)
    for name, body in files(pack).items():
        (folder / name).write_bytes(body)
        session.err.print(str(folder / name))
    return exit_codes.FINE


def _claimed(reader: Reader, share: Share, at: datetime) -> Claimed | None:
    """What there is to claim of *share*: the units of which it was not kept; None when it was."""
    from collector.exports.claim_pack import Claimed

    broken = tuple(one for one in share.statements(reader.records(share, at)) if one.kept is False)
    if not broken:
        return None
    controls = tuple(_controls(reader, share, one, at) for one in broken)
    return Claimed(share, broken, reader.failures(share, at), controls)


def _controls(reader: Reader, share: Share, one: Statement, at: datetime) -> tuple[Control, ...]:
    """How others fared, for each downtime of *one*."""
    from collector.judgement.sla.record import Control

    runs = [share.slots(each.begins, each.ends) for each in one.downtime]
    found = reader.controls(share, at, [number for run in runs for number in run])
    return tuple(sum((found.get(number, Control()) for number in run), Control()) for run in runs)
