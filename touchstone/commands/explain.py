"""`touchstone explain`: why a tier or an incident is what it is."""

from __future__ import annotations

from dataclasses import asdict
from difflib import get_close_matches
from typing import TYPE_CHECKING

import click
from pydantic_core import to_jsonable_python

from touchstone import exit_codes
from touchstone.commands.integrity import print_examination
from touchstone.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from collector.judgement.beside import Beside
    from collector.storage.incident_queries import IncidentRow, IncidentStory
    from collector.storage.queries import Reader
    from schemas.verdict import Gate, Verdict

_RESULT_STYLE = {True: "green", False: "red", None: "yellow"}


@click.command("explain")
@click.argument("id")
@json_option
@pass_session
def command(session: Session, id: str, as_json: bool) -> int:
    """Print every gate of a provider's tier, or every transition and page of an incident (ID: acme, inc-...)."""
    from collector.storage.queries import Reader

    with Reader.open(session.configuration.settings.store) as reader:
        if id.startswith("inc-"):
            return _explain_incident(session, reader, id, as_json)
        return _explain_provider(session, reader, id.split("/")[0], as_json)


def _explain_provider(session: Session, reader: Reader, provider: str, as_json: bool) -> int:
    verdict = reader.verdict(provider)
    confidence = session.configuration.settings.tiers.confidence
    if verdict is None:
        names = sorted({*session.configuration.fleet.providers, *(v.provider for v in reader.latest_verdicts())})
        if provider not in names:
            near = get_close_matches(provider, names, n=1)
            raise click.UsageError(
                f"no provider is called {provider!r}" + (f"; did you mean {near[0]!r}?" if near else "")
            )
        if as_json:
            session.print_json({"provider": provider, "tier": "unrated", "reasons": ["no_evidence"], "at": None})
        else:
            session.out.print(f"{provider}: unrated; nothing was judged yet")
        return exit_codes.FINE
    beside = reader.beside(provider, verdict.window_start, verdict.at, confidence=confidence)
    examinations = reader.examinations(provider)
    if as_json:
        claims = [to_jsonable_python(one.suspicion) for one in examinations]
        session.print_json(verdict.to_json() | {"beside": beside.to_json(), "claims": claims})
    else:
        _print_verdict(session, verdict)
        _print_beside(session, beside)
        for examination in examinations:
            print_examination(session, examination)
    return exit_codes.FINE


def _print_verdict(session: Session, verdict: Verdict) -> None:
    from rich.markup import escape

    from collector.judgement import wording

    out = session.out
    out.print(f"[bold]{verdict.provider}[/]: {wording.TIER_SIGN[verdict.tier]} {verdict.tier.value}", highlight=False)
    for code in verdict.reasons:
        out.print(f"  {code}: {escape(wording.reason_words(code))}")
    out.print(
        f"  {verdict.n} observations from {verdict.window_start:%Y-%m-%d %H:%M} to {verdict.at:%Y-%m-%d %H:%M} UTC: "
        f"{verdict.n_ok} ok, {verdict.n_degraded} degraded, {verdict.n_failed} failed, "
        f"{verdict.n_not_observed} not observed"
    )
    out.print(
        f"  was {verdict.previous.value if verdict.previous else 'not judged'} before; "
        f"policy {verdict.policy}, rule {verdict.rule_version}"
    )
    for tier in wording.TIER_ORDER:
        gates = [gate for gate in verdict.gates if gate.tier is tier]
        if not gates:
            continue
        means = "each alone proves it" if tier == "suspect" else "all must pass"
        out.print(f"\n[bold]{tier.value}[/] ({means})")
        for gate in gates:
            _print_gate(session, gate)
    _print_outlook(session, verdict)
    _print_parts(session, verdict)


def _print_outlook(session: Session, verdict: Verdict) -> None:
    from rich.markup import escape

    from collector.judgement import outlook_words

    if verdict.outlook is None:
        return
    session.out.print("\n[bold]what would move it up[/]")
    session.out.print(f"  {escape(outlook_words.headline(verdict.outlook))}", soft_wrap=True)
    for need in verdict.outlook.needs:
        session.out.print(f"  {escape(outlook_words.need(need))}", soft_wrap=True)


