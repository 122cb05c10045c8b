"""The evidence pack: every file, its hashes, the same bytes for the same facts, nothing executed."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import datetime, timedelta
from typing import Any

from collector.exports.claim_pack import Claimed, ClaimPack, files
from collector.judgement.sla.account import shares
from collector.judgement.sla.record import FAILURE_COLUMNS, Control, Slot
from tests.support.contracts import BEGINS, commitment, contract, record, terms

AT = BEGINS + timedelta(days=40)
CLAIM = {"days": 30, "to": "billing@acme.example", "subject": "SLA", "evidence": ["log files", "dates | times"]}


def failure(ms: int, detail: str = "") -> tuple[Any, ...]:
    """One request that failed."""
    values = {
        "ms": ms,
        "unit": "acme",
        "target": "acme/a/m",
        "outcome": "failed",
        "reason": "http_5xx",
        "detail": detail,
    }
    return tuple(values.get(name, "") for name in FAILURE_COLUMNS)


def pack(detail: str = "", *, simulated: bool = False, name: str = "Acme, order form 3") -> ClaimPack:
    """An hour of downtime in October, and late maintenance."""
    late = {
        "begins": BEGINS + timedelta(days=3),
        "ends": BEGINS + timedelta(days=3, hours=1),
        "announced": BEGINS + timedelta(days=2),
    }
    by = commitment(exclusions={"maintenance_notice": "3d"})
    held = contract(terms(by, claim=CLAIM, time_zone="UTC"), announced=[late])
    (share,) = shares("acme", held, "2026-10", AT, lambda _: 60.0)
    made = share.statements([record({n: Slot(failed=5) for n in range(100, 112)}, days=31)])
    failures = [failure(1_790_000_000_000 + n, detail) for n in range(60)]
    claimed = Claimed(share, made, failures, ((Control(120, 119, 17, 3),),))
    return ClaimPack("acme", name, "2026-10", AT, (claimed,), "0.1.0", simulated)


def test_the_manifest_has_the_hash_of_every_file() -> None:
    """As sha256sum writes it."""
    made = files(pack())
    lines = [line.split("  ") for line in made["MANIFEST.sha256"].decode().splitlines()]

    assert sorted(made) == sorted(["MANIFEST.sha256", *(name for _, name in lines)])
    assert all(hashlib.sha256(made[name]).hexdigest() == digest for digest, name in lines)
    assert files(pack()) == made


def test_the_letter_says_what_was_broken_when_and_how_others_fared() -> None:
    """With the range, the estimate, the deadline, and maintenance that was announced too late."""
    letter = files(pack())["letter.md"].decode()

    for words in (
        "# Claim for service credits: Acme, order form 3, 2026-10",
        "To: billing@acme.example",
        "✗ 99.865 %",
        "1 000.00 USD",
        "2026-12-01 00:00 UTC",
        "| 2026-10-01 08:20 | 2026-10-01 09:20 | 2026-10-01 08:20 | 1 h | 60 of 60 | 119 of 120 answered",
        "was announced 1 d before, less than the contract asks for: it counts",
        "- dates \\| times",
    ):
        assert words in letter
    assert "Simulated" not in letter
    assert "Simulated data" in files(pack(simulated=True))["letter.md"].decode()


def test_the_account_is_there_as_data() -> None:
    """The statement with every downtime, and the terms that it was made by."""
    made = files(pack())
    statement = json.loads(made["statement.json"])["statements"][0]
    (by,) = json.loads(made["terms.json"])

    assert (statement["uptime"], statement["credit"], statement["kept"]) == ("0.99865591", "1000.00", False)
    assert statement["downtime"] == [
        {"begins": "2026-10-01T08:20:00+00:00", "ends": "2026-10-01T09:20:00+00:00", "bad": 60, "n": 60}
    ]
    assert by["commitments"][0]["promised"] == "99.9%"


def test_what_a_server_says_is_shown_and_never_run() -> None:
    """Formulae of a spreadsheet and Markdown; a row each, with its instant."""
    made = files(pack('=HYPERLINK("http://x")', name="Acme | <b>Cloud</b>"))
    rows = list(csv.DictReader(io.StringIO(made["failures.csv"].decode())))
    downtime = list(csv.DictReader(io.StringIO(made["downtime.csv"].decode())))

    assert len(rows) == 60
    assert rows[0]["detail"] == '\'=HYPERLINK("http://x")'
    assert datetime.fromisoformat(rows[1]["tick"]) - datetime.fromisoformat(rows[0]["tick"]) == timedelta(
        milliseconds=1
    )
    assert (downtime[0]["others_answered"], downtime[0]["vantages"]) == ("119", "3")
    assert "Acme \\| \\<b\\>Cloud\\</b\\>" in made["letter.md"].decode()
    assert b"Touchstone 0.1.0, facts as they were known at" in made["method.md"]
