"""Bills against our own count: what is inflated is found, and nothing that an honest provider does is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from collector.judgement.integrity.billed_line import TokenArithmetic, line_of, merged
from collector.judgement.integrity.token_arithmetic import (
    ASSUMPTIONS,
    DECLARED,
    MARGIN,
    REASONS,
    token_arithmetic,
)
from collector.judgement.integrity.token_facts import Bills, Side, TokenSums
from schemas.evidence import Evidence, Family, Grade, Standing

TARGET = "acme/east/m"
FIRST = date(2026, 11, 1)
Bill = Callable[[int], int]


def sums_of(pairs: Sequence[tuple[int, int]]) -> TokenArithmetic:
    """The sums of (counted, billed)."""
    return TokenArithmetic(
        len(pairs),
        sum(x for x, _ in pairs),
        sum(y for _, y in pairs),
        sum(x * x for x, _ in pairs),
        sum(x * y for x, y in pairs),
        sum(y * y for _, y in pairs),
    )


def row(pairs: Sequence[tuple[int, int]], day: int = 0, **more: object) -> TokenSums:
    """A stored row of (counted, billed) on a day from 0."""
    sums = sums_of(pairs)
    plain = TokenSums(
        TARGET, FIRST + timedelta(days=day), "v1", "chat_stream", Side.COMPLETION, True, len(pairs), sums.n, sums.sum_x,
        sums.sum_y, sums.sum_xx, sums.sum_xy, sums.sum_yy, 0, 0, 0,
    )  # fmt: skip
    return replace(plain, **more)  # type: ignore[arg-type]


def lengths(day: int, n: int = 12) -> list[int]:
    """Lengths of answers, other ones each day."""
    return [int(x) for x in np.random.default_rng(day).integers(16, 513, n)]


def billed(bill: Bill, days: int = 4, n: int = 12, **more: object) -> list[TokenSums]:
    """A row of *n* answers a day, billed so."""
    return [row([(x, bill(x)) for x in lengths(day, n)], day, **more) for day in range(days)]


def honest(x: int) -> int:
    """As counted, with an end token."""
    return x + 1


def inflated(x: int) -> int:
    """2 % more."""
    return round(x * 1.02)


def judged(rows: Sequence[TokenSums], side: Side = Side.COMPLETION) -> Evidence:
    """The evidence of the target, which must be whole whatever it says."""
    found = token_arithmetic(TARGET, rows, side)
    assert (found.subject, found.family, found.grade) == (TARGET, Family.BILLING, Grade.CONTRADICTION)
    assert found.check == f"token_arithmetic_{side}"
    assert found.said.startswith(REASONS[found.reason])
    assert found.assumptions == ASSUMPTIONS
    assert found.claim and found.arithmetic
    return found


def test_two_percent_more_on_two_days_from_two_vantages_is_a_contradiction() -> None:
    """With the slope, its bounds, the days and vantages that show it alone, and the lines that lead there."""
    rows = [*billed(inflated, days=2), *billed(inflated, days=2, vantage="v2")]
    found = judged(rows)

    assert (found.standing, found.reason) == (Standing.CONTRADICTED, "tokens_inflated")
    assert found.value == pytest.approx(1.02, abs=0.002)
    assert found.low is not None and found.high is not None and found.threshold == 1 + MARGIN
    assert found.threshold < found.low < 1.02 < found.high
    assert (found.n, found.days, found.vantages) == (48, 2, 2)
    assert found.p is not None and found.p < 1e-9
    assert 300 < found.e < 5000
    assert "more tokens than were sent, power 0.9" in found.smallest
    assert any("tokens_inflated: on 2 of 2 days" in line for line in found.arithmetic)


def test_honest_bills_are_not_rejected_and_say_what_would_have_shown() -> None:
    """Not rejected is not verified."""
    found = judged(billed(honest, days=30))

    assert (found.standing, found.reason) == (Standing.NOT_REJECTED, "as_counted")
    assert found.value == pytest.approx(1.0)
    assert found.e < 1
    assert (found.days, found.vantages) == (0, 0)
    assert float(found.smallest.split(" %")[0].split("%")[0]) < 0.5


def test_the_same_rows_in_any_order_give_the_same_bits() -> None:
    """Stored verdicts must equal recomputed ones."""
    rows = [*billed(inflated, days=9), *billed(honest, days=9, vantage="v2", streamed=False)]
    assert judged(rows) == judged(rows[::-1]) == judged(rows[5:] + rows[:5])


def test_one_day_that_contradicts_is_noticed_not_accused() -> None:
    """Ten honest days beside it."""
    rows = [*billed(honest, days=10), row([(x, round(x * 1.05)) for x in lengths(99)], 99)]
    found = judged(rows)

    assert (found.standing, found.reason, found.days) == (Standing.NOTICED, "not_replicated", 1)


def test_one_day_of_thirty_is_what_chance_gives() -> None:
    """It stands in the arithmetic, and the bills are not rejected."""
    found = judged([*billed(honest, days=30), row([(x, round(x * 1.05)) for x in lengths(99)], 99)])
    assert (found.standing, found.reason) == (Standing.NOT_REJECTED, "as_counted")
    assert any("tokens_inflated: on 1 of 31 days" in line for line in found.arithmetic)


def test_what_only_all_days_together_show_is_noticed() -> None:
    """A token more for one of a thousand, over 200 days of twelve answers: hardly a day shows it alone."""
    found = judged(billed(lambda x: x + (x * 7919 % 1000 < x), days=200))
    assert (found.standing, found.reason) == (Standing.NOTICED, "not_replicated")
    assert found.p is not None and found.p < 1e-9
    assert found.e < 1


def test_inflation_in_one_mode_of_two_is_not_accused() -> None:
    """An engine that miscounts streams (a known bug) is no liar: both modes must agree."""
    rows = [*billed(inflated), *billed(honest, streamed=False)]
    found = judged(rows)

    assert (found.standing, found.reason) == (Standing.NOTICED, "not_replicated")
    assert any("not in both modes" in line for line in found.arithmetic)


def test_a_template_that_changes_is_no_inflation() -> None:
    """From one day to the next; in the middle of a day, which then is left out; counted in one mode only."""
    changed = [row([(x, x + (2 if day < 5 else 40)) for x in lengths(day)], day) for day in range(10)]
    assert judged(changed).standing is not Standing.CONTRADICTED
    longer = [row([(x + 300 * (day // 5), x + 1 + 340 * (day // 5)) for x in range(20, 44)], day) for day in range(10)]
    assert judged(longer).value == pytest.approx(1.0)
    noon = [row([(x, x + 1) for x in lengths(day)], day) for day in range(9)]
    noon.append(row([(x, x + (1 if at < 6 else 30)) for at, x in enumerate(lengths(9))], 9))
    assert judged(noon).reason == "as_counted"
    assert judged([*billed(honest), *billed(lambda x: x, streamed=False)]).reason == "as_counted"


def test_a_kind_with_longer_answers_and_another_template_is_no_inflation() -> None:
    """Slopes are within kinds: 30 tokens on top of every long answer are no slope."""
    rows = []
    for day in range(4):
        rows.append(row([(x, x + 1) for x in range(20, 44, 2)], day))
        rows.append(row([(x, x + 31) for x in range(400, 424, 2)], day, kind="long_prompt"))
    assert judged(rows).reason == "as_counted"


def test_short_answers_that_are_all_billed_alike_are_a_hidden_minimum() -> None:
    """Also among long ones, when the store keeps short answers' sums apart."""
    short = [row([(x, max(x, 40)) for x in range(2, 30, 2)], day) for day in range(3)]
    found = judged(short)
    assert (found.standing, found.reason, found.days) == (Standing.CONTRADICTED, "hidden_minimum", 3)

    mixed = [*short, *billed(lambda x: max(x, 40), days=3)]
    assert judged(mixed).reason == "hidden_minimum"
    assert judged([row([(x, x + 2) for x in range(2, 30, 2)], day) for day in range(3)]).reason == "as_counted"