def _print_parts(session: Session, verdict: Verdict) -> None:
    from rich.markup import escape

    from collector.judgement import wording

    if verdict.parts:
        session.out.print("\n[bold]its clusters and models[/] (the same rule over their own observations)")
    for part in verdict.parts:
        bounds = wording.interval(part.availability_low, part.availability_high)
        why = ", ".join(code.replace("_", " ") for code in part.reasons)
        session.out.print(
            f"  {wording.TIER_SIGN[part.tier]} {part.tier.value:8} {part.level} {escape(part.name)}: {bounds}, "
            f"p95 {wording.milliseconds(part.ttft_p95_ms)}, n {part.n}; {escape(why)}",
            soft_wrap=True,
        )


def _print_gate(session: Session, gate: Gate) -> None:
    from rich.markup import escape

    from collector.judgement import wording

    good = gate.passed if gate.tier != "suspect" or gate.passed is None else not gate.passed
    effective = "" if gate.n_effective is None else f", effective {gate.n_effective:.0f}"
    compared = f"{wording.gate_value(gate, gate.value)} {gate.op} {wording.gate_value(gate, gate.threshold)}"
    session.out.print(
        f"  [{_RESULT_STYLE[good]}]{wording.gate_result(gate):10}[/] {gate.name}: {compared} (n {gate.n}{effective})",
        soft_wrap=True,
    )
    session.out.print(f"             [dim]{escape(gate.note)}[/]", soft_wrap=True)


def _print_beside(session: Session, beside: Beside) -> None:
    from rich.markup import escape

    from collector.judgement import wording

    out = session.out
    out.print("\n[bold]our probes beside real traffic[/] (kinds that ask a model, same window)")
    if not beside.any_passive:
        out.print("  no real traffic was seen")
    for line in beside.lines:
        what = f"{line.name}: {wording.SOURCE_NAME[line.source]}, {line.connection}"
        out.print(
            f"  {escape(what)}: failed {wording.failed_words(line)} of n {line.n}; {wording.ttft_words(line.ttft)}",
            soft_wrap=True,
        )
    for said in wording.standard_words(beside.standard) if beside.any_passive else ():
        out.print(f"  [dim]{escape(said)}[/]", soft_wrap=True)


def _explain_incident(session: Session, reader: Reader, id: str, as_json: bool) -> int:
    story = reader.incident(id)
    if story is None:
        raise click.UsageError(f"no incident has the id {id!r}; touchstone incidents --all lists the last")
    if as_json:
        session.print_json(asdict(story))
    else:
        _print_story(session, story)
    return exit_codes.FINE


def _evidence(incident: IncidentRow) -> list[tuple[str, str]]:
    """What it stands on, and how it stands, as far as there is something to say."""
    named = ", ".join(incident.affected) + (", ..." if incident.affected_n > len(incident.affected) else "")
    held = f"pages are held by {incident.suppressed_by}" if incident.suppressed_by else ""
    lines = [
        ("signal", incident.signal.value),
        ("rule", incident.rule),
        ("how sure", incident.certainty),
        ("affected", f"{incident.affected_n} of {incident.watched_n} targets watched there: {named}"),
        ("acknowledged by", incident.acknowledged_by),
        ("held", held),
        ("flapping", "up and down too often; nothing is said until it is stable" if incident.flapping else ""),
        ("blind", "there is no fresh evidence; it stays as it is" if incident.blind else ""),
        ("part of", incident.parent),
    ]
    return [(name, said) for name, said in lines if said and not (name == "affected" and not incident.affected_n)]


def _print_story(session: Session, story: IncidentStory) -> None:
    from rich.markup import escape

    from collector.judgement.wording import duration

    out, incident = session.out, story.incident
    out.print(
        f"[bold]{incident.id}[/]: {incident.severity} {incident.level} {escape(incident.scope)}, {incident.state}"
    )
    out.print(f"  first failure {incident.failed_at:%Y-%m-%d %H:%M:%S.%f} UTC, {incident.reason}", soft_wrap=True)
    for name, said in _evidence(incident):
        out.print(f"  {name}: {escape(said)}", soft_wrap=True)
    out.print("\n[bold]Transitions[/] (after the first failure)")
    for step in story.transitions:
        after = duration(step.at - incident.failed_at)
        out.print(f"  {step.seq} +{after}: {step.change}, {step.state} {step.severity} {escape(step.scope)}")
        out.print(f"      {escape(step.cause)}")
    out.print("\n[bold]Pages[/]" + ("" if story.pages else ": none was tried"))
    for page in story.pages:
        after = duration(page.at - incident.failed_at)
        said = f"HTTP {page.status}" if page.status else "no answer"
        why = f": {page.error}" if page.error else ""
        out.print(f"  {page.seq} +{after}: {page.destination} try {page.attempt}, {page.state}, {said}{escape(why)}")
