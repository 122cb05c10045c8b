"""Evidence and suspicions in words: the lines that `touchstone explain` prints and that go to a provider."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType

from collector.judgement.integrity.suspicion import Stage, Suspicion
from schemas.evidence import STANDING_WORDS, Evidence, Standing

STAGE_WORDS: Mapping[Stage, str] = MappingProxyType(
    {
        Stage.BELOW: "the evidence does not reach the line",
        Stage.REPLY_OPEN: "the evidence reaches the line; the provider may still reply",
        Stage.EXPLAINED: "the evidence reaches the line, and the provider's reply was accepted",
        Stage.SUSPECT: "the evidence reaches the line, and the right of reply is over",
    }
)
_ORDER = (Standing.CONTRADICTED, Standing.NOTICED, Standing.NOT_REJECTED, Standing.INSUFFICIENT)


def ranked(evidence: Iterable[Evidence]) -> list[Evidence]:
    """What contradicts first, what has no data last."""
    return sorted(evidence, key=lambda one: (_ORDER.index(one.standing), one.check, one.subject))


def headline(one: Evidence) -> str:
    """`contradicted: token_arithmetic_completion of acme/east/chat`."""
    return f"{STANDING_WORDS[one.standing]}: {one.check} of {one.subject}"


def measurement(one: Evidence) -> str:
    """What was measured, against what, with its interval and sample size; '' when nothing was."""
    if one.value is None:
        return ""
    unit = f" {one.unit}" if one.unit else ""
    bounds = "" if one.low is None or one.high is None else f" ({one.low:.6g} to {one.high:.6g})"
    against = "" if one.threshold is None else f", against {one.threshold:.6g}"
    return f"{one.value:.6g}{bounds}{unit}{against}; n {one.n}"


def error_rate(one: Evidence) -> str:
    """How surprising it is if the claim holds: p and e; '' without either."""
    p = "" if one.p is None else f"p = {one.p:.3g}"
    e = "" if one.standing is Standing.INSUFFICIENT else f"e = {one.e:.4g}"
    return ", ".join(part for part in (p, e) if part)


def rows_query(one: Evidence, start: datetime, end: datetime) -> str:
    """The query that gives the rows of [start, end) behind it, for `touchstone sql`."""
    column = ("provider", "cluster", "target")[one.subject.count("/")]
    return (
        f"SELECT tick, target, vantage, kind, source, account, outcome, reason, billed_in, billed_out, counted_out, "
        f"sent_ms, first_token_ms, last_token_ms FROM observations WHERE {column} = '{one.subject}' AND attempt = 0 "
        f"AND tick >= '{start:%Y-%m-%d %H:%M:%S}' AND tick < '{end:%Y-%m-%d %H:%M:%S}' ORDER BY tick"
    )


def summary(suspicion: Suspicion) -> str:
    """How many checks say what, in one line."""
    counts = {standing: sum(one.standing is standing for one in suspicion.evidence) for standing in _ORDER}
    return ", ".join(f"{n} {STANDING_WORDS[standing]}" for standing, n in counts.items() if n)
