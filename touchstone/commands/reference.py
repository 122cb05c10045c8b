"""`touchstone reference`: trusted references for the identity check, captured at an own deployment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from schemas.fleet import Place
    from schemas.reference import Reference

_EPOCH, _FAR = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


@click.group("reference")
def command() -> None:
    """Capture, list and check the references that the identity check compares with."""


@command.command("capture")
@click.argument("target")
@click.option("--set", "set_name", required=True, metavar="NAME", help="The prompt set.")
@click.option("--samples", type=click.IntRange(1, 1000), required=True, help="Answers to each prompt.")
@click.option("--prompts", type=click.IntRange(1, 1000), default=25, show_default=True, help="Prompts of the set.")
@click.option("--at-once", type=click.IntRange(1, 64), default=4, show_default=True, help="Requests at once.")
@json_option
@pass_session
def capture(
    session: Session, target: str, set_name: str, samples: int, prompts: int, at_once: int, as_json: bool
) -> int:
    """Ask TARGET (provider/cluster/target), an own deployment, the prompts of a set, and keep what it answers."""
    import asyncio

    from touchstone.reference_capture import Wish, captured, planned

    configuration = session.configuration
    wish = Wish(_place(session, target), set_name, prompts, samples, at_once)
    known = _known(session, target)
    plan, before = planned(wish, _secret(session), known, session.clock.now())
    with session.err.status("asking") as status:
        asyncio.run(
            captured(
                configuration, wish, plan, before, session.clock,
                lambda kept: status.update(f"{kept} of {plan.terms.total} answers"),
            )
        )  # fmt: skip
    served = next(one for one in _known(session, target) if (one.set, one.capture) == (set_name, plan.number))
    line = _line(session, served)
    if as_json:
        session.print_json(line.plain())
    else:
        session.say(f"{target} {set_name} capture {plan.number}: {line.said}")
    return exit_codes.FINDINGS if line.fault else exit_codes.FINE


@command.command("list")
@json_option
@pass_session
def list_(session: Session, as_json: bool) -> int:
    """Every reference in the store, and whether it still stands as it was captured."""
    _show(session, [_line(session, one) for one in _known(session)], as_json)
    return exit_codes.FINE


@command.command("check")
@click.argument("target", required=False, default="")
@click.option("--set", "set_name", metavar="NAME", help="Of this prompt set alone.")
@json_option
@pass_session
def check(session: Session, target: str, set_name: str | None, as_json: bool) -> int:
    """Hold what the store serves to the digest of each capture; exit 1 when one has changed, or there is none."""
    found = [one for one in _known(session, target) if set_name in (None, one.set)]
    lines = [_line(session, one) for one in found]
    _show(session, lines, as_json)
    return exit_codes.FINDINGS if not lines or any(line.fault for line in lines) else exit_codes.FINE


@dataclass(frozen=True, slots=True)
class Line:
    """A reference, and why it cannot be trusted."""

    reference: Reference
    fault: str

    @property
    def said(self) -> str:
        """In words."""
        terms = self.reference.terms
        return self.fault or f"{terms.total} answers to {terms.prompts} prompts of {terms.model}, unchanged"

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        one, terms = self.reference, self.reference.terms
        return {
            "target": one.target, "set": one.set, "capture": one.capture, "began": one.began, "model": terms.model,
            "prompts": terms.prompts, "samples": terms.samples, "answers": len(one.answers),
            "commitment": terms.commitment, "digest": one.digest, "fault": self.fault,
        }  # fmt: skip


def _line(session: Session, reference: Reference) -> Line:
    from probes.prompt_set import commitment_of

    secret = session.configuration.settings.integrity.secret
    if not reference.fault and secret is not None:
        now = commitment_of(secret.get_secret_value().encode(), reference.set, reference.terms.prompts)
        if now != reference.terms.commitment:
            return Line(reference, "the prompts of this set are others now: integrity.secret has changed")
    return Line(reference, reference.fault)


def _show(session: Session, lines: list[Line], as_json: bool) -> None:
    from rich.markup import escape
    from rich.table import Table

    if as_json:
        session.print_json({"references": [line.plain() for line in lines]})
        return
    if not lines:
        session.out.print("there is no reference")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    for heading in ("Target", "Set", "Capture", "Begun (UTC)", "State"):
        table.add_column(heading, overflow="fold")
    for line in lines:
        one = line.reference
        table.add_row(
            escape(one.target), escape(one.set), str(one.capture), f"{one.began:%Y-%m-%d %H:%M}", escape(line.said)
        )
    session.out.print(table)


def _known(session: Session, target: str = "") -> tuple[Reference, ...]:
    from collector.storage.queries import Reader
    from schemas.errors import TouchstoneError
    from schemas.reference import SERIES, references_of

    with Reader.open(session.configuration.settings.store) as reader:
        window = reader.samples(SERIES, _EPOCH, _FAR, _FAR, target=target)
    if window.cut:
        raise TouchstoneError(f"there are more than {len(window.samples)} answers; name a TARGET")
    return references_of(window.samples)


def _place(session: Session, target: str) -> Place:
    from difflib import get_close_matches

    places = {place.id: place for place in session.configuration.fleet.places()}
    if target not in places:
        near = get_close_matches(target, places, n=1)
        raise click.UsageError(f"the fleet has no target {target!r}" + (f"; did you mean {near[0]}?" if near else ""))
    return places[target]


def _secret(session: Session) -> bytes:
    secret = session.configuration.settings.integrity.secret
    if secret is None:
        raise click.UsageError("integrity.secret (or secret_file) is needed: the prompts of a set are drawn from it")
    return secret.get_secret_value().encode()
