"""
The evidence pack of a claim: a letter, the account, the requests that failed, how others fared, the method, the terms.

Every file is made of stored rows as they were known at an instant, so the same instant gives the same bytes;
MANIFEST.sha256 has the hash of each (`sha256sum -c MANIFEST.sha256`).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from collector.exports import statements
from collector.exports.csv_table import cell
from collector.exports.scorecard_md import escaped
from collector.judgement.sla import words
from collector.judgement.sla.account import Share
from collector.judgement.sla.record import FAILURE_COLUMNS, FAILURES_MAX, Control
from collector.judgement.sla.statement import Downtime, Statement
from collector.judgement.wording import count, duration
from schemas.contract import Terms

MANIFEST = "MANIFEST.sha256"
METHOD = """\
- Requests are synthetic: generated prompts, each with a number of its own, sent on a fixed grid of time whose phase is
  set by the target's name. A slow answer does not make the next request later.
- Counted are first attempts. The requests that follow a failure within a second decide whether somebody is called, and
  are in no figure here.
- `ok` and `degraded` (slow, or wrong content) count as answered. What failed through our own fault or network is
  `not_observed`: unknown time, never charged. A failure whose fault nobody can tell is unknown time, too.
- Unknown time is taken for up, as the contract takes an interval without requests; the range beside each figure takes
  it for down, and for up. Time before the first and after the last observation is unknown.
- When requests fail, canaries in other networks are asked at that moment. Beside each downtime stands how requests to
  all other providers fared from our vantages in the same slots of time.
- Times are UTC of the probing machine's clock, durations of its monotonic clock; a step of the clock is noted.
- Left out are reasons and times that the contract excludes. Maintenance counts unless it was announced in time.
""".splitlines()
TIMES_SHOWN_MAX = 100  # in the letter; all of them are in downtime.csv


@dataclass(frozen=True, slots=True)
class Claimed:
    """A commitment that was not kept: its statements, its failed requests, and one control for each downtime."""

    share: Share
    statements: tuple[Statement, ...]
    failures: Sequence[Sequence[Any]]
    controls: tuple[tuple[Control, ...], ...]  # by statement, by downtime


@dataclass(frozen=True, slots=True)
class ClaimPack:
    """What a claim of one month stands on; *name* is the contract's."""

    provider: str
    name: str
    month: str
    at: datetime
    claimed: tuple[Claimed, ...]
    version: str
    simulated: bool

    @property
    def terms(self) -> tuple[Terms, ...]:
        """The terms that were broken."""
        found: list[Terms] = []
        for one in self.claimed:
            found += [] if one.share.terms in found else [one.share.terms]
        return tuple(found)


def files(pack: ClaimPack) -> dict[str, bytes]:
    """Every file of *pack* by its name, the manifest last."""
    made = {
        "letter.md": "\n".join(_letter(pack)).encode(),
        "statement.json": _statement(pack),
        "failures.csv": _failures(pack),
        "downtime.csv": _downtime(pack),
        "method.md": "\n".join(_method(pack)).encode(),
        "terms.json": _json([terms.model_dump(mode="json") for terms in pack.terms]),
    }
    manifest = "".join(f"{hashlib.sha256(body).hexdigest()}  {name}\n" for name, body in sorted(made.items()))
    return made | {MANIFEST: manifest.encode()}


def _letter(pack: ClaimPack) -> Iterator[str]:
    terms = pack.terms[0]
    claim = terms.claim
    yield f"# Claim for service credits: {escaped(pack.name or pack.provider)}, {pack.month}"
    yield ""
    if pack.simulated:
        yield "**Simulated data: these clouds do not exist.**"
        yield ""
    if claim is not None and claim.to:
        yield f"To: {escaped(claim.to)}  "
    if claim is not None and claim.subject:
        yield f"Subject: {escaped(claim.subject)}"
    yield ""
    where = f" ({terms.source.url})" if terms.source.url else ""
    yield f"Under {escaped(terms.source.title)}{where}, in force from {terms.begins}:"
    yield ""
    yield from _table(
        ("Commitment", "Unit", "Promised", "Counted", "If unknown time was down, up", "Estimated credit", "Claim by"),
        (_row(one) for claimed in pack.claimed for one in claimed.statements),
    )
    yield ""
    yield "Counted from our own probes by the formula of the contract. The credit is an estimate with its evidence."
    for claimed in pack.claimed:
        yield from _times(claimed)
    if claim is not None and (claim.evidence or claim.clause):
        yield ""
        yield "## What the contract asks for"
        yield ""
        yield from (f"- {escaped(one)}" for one in claim.evidence)
        yield from ([f"> {escaped(claim.clause)}"] if claim.clause else [])
    yield ""
    yield f"Attached: statement.json, failures.csv, downtime.csv, method.md, terms.json; hashes in {MANIFEST}."
    yield ""