def test_a_minimum_that_hardly_adds_anything_is_not_accused() -> None:
    """Four tokens for an answer of one: less than a format may add."""
    assert judged([row([(x, max(x, 16)) for x in range(2, 30)], day) for day in range(3)]).reason == "as_counted"


def test_two_days_that_drown_in_many_honest_ones_are_noticed() -> None:
    """All days together have to show it too."""
    found = judged(
        [*billed(honest, days=18), *(row([(x, round(x * 1.008)) for x in lengths(at)], at) for at in (401, 402))]
    )
    assert found.value is not None and found.value > 1 + MARGIN
    assert (found.standing, found.reason, found.days) == (Standing.NOTICED, "not_replicated", 2)


def test_answers_billed_above_their_cap_need_no_tokeniser() -> None:
    """On two days; one overrun in a hundred is an engine that miscounts."""
    rows = billed(honest, days=2, n=0, answers=20, capped=20, overruns=6)
    found = judged(rows)
    assert (found.standing, found.reason, found.days) == (Standing.CONTRADICTED, "cap_overrun", 2)

    rare = billed(honest, days=30, n=12, answers=100, capped=100, overruns=1)
    assert judged(rare).reason == "as_counted"
    once = [replace(rows[0], overruns=20), replace(rows[1], overruns=0)]
    assert judged(once).reason == "not_replicated"
    drowned = [*once, *(replace(rows[1], overruns=0, day=FIRST + timedelta(days=day)) for day in range(2, 40))]
    assert judged(drowned).reason == "not_counted"


