"""Offers of one model side by side: what is unknown stays unknown, and names are only names."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from collector.exports import offers as exports
from collector.judgement.facts import bucket_of
from collector.judgement.sla.billing_month import billing_month
from collector.judgement.sla.statement import statement
from collector.judgement.value import words
from collector.judgement.value.comparison import Comparison, Offer, Terms, comparison, currencies
from collector.judgement.value.facts import ModelFacts, by_cluster, times_of
from collector.judgement.value.gpu_hour import Purchase
from collector.judgement.value.pareto import Place
from dashboard import value_markup
from schemas.contract import Commit
from schemas.fleet import Price
from schemas.verdict import Tier
from tests.support.contracts import commitment, record, terms
from tests.support.offers import START, target_block

AT = START + timedelta(days=30)
HOSTILE = "=evil<img src=x onerror=alert(1)>"


def facts(provider: str, *, ttft_ms: float = 100.0, n: int = 100, **counts: Any) -> ModelFacts:
    """Eight blocks of *n* requests to *provider*; every answer's first token after *ttft_ms*."""
    blocks = tuple(target_block(number, target=f"{provider}/east/chat", ok=n, **counts) for number in range(8))
    return ModelFacts(provider, "m", blocks, {bucket_of(ttft_ms): 8 * n}, {bucket_of(20.0): 8 * n})


def compared(
    *several: ModelFacts, prices: dict[str, str] | None = None, shown: dict[str, Any] | None = None, **changes: Any
) -> Comparison:
    """*several*, each at 0.60 for a million tokens out unless *prices* says otherwise; *shown* of them."""
    listed = {one.provider: "0.60" for one in several} | (prices or {})
    given = {
        "prices": {name: Price(tokens_in=Decimal(0), tokens_out=Decimal(out)) for name, out in listed.items()},
        "currencies": dict.fromkeys(listed, "USD"), "bought": {}, "statements": (), "claims": {},
        "capital_rate": Decimal("0.08"), "confidence": 0.95, "n_min": 300,
    }  # fmt: skip
    return comparison(several, Terms(**given | changes), START, AT, **shown or {})


def standing(found: Comparison) -> dict[str, Place]:
    """Places by provider."""
    return {one.provider: one.standing.place for one in found.offers}


def test_who_is_surely_dearer_slower_and_less_often_up_is_beaten() -> None:
    """Dearer alone is not enough, when it is faster."""
    found = compared(
        facts("acme"), facts("bolt", ttft_ms=60.0), facts("calm", ttft_ms=150.0, failed=10),
        prices={"bolt": "0.90", "calm": "0.90"},
    )  # fmt: skip

    assert standing(found) == {"acme": Place.FRONT, "bolt": Place.FRONT, "calm": Place.BEATEN}
    assert found.offers[2].standing.by == ("acme", "bolt")
    assert words.standing(found.offers[2].standing) == "▽ beaten by acme and 1 more"


def test_what_chance_could_have_made_is_not_told_apart() -> None:
    """One failure more in 800 requests."""
    found = compared(facts("acme", failed=1), facts("bolt", failed=2), prices={"bolt": "0.601"})

    assert standing(found) == {"acme": Place.FRONT, "bolt": Place.NOT_TOLD_APART}


def test_a_figure_of_too_few_is_unknown_and_so_is_the_place() -> None:
    """32 requests, or no price: neither beaten nor beating."""
    found = compared(facts("acme"), facts("few", n=4, ttft_ms=10.0))
    few = next(one for one in found.offers if one.provider == "few")

    assert (few.availability, few.ttft_p95, few.speed, few.price, few.n, few.ttft_n) == (None, None, None, None, 32, 32)
    assert standing(found)["few"] is Place.UNKNOWN
    assert words.available(few) == words.milliseconds(few.ttft_p50) == words.good_price(few) == "unknown"
    without = comparison(
        [facts("acme"), facts("free")],
        Terms(
            prices={"acme": Price(tokens_in=Decimal(0), tokens_out=Decimal(1))}, currencies={"acme": "USD"},
            bought={}, statements=(), claims={}, capital_rate=Decimal(0), confidence=0.95, n_min=300,
        ),
        START, AT,
    )  # fmt: skip
    assert standing(without) == {"acme": Place.FRONT, "free": Place.UNKNOWN}


def test_prices_in_several_currencies_are_not_compared() -> None:
    """A yen is no dollar: nobody beats anybody until those of one currency are chosen; what is unknown stays so."""
    several = (facts("acme"), facts("bolt"), facts("calm", failed=10), facts("few", n=4))
    money = {"prices": {"bolt": "90"}, "currencies": {"acme": "USD", "bolt": "JPY", "calm": "USD", "few": "USD"}}
    mixed = compared(*several, **money)
    dollars = compared(*several, shown={"providers": ["acme", "calm", "few"]}, **money)

    assert set(standing(mixed).values()) == {Place.NOT_COMPARED, Place.UNKNOWN}
    assert standing(mixed)["few"] is Place.UNKNOWN and currencies(mixed.offers) == ("JPY", "USD")
    assert [words.good_price(one) for one in mixed.offers[:2]] == ["90.000 JPY", "0.600 USD"]
    assert words.standing(mixed.offers[0].standing) == "? not compared: currencies differ"
    assert words.differ(currencies(mixed.offers)).startswith("Prices are in JPY and USD: nothing is converted")
    assert standing(dollars) == {"acme": Place.FRONT, "calm": Place.BEATEN, "few": Place.UNKNOWN}
    assert "not compared: currencies differ" in value_markup.offers(mixed.offers, {}, {})