def _row(one: Statement) -> tuple[str, ...]:
    credit = words.credit(one)
    between = words.credit_range(one)
    return (
        one.commitment,
        one.unit,
        words.percent(one.promised),
        words.counted(one),
        words.range_of(one),
        f"{credit} ({between})" if between else credit,
        words.claim_by(one) or "-",
    )


def _times(claimed: Claimed) -> Iterator[str]:
    zone = claimed.share.terms.time_zone
    for one, controls in zip(claimed.statements, claimed.controls, strict=True):
        yield ""
        yield f"## Downtime of {escaped(one.unit)} ({escaped(one.commitment)})"
        yield ""
        yield f"Uptime is {words.formula(claimed.share.commitment.formula)}."
        yield ""
        yield from _table(
            ("From (UTC)", "To (UTC)", f"From ({zone})", "Lasted", "Requests that failed", "Others at that time"),
            (
                _time_row(each, control, zone)
                for each, control in list(zip(one.downtime, controls, strict=True))[:TIMES_SHOWN_MAX]
            ),
        )
        if len(one.downtime) > TIMES_SHOWN_MAX:
            yield ""
            yield f"The first {TIMES_SHOWN_MAX} of {len(one.downtime)}; all of them are in downtime.csv."
    for window in claimed.share.late_notice:
        yield ""
        yield (
            f"Maintenance from {_utc(window.begins)} to {_utc(window.ends)} UTC was announced "
            f"{duration(max(0.0, window.notice_s()))} before, less than the contract asks for: it counts."
        )


def _time_row(each: Downtime, control: Control, zone: str) -> tuple[str, ...]:
    local = each.begins.astimezone(ZoneInfo(zone))
    return (
        _utc(each.begins),
        _utc(each.ends),
        f"{local:%Y-%m-%d %H:%M}",
        duration(each.ends - each.begins),
        f"{count(each.bad)} of {count(each.n)}",
        _others(control),
    )


def _others(control: Control) -> str:
    if not control.n:
        return "nobody else was asked"
    return f"{count(control.answered)} of {count(control.n)} answered, {control.providers} providers"


def _statement(pack: ClaimPack) -> bytes:
    whole = {
        "provider": pack.provider,
        "month": pack.month,
        "as_of": pack.at.isoformat(),
        "touchstone": pack.version,
        "simulated": pack.simulated,
        "statements": [
            statements.plain(one) | {"downtime": [_plain_downtime(each) for each in one.downtime]}
            for claimed in pack.claimed
            for one in claimed.statements
        ],
    }
    return _json(whole)


def _json(value: Any) -> bytes:
    return (json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()


def _plain_downtime(each: Downtime) -> Mapping[str, Any]:
    return {"begins": each.begins.isoformat(), "ends": each.ends.isoformat(), "bad": each.bad, "n": each.n}


def _failures(pack: ClaimPack) -> bytes:
    header = ("commitment", "tick", *FAILURE_COLUMNS[1:])
    rows = (
        (
            claimed.share.commitment.name,
            datetime.fromtimestamp(row[0] / 1000, UTC).isoformat(timespec="milliseconds"),
            *row[1:],
        )
        for claimed in pack.claimed
        for row in claimed.failures
    )
    return _csv(header, rows)


def _downtime(pack: ClaimPack) -> bytes:
    header = (
        "commitment", "unit", "begins", "ends", "bad", "n", "others_n", "others_answered", "others_providers",
        "vantages",
    )  # fmt: skip
    rows = (
        (
            one.commitment, one.unit, each.begins.isoformat(), each.ends.isoformat(), each.bad, each.n,
            control.n, control.answered, control.providers, control.vantages,
        )
        for claimed in pack.claimed
        for one, controls in zip(claimed.statements, claimed.controls, strict=True)
        for each, control in zip(one.downtime, controls, strict=True)
    )  # fmt: skip
    return _csv(header, rows)


def _method(pack: ClaimPack) -> Iterator[str]:
    yield "# How this was measured"
    yield ""
    yield f"Touchstone {pack.version}, facts as they were known at {pack.at.isoformat()}."
    yield ""
    yield from METHOD
    for claimed in pack.claimed:
        yield from (_counted(one) for one in claimed.statements)
        if len(claimed.failures) >= FAILURES_MAX:
            name = escaped(claimed.share.commitment.name)
            yield f"- failures.csv has the first {count(FAILURES_MAX)} failures of {name}."
    yield ""


def _counted(one: Statement) -> str:
    return (
        f"- {escaped(one.commitment)} of {escaped(one.unit)}: {count(one.n)} requests known, {count(one.unknown)} "
        f"unknown, {count(one.left_out)} failures left out, targets {escaped(', '.join(one.targets)) or 'none'}."
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"| {' | '.join('---' for _ in header)} |"
    for row in rows:
        yield f"| {' | '.join(escaped(one) for one in row)} |"


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([cell(value) for value in row])
    return out.getvalue().encode()


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"