def test_a_constant_is_noticed_when_it_is_larger_than_templates_are() -> None:
    """On prompts a system prompt, on answers a format; on prompts also one that changes."""
    prompts = {"side": Side.PROMPT}
    assert judged(billed(lambda x: x + 500, **prompts), Side.PROMPT).reason == "prompt_overhead"
    assert judged(billed(lambda x: x + 20, **prompts), Side.PROMPT).reason == "as_counted"
    changed = [row([(x, x + 10 + 5 * (day > 1)) for x in lengths(day)], day, **prompts) for day in range(4)]
    assert judged(changed, Side.PROMPT).reason == "template_changed"
    assert judged(billed(lambda x: x + 20)).reason == "constant_added"
    for found in (judged(changed, Side.PROMPT), judged(billed(lambda x: x + 20))):
        assert found.standing is Standing.NOTICED


def test_prompts_are_checked_for_inflation_too() -> None:
    """Their slope must be 1 as well."""
    assert judged(billed(inflated, side=Side.PROMPT), Side.PROMPT).reason == "tokens_inflated"


def wrongly_counted(day: int) -> list[tuple[int, int]]:
    """Counted by a tokeniser that cuts 3 % fewer, 4 % up and down."""
    chance = np.random.default_rng(day)
    return [(max(round(x * chance.normal(0.97, 0.04)), 1), x) for x in lengths(day)]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "no_answers"),
        (billed(honest, n=0), "no_answers"),
        (billed(honest, target="acme/east/other"), "no_answers"),
        (billed(honest, side=Side.PROMPT), "no_answers"),
        (billed(honest, n=0, answers=50, missing=50), "usage_missing"),
        (billed(honest, n=0, answers=50, missing=20), "not_counted"),
        (billed(honest, days=1, n=19), "too_few_replies"),
        (billed(honest, days=1, n=500), "one_day_only"),
        (billed(inflated, days=1, n=500), "one_day_only"),
        (billed(honest, days=20, n=9), "one_day_only"),
        ([row([(64, 64)] * 40, day) for day in range(5)], "lengths_alike"),
        ([row([(0, 0)] * 40, day) for day in range(5)], "lengths_alike"),
        ([row([(64, 65)] * 38 + [(66, 73)], day) for day in range(5)], "lengths_alike"),
        ([row(wrongly_counted(day), day) for day in range(10)], "tokeniser_differs"),
    ],
)
def test_what_says_nothing_is_insufficient(rows: list[TokenSums], reason: str) -> None:
    """With a reason, without an exception, and without evidence."""
    found = judged(rows)
    assert (found.standing, found.reason, found.e) == (Standing.INSUFFICIENT, reason, 1.0)


def test_when_other_providers_are_inflated_as_well_our_tokeniser_is_doubted() -> None:
    """Half of them are enough; their honesty leaves the accusation standing."""
    mine, theirs = billed(inflated), billed(inflated, target="other/west/m")
    assert token_arithmetic(TARGET, mine, Side.COMPLETION, peers=[of_other(theirs)]).reason == "tokeniser_doubted"
    fair = billed(honest, target="other/west/m")
    assert token_arithmetic(TARGET, mine, Side.COMPLETION, peers=[of_other(fair)]).reason == "tokens_inflated"


