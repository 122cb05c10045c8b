"""What a provider is shown of the evidence about its claims: one Markdown document, which it may reply to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from collector.exports.scorecard_md import escaped
from collector.judgement.integrity import words
from collector.judgement.integrity.findings import Examination, ranked
from collector.judgement.integrity.suspicion import Suspicion
from schemas.evidence import Evidence, Standing


def letter(examination: Examination, *, name: str, simulated: bool) -> str:
    """The document on its evidence, ending in a newline."""
    return "\n".join([*_head(examination, name, simulated), *_checks(examination), *_sum(examination.suspicion)])


def _head(examination: Examination, name: str, simulated: bool) -> Iterator[str]:
    suspicion = examination.suspicion
    yield f"# Evidence about claims of {escaped(name or suspicion.provider)}"
    yield ""
    if simulated:
        yield "**Simulated data: these clouds do not exist.**"
        yield ""
    yield f"`{suspicion.provider}`, requests from {_time(examination.since)} to {_time(examination.at)}."
    yield ""
    yield f"{words.STAGE_WORDS[suspicion.stage].capitalize()}."
    if suspicion.reply_until is not None:
        reached, until = _time(suspicion.reached), _time(suspicion.reply_until)
        yield f"The line was reached at {reached}; a reply is weighed until {until}."
    yield ""


def _checks(examination: Examination) -> Iterator[str]:
    evidence = ranked(examination.suspicion.evidence)
    for one in evidence:
        if one.standing in {Standing.CONTRADICTED, Standing.NOTICED}:
            yield from _check(one, examination)
    yield "## What was looked at and not contradicted"
    yield ""
    yield "Not contradicted does not mean verified: the last column says what would have been seen."
    yield ""
    yield "| Check | Of | Result | Measured | What would have been caught |"
    yield "| --- | --- | --- | --- | --- |"
    for one in evidence:
        if one.standing in {Standing.NOT_REJECTED, Standing.INSUFFICIENT}:
            cells = (one.check, one.subject, one.said, words.measurement(one), one.smallest)
            yield f"| {' | '.join(escaped(cell) or '-' for cell in cells)} |"
    yield ""


def _check(one: Evidence, examination: Examination) -> Iterator[str]:
    yield f"## {escaped(words.headline(one)).capitalize()}"
    yield ""
    for title, said in (
        ("Claim", one.claim),
        ("Found", one.said),
        ("Measured", words.measurement(one)),
        ("If the claim held", words.error_rate(one)),
        ("Seen on", words.seen_on(one)),
        ("Would have been caught", one.smallest),
    ):
        if said:
            yield f"- {title}: {escaped(said)}"
    yield ""
    yield "Assumptions:"
    yield ""
    for assumption in one.assumptions:
        yield f"- {escaped(assumption)}"
    yield ""
    yield "Arithmetic:"
    yield ""
    for line in one.arithmetic:
        yield f"    {line}"
    yield ""
    yield "Rows:"
    yield ""
    yield f"    {words.rows_query(one, examination.since, examination.at)}"
    yield ""


def _sum(suspicion: Suspicion) -> Iterator[str]:
    yield "## Put together"
    yield ""
    for line in suspicion.arithmetic:
        yield f"    {line}"
    yield ""
    for line in suspicion.missing:
        yield f"- for `suspect` is still missing: {escaped(line)}"
    yield ""


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "-"
