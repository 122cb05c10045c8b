"""Scorecards: the same inputs give the same bytes, every format says the same, nothing in them runs."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.exports import catalog
from collector.exports.scorecard import Scorecard, scorecard
from collector.judgement.beside import Beside, Side, side_lines
from collector.judgement.double_standard import Comparison, DoubleStandard
from collector.judgement.facts import Block, ProviderFacts, bucket_of
from collector.judgement.first_token import FirstTokens
from collector.judgement.integrity.findings import Examination
from collector.judgement.tiers import judge
from schemas.config import TierPolicy
from schemas.incident import IncidentState, Level, Severity
from schemas.verdict import Part, PartLevel, Tier
from tests.support.claims import HOSTILE, suspected

AT = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
START = AT - timedelta(days=30)


@dataclass(frozen=True)
class ClusterCounts:
    """A cluster's facts, as the store gives them."""

    cluster: str
    blocks: tuple[Block, ...]
    first_tokens: tuple[FirstTokens, ...]


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """An incident's facts, as the store gives them."""

    id: str = "inc-0123456789ab"
    severity: Severity = Severity.P0
    state: IncidentState = IncidentState.RESOLVED
    level: Level = Level.PROVIDER
    scope: str = "acme"
    reason: str = "connect_refused"
    rule: str = "=2+5 | 3 of 5 <b>clusters</b>"
    failed_at: datetime = AT - timedelta(days=2)
    opened_at: datetime = AT - timedelta(days=2) + timedelta(seconds=2.5)
    resolved_at: datetime | None = AT - timedelta(days=2) + timedelta(seconds=90)


def card(**changes: object) -> Scorecard:
    """The card of a provider with two clusters and two incidents."""
    blocks = tuple(
        Block(cluster, START + timedelta(hours=6 * number), n_ok=360, n_failed=number % 2)
        for cluster in ("acme/us-east", "acme/eu-west")
        for number in range(120)
    )
    facts = ProviderFacts(
        provider="acme", blocks=blocks, reasons={"http_5xx": 100, "rate_limited": 100, "slow": 3},
        ttft_hists={"cold": {bucket_of(300.0): 40_000}, "warm": {bucket_of(200.0): 40_000}},
        first_tick=START, last_tick=AT,
    )  # fmt: skip
    cold = FirstTokens(
        "cold", {bucket_of(300.0): 20_000}, {bucket_of(310.0): 20_000, bucket_of(15_000.0): 2_000}, 2_000
    )
    warm = FirstTokens("warm", {bucket_of(200.0): 20_000}, {bucket_of(205.0): 20_000})
    clusters = [
        ClusterCounts(name, tuple(b for b in blocks if b.cluster == name), (cold, warm))
        for name in ("acme/us-east", "acme/eu-west")
    ]
    child = Trouble(id="inc-child", state=IncidentState.CHILD, scope="acme/us-east")
    verdict = judge("acme", facts, TierPolicy(), AT, None)
    made = scorecard(
        verdict,
        facts,
        clusters,
        [Trouble(), child],
        beside(),
        start=START,
        confidence=0.95,
        examination=Examination(AT, suspected("acme", AT)),
        name="=Acme | <b>",
        simulated=True,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def beside() -> Beside:
    """Both sides: real traffic fails more, and its first token comes later than chance allows."""
    sides = [
        Side("acme/us-east", "active", (Block("acme/us-east", START, n_ok=990, n_failed=10),), FirstTokens("cold")),
        Side(
            "acme/us-east",
            "passive",
            (Block("acme/us-east", START, n_ok=900, n_failed=100, n_unknown=7),),
            FirstTokens("unknown", {bucket_of(900.0): 900}),
        ),
    ]
    worse = Comparison(0.09, 0.07, 0.11, 1e-9, 0.03, 1000, 1000, 40)
    return Beside("acme", START, AT, 0.95, side_lines("acme", sides, confidence=0.95), DoubleStandard(worse, None))


PART = Part(
    level=PartLevel.CLUSTER, name="", tier=Tier.RELIABLE, previous=None, reasons=(), availability_low=0.9991,
    availability_high=0.9999, ttft_p95_ms=1240.0, n=40_000,
)  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "html", "json", "md"])
def test_a_card_is_rebuilt_byte_for_byte(form: str) -> None:
    """No clock, no order of a dictionary, no last bit of a float."""
    render = catalog.renderer(form)

    assert render(card()) == render(card())
    assert catalog.rendered(form, card()).endswith(b"\n")


def test_every_format_file_is_in_the_catalogue() -> None:
    """One file, one line."""
    folder = Path(catalog.__file__).parent
    files = {file.stem for file in folder.glob("scorecard_*.py")}

    assert set(catalog.FORMATS.values()) == files


