"""
Trials of the token arithmetic: honest bills with every benign change that was seen, inflation, minimums and overruns.

What honest answers scatter is as measured on recorded ones: 97.9 % of a 7B model's are billed exactly as the
tokeniser cuts them, the others 1 to 3 tokens more (SD 0.17); 99.2 % of a 70B model's (SD 0.11).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from bench.integrity.trial import Honest, Lie, Trials
from collector.judgement.integrity.token_arithmetic import DAYS_MIN, token_arithmetic
from collector.judgement.integrity.token_facts import Side, TokenSums
from schemas.evidence import Evidence, Standing

Whole = NDArray[np.int64]
TARGET = "p/c/t"
BEGAN = date(2026, 1, 1)
DAYS, DAYS_MAX = 30, 60
REPLIES = 12  # of a day, a vantage and a mode
VANTAGES = ("a", "b")
OTHERWISE_CUT = {"7B": 0.021, "70B": 0.008}
MORE = np.array([1, 2, 3])
MORE_SHARE = np.array([0.88, 0.10, 0.02])
PROMPT_TOKENS = 60
SHORT, LONG = 16, 512  # tokens of an answer, evenly spread
CHANGE_DAY = 14  # from 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bills:
    """
    How a provider bills. constant: for a day from 0 and a mode, what every answer has on top. lengths: of answers.

    inflation: share of the counted tokens. minimum: tokens. overrun: share of capped answers that are billed above the
    cap. missing: share of answers without a bill. turning: a constant that half of the answers of one day have more.
    """

    otherwise_cut: float = OTHERWISE_CUT["7B"]
    constant: Callable[[int, bool], int] = lambda _, __: 1
    lengths: Callable[[np.random.Generator, tuple[int, ...]], Whole] | None = None
    inflation: float = 0.0
    minimum: int = 0
    overrun: float = 0.0
    capped: float = 0.3
    missing: float = 0.0
    turning: int = 0


def rows_of(
    chance: np.random.Generator,
    bills: Bills,
    *,
    days: Sequence[int] = range(DAYS),
    replies: int = REPLIES,
    vantages: Sequence[str] = VANTAGES,
    modes: Sequence[bool] = (False, True),
    side: Side = Side.COMPLETION,
) -> list[TokenSums]:
    """What is stored of *replies* answers of each of *days*, vantage and mode."""
    keys = [(day, vantage, streamed) for day in days for vantage in vantages for streamed in modes]
    shape = (len(keys), replies)
    counted = bills.lengths(chance, shape) if bills.lengths else chance.integers(SHORT, LONG + 1, shape)
    more = chance.choice(MORE, shape, p=MORE_SHARE) * (chance.random(shape) < bills.otherwise_cut)
    constant = np.array([bills.constant(day, streamed) for day, _, streamed in keys])[:, None]
    billed = np.rint(counted * (1 + bills.inflation)).astype(np.int64) + more + constant
    if bills.turning:
        turns = np.array([day == CHANGE_DAY for day, _, _ in keys])[:, None]
        billed = billed + bills.turning * (turns & (np.arange(replies) >= replies // 2))
    billed = np.maximum(billed, bills.minimum)
    present = chance.random(shape) >= bills.missing
    capped = (chance.random(shape) < bills.capped) & present
    over = capped & (chance.random(shape) < bills.overrun)
    x, y = counted * present, billed * present
    columns = np.stack(
        [present.sum(1), x.sum(1), y.sum(1), (x * x).sum(1), (x * y).sum(1), (y * y).sum(1),
         replies - present.sum(1), capped.sum(1), over.sum(1)], axis=1,
    ).tolist()  # fmt: skip
    return [
        TokenSums(TARGET, BEGAN + timedelta(days=day), vantage, "chat_stream", side, streamed, replies, *numbers)
        for (day, vantage, streamed), numbers in zip(keys, columns, strict=True)
    ]


def month(bills: Bills, *, side: Side = Side.COMPLETION, replies: int = REPLIES) -> Callable[..., Evidence]:
    """A month of evidence on a provider that bills so."""
    return lambda chance: token_arithmetic(TARGET, rows_of(chance, bills, replies=replies, side=side), side)


def tiny(chance: np.random.Generator, shape: tuple[int, ...]) -> Whole:
    """Answers of 1 to 20 tokens."""
    return chance.integers(1, 21, shape)


def skewed(chance: np.random.Generator, shape: tuple[int, ...]) -> Whole:
    """Most answers short, one in ten long: a single one weighs much."""
    return np.where(chance.random(shape) < 0.1, chance.integers(256, LONG + 1, shape), chance.integers(8, 25, shape))


def alike(_: np.random.Generator, shape: tuple[int, ...]) -> Whole:
    """Every answer is cut at the same length."""
    return np.full(shape, 64)


def wrong_count(chance: np.random.Generator) -> Evidence:
    """The tokeniser that counts cuts 3 % fewer, 4 % up and down, than the model's: our own mistake."""
    rows = []
    for day in range(DAYS):
        true = chance.integers(SHORT, LONG + 1, REPLIES)
        x = np.maximum(np.rint(true * chance.normal(0.97, 0.04, REPLIES)), 1).astype(np.int64)
        sums = [int(one) for one in (x.sum(), true.sum(), (x * x).sum(), (x * true).sum(), (true * true).sum())]
        key = (TARGET, BEGAN + timedelta(days=day), "a", "chat_stream", Side.COMPLETION, True)
        rows.append(TokenSums(*key, REPLIES, REPLIES, *sums, 0, 0, 0))
    return token_arithmetic(TARGET, rows, Side.COMPLETION)