def of_other(rows: list[TokenSums]) -> Bills:
    """The bills of another provider's target."""
    return Bills("other/west/m", tuple(rows))


@pytest.mark.parametrize("cells", [1, 3])
def test_the_line_is_that_of_least_squares(cells: int) -> None:
    """Slope, error and p: scipy's with one constant, those of the normal equations with one for each cell."""
    chance = np.random.default_rng(cells)
    data = [
        [(int(x), int(x * 1.03 + 7 * cell + chance.normal(0, 5))) for x in chance.integers(10, 400, 30)]
        for cell in range(cells)
    ]
    line = line_of([sums_of(pairs) for pairs in data])
    x = np.array([a for pairs in data for a, _ in pairs], float)
    y = np.array([b for pairs in data for _, b in pairs], float)
    design = np.column_stack([x, *(np.repeat(np.eye(cells)[cell], 30) for cell in range(cells))])
    rest = np.linalg.lstsq(design, y, rcond=None)
    assert line is not None
    assert line.slope == pytest.approx(rest[0][0])
    freedom = len(x) - cells - 1
    assert line.freedom == freedom
    assert line.sd == pytest.approx(np.sqrt(rest[1][0] / freedom))
    t = (rest[0][0] - 1) / (line.sd * np.sqrt(np.linalg.inv(design.T @ design)[0, 0]))
    assert line.p_above(1.0) == pytest.approx(stats.t.sf(t, freedom))
    if cells == 1:
        assert line.slope == pytest.approx(stats.linregress(x, y).slope)
        assert line.error == pytest.approx(stats.linregress(x, y).stderr)


def test_rows_split_by_length_are_one_cell() -> None:
    """The store may keep short answers apart: the line is the same."""
    pairs = [(x, inflated(x)) for x in lengths(1, 40)]
    whole = row(pairs)
    parts = [row([one for one in pairs if (one[0] < 100) is short]) for short in (True, False)]
    assert merged([sums_of(pairs)]) == sums_of(pairs)
    days = [replace(one, day=FIRST + timedelta(days=day)) for one in (whole, *parts) for day in (0, 1)]
    split = [one for one in days if one.n != whole.n]
    together = [one for one in days if one.n == whole.n]
    assert judged(split).value == judged(together).value


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.booleans(), st.lists(st.tuples(st.integers(0, 600), st.integers(0, 900)), max_size=30)
        ),
        max_size=12,
    ),
    st.sampled_from(Side),
)
def test_nothing_stored_raises(cells: list[tuple[int, bool, list[tuple[int, int]]]], side: Side) -> None:
    """Whatever the rows: evidence, its interval around its value."""
    rows = [row(pairs, day, streamed=streamed, side=side, answers=len(pairs) + 1) for day, streamed, pairs in cells]
    found = token_arithmetic(TARGET, rows, side)
    if found.value is not None and found.low is not None and found.high is not None:
        assert found.low <= found.value <= found.high
    assert found.standing is Standing.INSUFFICIENT or found.e > 0


@pytest.mark.parametrize("long", [1, 2])
def test_an_honest_days_event_is_rarer_than_declared(long: int) -> None:
    """5,000 days of 100 answers, one or two of them long: noise as measured on a 7B model, the worst leverage."""
    chance = np.random.default_rng(5)
    x = np.where(np.arange(100) < long, 500, chance.integers(8, 24, (5000, 100)))
    y = x + chance.choice([1, 2, 3], x.shape, p=[0.88, 0.1, 0.02]) * (chance.random(x.shape) < 0.021)
    days = [row(list(zip(a, b, strict=True)), at) for at, (a, b) in enumerate(zip(x.tolist(), y.tolist(), strict=True))]
    found = token_arithmetic(TARGET, days, Side.COMPLETION)
    shown = next(line for line in found.arithmetic if line.startswith("tokens_inflated"))
    seen, of = (int(word) for word in shown.split(" on ")[1].split(" days")[0].split(" of "))
    assert of > 4900
    assert seen / of < DECLARED
    assert found.standing is not Standing.CONTRADICTED