def test_beside_the_speed_stands_how_many_answers_are_as_billed() -> None:
    """Nothing where we counted all of them; never 0 %."""
    said = [words.as_billed(compared(replace(facts("acme"), gaps_billed=n)).offers[0]) for n in (0, 1, 200, 800)]

    assert said == ["", "1% as billed", "25% as billed", "as billed"]
    assert words.as_billed(compared(replace(facts("acme", n=4), gaps_billed=32)).offers[0]) == ""


def test_models_are_compared_each_by_itself() -> None:
    """Another model at a bad provider beats nobody and is beaten by nobody."""
    other = replace(facts("calm", ttft_ms=900.0, failed=50), model="other")
    found = compared(facts("acme"), other)

    assert standing(found) == {"acme": Place.FRONT, "calm": Place.FRONT}
    assert [(one.model, one.provider) for one in found.offers] == [("m", "acme"), ("other", "calm")]
    assert compared().offers == ()


def test_a_gpu_serves_every_model_whichever_is_shown() -> None:
    """Only the offers are those that are asked for; the hours that were down are of all."""
    other = replace(facts("acme", failed=50), model="other")
    commit = Commit(gpus=8, gpu_hour=Decimal(2), months=12)
    terms_ = {"bought": {"acme": (Purchase(datetime(2026, 1, 1, tzinfo=UTC), None, "USD", commit),)}}
    whole = compared(facts("acme"), other, facts("bolt"), **terms_)
    part = compared(facts("acme"), other, facts("bolt"), shown={"model": "m", "providers": ["acme"]}, **terms_)

    assert [(one.model, one.provider) for one in part.offers] == [("m", "acme")]
    assert part.gpu_hours == whole.gpu_hours
    assert part.gpu_hours["acme"].n == 800 + 1200


def test_targets_of_a_cluster_are_one_block() -> None:
    """Counts are added by cluster and time, as tiers have them; 0 where nothing was asked."""
    blocks = [target_block(0, target=f"acme/east/{name}", ok=5, failed=1) for name in ("a", "b")]

    blocks.append(target_block(1, target="acme/west/a", ok=7))
    assert times_of(blocks).tolist() == [int((START + timedelta(hours=6 * n)).timestamp()) for n in (0, 1)]
    assert by_cluster(blocks).tolist() == [[[10, 0, 2, 0, 0], [0] * 5], [[0] * 5, [7, 0, 0, 0, 0]]]
    assert by_cluster([]).size == times_of([]).size == 0


def hostile() -> Comparison:
    """A provider whose name is an attack, with a contract."""
    commit = Commit(gpus=8, gpu_hour=Decimal("2.85"), months=36, upfront=Decimal("0.25"))
    bought = {HOSTILE: (Purchase(datetime(2026, 1, 1, tzinfo=UTC), None, "USD", commit),)}
    by = commitment()
    month = statement(HOSTILE, terms(by), by, billing_month("2026-10", "UTC", 1), record(days=28))
    return compared(facts(HOSTILE, failed=1), facts("bolt", n=4), bought=bought, statements=(month,))


def test_a_row_of_csv_is_data_and_money_is_exact() -> None:
    """A name that a spreadsheet would run bears an apostrophe; unknown is empty; the GPU-hour stands beside it."""
    text = exports.as_csv(hostile())
    evil, bolt = csv.DictReader(io.StringIO(text))

    assert evil["provider"] == f"'{HOSTILE}"
    assert (evil["million_good"], evil["gpu_hour_listed"]) == ("0.60000000", "2.85000000")
    assert (bolt["availability"], bolt["million_good"], bolt["gpu_hour_listed"], bolt["n"]) == ("", "", "", "32")
    assert exports.as_csv(compared()) == ""


def test_json_has_every_figure_with_its_n() -> None:
    """It can be written, and says what the bounds are."""
    found = json.loads(json.dumps(exports.plain(hostile())))
    evil = next(one for one in found["offers"] if one["provider"] == HOSTILE)

    assert (evil["n"], evil["ttft_n"], evil["price_n_good"], found["confidence"]) == (808, 800, 800, 0.95)
    assert found["gpu_hours"][0]["effective_low"] < found["gpu_hours"][0]["effective"]


def test_a_name_is_text_on_the_page() -> None:
    """Escaped in both tables; the sum stands step by step."""
    found = hostile()
    html = value_markup.offers(found.offers, found.gpu_hours, {"bolt": Tier.GOLD}) + value_markup.gpu_hours(
        found.gpu_hours
    )

    assert "&lt;img src=x" in html and "<img" not in html
    assert html.count("<th>") == len(value_markup.HEADER) + len(words.STEPS) + 2
    for said in ("no contract", "◆ Gold", "2.850", "25% upfront", "? a figure is unknown"):
        assert said in html


def test_the_smallest_sample_is_a_border() -> None:
    """300 of 300 is enough."""
    eight = facts("acme", n=50)  # 400 requests
    (one,) = compared(eight, n_min=400).offers
    (other,) = compared(eight, n_min=401).offers

    def known(offer: Offer) -> list[bool]:
        return [figure is not None for figure in (offer.availability, offer.ttft_p50, offer.price)]

    assert (known(one), known(other)) == ([True] * 3, [False] * 3)