def caught(chance: np.random.Generator, bills: Bills, requests: int) -> bool:
    """Whether *requests* answers, half on each of two days, contradict."""
    half = max(requests // DAYS_MIN, 1)
    rows = rows_of(chance, bills, days=range(DAYS_MIN), replies=half, vantages=VANTAGES[:1], modes=(True,))
    return token_arithmetic(TARGET, rows, Side.COMPLETION).standing is Standing.CONTRADICTED


def first_day(chance: np.random.Generator, bills: Bills) -> int | None:
    """The day, from 1, on which answers of every day so far contradict for the first time."""
    rows: list[TokenSums] = []
    for day in range(DAYS_MAX):
        rows += rows_of(chance, bills, days=[day])
        if token_arithmetic(TARGET, rows, Side.COMPLETION).standing is Standing.CONTRADICTED:
            return day + 1
    return None


HONEST = Bills()
CHANGED = replace(HONEST, constant=lambda day, _: 1 if day < CHANGE_DAY else 12)
TRIALS: tuple[Trials, ...] = (
    Trials(
        check="token_arithmetic_completion",
        honest=(
            Honest("as a 7B model's answers are cut", month(HONEST)),
            Honest("as a 70B model's answers are cut", month(replace(HONEST, otherwise_cut=OTHERWISE_CUT["70B"]))),
            Honest("another template from the middle of the month", month(CHANGED)),
            Honest("another template from noon of one day", month(replace(HONEST, turning=11))),
            Honest("the end token counted only in streams", month(replace(HONEST, constant=lambda _, s: int(s)))),
            Honest("a third without usage", month(replace(HONEST, missing=0.33))),
            Honest("no usage at all", month(replace(HONEST, missing=1.0))),
            Honest("answers of 1 to 20 tokens", month(replace(HONEST, lengths=tiny))),
            Honest("few long answers among short ones", month(replace(HONEST, lengths=skewed))),
            Honest("all answers of one length", month(replace(HONEST, lengths=alike))),
            Honest("many answers", month(HONEST, replies=400)),
            Honest("an engine that overruns one cap in 200", month(replace(HONEST, overrun=0.005))),
            Honest("counted with another tokeniser", wrong_count),
        ),
        lies=(
            Lie(
                name="token inflation",
                unit="%",
                sizes=(0.25, 0.5, 1.0, 2.0, 5.0),
                requests=(20, 40, 100, 400, 1000),
                found=lambda chance, size, n: caught(chance, replace(HONEST, inflation=size / 100), n),
                days=lambda chance, size: first_day(chance, replace(HONEST, inflation=size / 100)),
                tokens_per_request=PROMPT_TOKENS + (SHORT + LONG) / 2,
            ),
            Lie(
                name="hidden minimum",
                unit="tokens",
                sizes=(16.0, 24.0, 32.0, 64.0),
                requests=(20, 40, 100, 400),
                found=lambda chance, size, n: caught(chance, replace(HONEST, lengths=tiny, minimum=int(size)), n),
                days=lambda chance, size: first_day(chance, replace(HONEST, lengths=tiny, minimum=int(size))),
                tokens_per_request=PROMPT_TOKENS + 10,
            ),
            Lie(
                name="billed above max_tokens",
                unit="% of capped answers",
                sizes=(2.0, 5.0, 20.0, 100.0),
                requests=(20, 100, 400, 1000),
                found=lambda chance, size, n: caught(chance, replace(HONEST, overrun=size / 100, capped=1.0), n),
                days=lambda chance, size: first_day(chance, replace(HONEST, overrun=size / 100, capped=1.0)),
                tokens_per_request=PROMPT_TOKENS + 16,
            ),
        ),
    ),
    Trials(
        check="token_arithmetic_prompt",
        honest=(
            Honest(
                "prompts with a template", month(Bills(otherwise_cut=0.0, constant=lambda _, __: 18), side=Side.PROMPT)
            ),
            Honest("prompts with a template that changes", month(CHANGED, side=Side.PROMPT)),
            Honest("a system prompt of 500 tokens", month(Bills(constant=lambda _, __: 518), side=Side.PROMPT)),
        ),
        lies=(),
    ),
)