def test_the_json_card_holds_the_whole_verdict() -> None:
    """Every gate, the counts by cluster, the incidents without those that a wider one swallowed."""
    made = card()
    plain = json.loads(catalog.renderer("json")(made))

    assert plain["format"] == "touchstone.scorecard/3"
    assert plain["verdict"] == json.loads(made.verdict.canonical_json())
    assert [line["name"] for line in plain["clusters"]] == ["acme/eu-west", "acme/us-east"]
    assert plain["whole"]["n_failed"] == 120
    assert [incident["id"] for incident in plain["incidents"]] == ["inc-0123456789ab"]
    assert plain["down_s"] == 90.0
    assert plain["incidents"][0]["noticed_s"] == 2.5


def test_cold_and_warm_stand_apart_with_their_own_n_in_every_format() -> None:
    """Plain and from the intended instant, where those that never answered hold the percentile up."""
    made = card()
    whole, cold, warm = made.whole.ttft
    rows = {
        (row["item"], row["figure"]): row
        for row in csv.DictReader(io.StringIO(catalog.renderer("csv")(made)))
        if row["section"] == "measured"
    }

    assert [line.connection for line in made.whole.ttft] == ["all", "cold", "warm"]
    assert (whole.n, cold.n, warm.n) == (80_000, 40_000, 40_000)
    assert (whole.intended_n, cold.intended_n, cold.waited_n, warm.waited_n) == (84_000, 44_000, 4_000, 0)
    assert cold.p95_ms == pytest.approx(300, rel=0.01)
    assert cold.intended_p95_ms == pytest.approx(15_000, rel=0.01)
    assert warm.intended_p95_ms == pytest.approx(205, rel=0.01)
    assert rows["acme", "ttft_p95_ms cold"]["n"] == "40000"
    assert rows["acme", "ttft_intended_p95_ms cold"]["n"] == "44000"
    assert "| acme/us-east | cold | 3" in catalog.renderer("md")(made)


def test_an_open_incident_counts_as_down_to_the_end() -> None:
    """Its length is not known, and not zero."""
    made = card()
    still = replace(made.incidents[0], resolved_at=None, lasted_s=None)

    assert replace(made, incidents=(still,)).down_s == timedelta(days=2).total_seconds()


def test_down_counts_what_lies_in_the_period_so_periods_add_up() -> None:
    """An outage across a border is in both, each with its own part; and so is one that lasts all along."""
    made = card()
    border = made.start + timedelta(days=10)
    for failed, resolved in ((-7200, 3600), (-60, None), (600, 900)):
        one = replace(
            made.incidents[0],
            failed_at=border + timedelta(seconds=failed),
            resolved_at=None if resolved is None else border + timedelta(seconds=resolved),
        )
        whole = replace(made, incidents=(one,))
        assert whole.down_s == replace(whole, end=border).down_s + replace(whole, start=border).down_s


def test_the_csv_card_has_a_row_for_every_figure_and_no_formula() -> None:
    """A spreadsheet shows what it would else run."""
    rows = list(csv.DictReader(io.StringIO(catalog.renderer("csv")(card()))))
    gates = [row for row in rows if row["section"] == "gate"]

    assert len(gates) == 13
    assert {row["result"] for row in gates} <= {"pass", "fail", "unknown", "proven", "not proven"}
    assert [row["value"] for row in rows if row["figure"] == "name"] == ["'=Acme | <b>"]
    assert not [cell for row in rows for cell in row.values() if cell[:1] in {"=", "+", "@"} and len(cell) > 2]


def test_the_markdown_card_escapes_what_comes_from_outside() -> None:
    """A pipe does not break the table, a tag is not a tag."""
    text = catalog.renderer("md")(card())

    assert text.startswith("# =Acme \\| \\<b\\>: ")
    assert "Simulated data" in text
    assert "inc-child" not in text
    assert "| acme | 99.86 % (99.8" in text


def test_a_card_without_evidence_says_unknown() -> None:
    """No figure is made up."""
    nothing = ProviderFacts(provider="acme", blocks=(), reasons={}, ttft_hists={})
    verdict = judge("acme", None, TierPolicy(), AT, None)
    nobody = Beside("acme", START, AT, 0.95, (), DoubleStandard(None, None))
    empty = scorecard(verdict, nothing, [], [], nobody, start=START, confidence=0.95)

    assert json.loads(catalog.renderer("json")(empty))["whole"]["availability"] is None
    assert "| acme | unknown | 0 |" in catalog.renderer("md")(empty)
    assert "No real traffic was seen" in catalog.renderer("md")(empty)
    assert "unrated" in catalog.renderer("csv")(empty)


def test_a_card_shows_real_traffic_beside_our_probes_in_every_format() -> None:
    """n, failures with bounds and first tokens of both, and the reason code with its numbers."""
    made = card()
    plain = json.loads(catalog.renderer("json")(made))["beside"]
    rows = list(csv.DictReader(io.StringIO(catalog.renderer("csv")(made))))
    said = {row["figure"]: row for row in rows if row["section"] == "beside" and row["item"] == "acme"}
    text = catalog.renderer("md")(made)

    assert plain["reasons"] == ["probes_treated_better"]
    assert [(line["source"], line["n"], line["n_unknown"]) for line in plain["lines"][:2]] == [
        ("active", 1000, 0), ("passive", 1000, 7),
    ]  # fmt: skip
    assert plain["standard"]["failures"]["effect"] == 0.09
    assert (said["failed_share passive unknown"]["value"], said["failed_share passive unknown"]["n"]) == ("0.1", "1000")
    assert said["ttft_p95_ms active cold"]["value"] == ""
    assert "| acme | real traffic | unknown | 1000 | 10.00 % (" in text
    assert "probes\\_treated\\_better" in text


