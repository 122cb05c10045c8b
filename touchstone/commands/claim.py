"""`touchstone claim`: the evidence pack for a claim of service credits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from touchstone import __version__, exit_codes
from touchstone.amounts import AMOUNT
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
@click.option("--filed", is_flag=True, help="Write nothing: put on record that it was claimed.")
@click.option("--granted", type=AMOUNT, metavar="AMOUNT", help="Put on record what the provider granted of it.")
@click.option("--refused", is_flag=True, help="Put on record that the provider refused it.")
@click.option("--unit", help="Of this unit alone; else of every one that can be claimed.")
@click.option("--commitment", help="By this commitment alone.")
@click.option("--why", help="Stands in the record: a ticket, a reason.")
@click.option("--by", help="Who says so (default: your user name).")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), help="A new folder (claim-PROVIDER-MONTH)."
)
@pass_session
def command(
    session: Session,
    provider: str,
    month: str,
    at: datetime | None,
    filed: bool,
    granted: Decimal | None,
    refused: bool,
    unit: str | None,
    commitment: str | None,
    why: str | None,
    by: str | None,
    output: Path | None,
) -> int:
    """
    Write a letter, the account, failed requests, how others fared, the method, hashes; exit 1 without a breach.

    With --filed, --granted or --refused: say that it was claimed, or what the provider answered.
    """
    said = {"filed": filed, "granted": granted is not None, "refused": refused}
    standing = [name for name, given in said.items() if given]
    if len(standing) > 1:
        raise click.UsageError(f"--{standing[0]} and --{standing[1]} exclude each other")
    only = {"--unit": unit, "--commitment": commitment, "--why": why, "--by": by}
    if not standing and (given := next((name for name, value in only.items() if value is not None), None)):
        raise click.UsageError(f"{given} goes with --filed, --granted or --refused")
    if standing:
        if output is not None or at is not None:
            raise click.UsageError(f"--{standing[0]} writes no folder, and is of now: leave --output and --as-of out")
        what = {"standing": standing[0], "amount": None if granted is None else str(granted), "why": why, "by": by}
        return _on_record(session, provider, month, _Which(unit, commitment), what)
    return _written(session, provider, month, at, output)


def _written(session: Session, provider: str, month: str, at: datetime | None, output: Path | None) -> int:
    """The pack, in a new folder."""
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


@dataclass(frozen=True, slots=True)
class _Which:
    """Which units of a month are meant: those that it names; None: all."""

    unit: str | None
    commitment: str | None

    def holds(self, one: Statement) -> bool:
        """Whether *one* is meant."""
        return self.unit in {None, one.unit} and self.commitment in {None, one.commitment}


def _on_record(session: Session, provider: str, month: str, which: _Which, what: dict[str, Any]) -> int:
    """Say it to the collector, of every unit that is meant and can be claimed."""
    from collector.storage.queries import Reader
    from touchstone.collector_client import ask, whoami
    from touchstone.contracts import contract_with, shares_of

    settings, now = session.configuration.settings, in_milliseconds(session.clock.now())
    contract = contract_with(session.configuration, provider)
    with Reader.open(settings.store) as reader:
        asked = shares_of(session.configuration, {provider: contract}, now, month)
        made = [one for share in asked for one in share.statements(reader.records(share, now)) if one.claimable]
    meant = [one for one in made if which.holds(one)]
    if not meant:
        known = ", ".join(f"{one.unit} ({one.commitment})" for one in made) or "nothing"
        session.err.print(f"nothing of that can be claimed of {provider} for {month}; what can: {known}", markup=False)
        return exit_codes.FINDINGS
    if what["amount"] is not None and len(meant) > 1:
        units = ", ".join(f"{one.unit} ({one.commitment})" for one in meant)
        raise click.UsageError(f"an amount is of one unit: say which with --unit and --commitment, of {units}")
    body = {name: value for name, value in what.items() if value is not None} | {"via": "cli", "provider": provider}
    body.setdefault("by", whoami())
    for one in meant:
        ask(settings.agent, "/api/v1/claims", body | {"key": one.key})
        session.say(f"{one.unit}, {one.commitment}, {one.month.name}: {what['standing']}")
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