def test_the_json_card_holds_one_finding_for_each_check_and_the_suspicion() -> None:
    """The worst evidence with its arithmetic, how many targets stand how; null before the first examination."""
    found = json.loads(catalog.renderer("json")(card()))["examination"]
    bills = found["findings"][0]

    assert (found["stage"], found["route"], found["families"]) == (
        "reply_open",
        "replicated_contradiction",
        ["billing"],
    )
    assert (found["at"], found["reached"], found["reply"]) == (AT.isoformat(), AT.isoformat(), None)
    assert [one["worst"]["standing"] for one in found["findings"]] == [
        "contradicted", "noticed", "not_rejected", "insufficient",
    ]  # fmt: skip
    assert (bills["targets"], bills["same"], bills["counts"]) == (2, 1, {"contradicted": 1, "not_rejected": 1})
    assert (bills["worst"]["value"], bills["worst"]["e"], bills["worst"]["days"]) == (1.0312, 250.0, 4)
    assert bills["worst"]["arithmetic"][1] == HOSTILE
    assert json.loads(catalog.renderer("json")(card(examination=None)))["examination"] is None


def test_the_csv_card_has_each_check_and_the_suspicion_in_rows() -> None:
    """Value, threshold, e, targets and the smallest effect, each as a figure."""
    rows = list(csv.DictReader(io.StringIO(catalog.renderer("csv")(card()))))
    claims = {row["figure"]: row for row in rows if row["section"] == "claim"}
    suspicion = {row["figure"]: row for row in rows if row["section"] == "suspicion"}
    bills = claims["token_arithmetic_completion"]

    assert (bills["result"], bills["value"], bills["threshold"]) == ("contradicted", "1.0312", "1.002")
    assert claims["token_arithmetic_completion e"]["value"] == "250"
    assert (claims["place targets"]["value"], claims["place targets"]["n"]) == ("2", "2")
    assert claims["identity smallest effect"]["note"] == "a model of half the size; never 8 bits"
    assert (suspicion["e"]["threshold"], suspicion["e"]["result"]) == ("1000", "reply_open")
    assert suspicion["replied_at"]["value"] == ""
    assert {row["section"] for row in rows} >= {"claim", "suspicion"}
    assert "suspicion" not in catalog.renderer("csv")(card(examination=None))


def test_the_markdown_card_has_a_line_for_each_check() -> None:
    """What the evidence comes to, a row for each that says something, and a line for each that has no data."""
    text = catalog.renderer("md")(card())
    section = text.partition("## Are they what they say they are?")[2].partition("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("| ")]

    assert "the provider may still reply: E = 31.85" in section
    assert [line.split(" | ")[0] for line in table[1:]] == ["| contradicted", "| noticed", "| not rejected"]
    assert "a model of half the size; never 8 bits |" in table[3]
    assert (
        "- insufficient data: place, there are too few vantages, n 0, acme/eu-west/chat; 2 of 2 targets so" in section
    )
    assert "\\<img src=x onerror=alert(1)\\> \\| \\[x\\](" in section
    assert not {"\u202e", "\u2028"} & set(section)
    assert "verified" not in section
    assert "Nothing had been examined yet." in catalog.renderer("md")(card(examination=None))


def test_what_would_move_it_up_is_in_every_format() -> None:
    """The headline, each need with its instant, and the tiers of clusters and models; nothing of it at the top."""
    made = card()
    outlook = made.verdict.outlook
    assert outlook is not None and outlook.earliest is not None
    part = replace(PART, name="acme/us-east", reasons=("latency_short_of_gold",))
    made = replace(made, verdict=replace(made.verdict, parts=(part,)))
    made_up = replace(made, verdict=replace(made.verdict, outlook=None, parts=()))
    rows = list(csv.DictReader(io.StringIO(catalog.renderer("csv")(made))))
    plain = json.loads(catalog.renderer("json")(made))["verdict"]

    for form in ("md", "html"):
        text = catalog.renderer(form)(made)
        assert "What would move it up" in text
        assert f"gold on {outlook.earliest:%Y-%m-%d %H:%M} UTC at the earliest" in text
        assert "Its clusters and models" in text and "its first token comes later than gold allows" in text
        assert "What would move it up" not in catalog.renderer(form)(made_up)
    assert {row["figure"] for row in rows if row["section"] == "outlook"} == {
        "earliest", *(need.name for need in outlook.needs),
    }  # fmt: skip
    assert [row["item"] for row in rows if row["section"] == "part"] == ["acme/us-east"]
    assert plain["outlook"]["earliest"] == outlook.earliest.isoformat()
    assert "outlook" not in {row["section"] for row in csv.DictReader(io.StringIO(catalog.renderer("csv")(made_up)))}
