"""
Is it the hardware that they say? A decode step reads every active weight and the cache: memory bandwidth bounds it.

    tokens/s <= GPUs * bandwidth * A / (active parameters * bytes + cache bytes per token * context)

Faster than that refutes the claim (a lower precision, a smaller model, other GPUs). Slower refutes nothing: batches,
queues and throttling look the same from outside. A, the tokens accepted a step, is 1 without speculation and at most 4.
Class A: arithmetic on claims, and physics.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

from collector.judgement.integrity.gpus import Gpu, bytes_of, gpus_of
from schemas.evidence import Evidence, Family, Grade, Standing

CHECK = "hardware"
EXCESS = 1.05  # over the bound, for what the data sheet rounds away
SLOWEST_SHARE = 0.05  # of a day's replies: nineteen of twenty must be too fast
REPLIES_MIN = 20  # of a day; of predictable text, for the speculation flag
TOKENS_MIN = 32  # of a reply whose speed is taken
DAYS_MIN = 3
SPECULATION_RATIO = 1.1  # predictable text over incompressible; above it speculation may be what is fast
ACCEPTED_MAX = 4.0  # tokens a step, with speculation
P0 = 1e-4  # declared: three days of nineteen in twenty replies above the bound

REASONS = {
    "too_fast": "it answers faster than the claimed GPUs can read the claimed model at the claimed precision",
    "does_not_fit": "the claimed model with the claimed context does not fit into the memory of the claimed GPUs",
    "not_too_fast": "it answers no faster than the claimed GPUs could, which does not prove them",
    "unknown_gpu": "the claimed GPU is in no table",
    "unknown_precision": "no precision is claimed, or one that is not known",
    "unknown_model": "the model's parameters are not given",
    "too_few_replies": "there are fewer than three days with twenty replies of incompressible text",
}
ASSUMPTIONS = (
    "bandwidth and memory of the data sheet",
    "tokens are the smaller of billed and counted; the time counts from the end of the request: no buffer shrinks it",
    "weights and cache are in the memory of the GPUs",
    f"honest endpoints are refuted with probability at most {P0:g}",
)


@dataclass(frozen=True, slots=True)
class Model:
    """
    What a decode step reads: parameters active for a token, all of them, and cache bytes per token of context.

    context: the tokens that are claimed to fit, 0 when none are claimed.
    """

    name: str
    active: float
    total: float
    cache_bytes: float
    context: int = 0


@dataclass(frozen=True, slots=True)
class Claimed:
    """What the provider asserts of a cluster; *gpus*: how many serve one copy of the model."""

    gpu: str
    gpus: int
    precision: str
    model: Model | None


@dataclass(frozen=True, slots=True)
class Reply:
    """
    One answer: *tokens* is the smaller of billed and counted, *last_ms* from the request's last byte to its last token.

    context: prompt tokens. predictable: of text that a draft model guesses, such as counting.
    """

    day: date
    vantage: str
    tokens: int
    last_ms: float
    context: int
    predictable: bool = False

    @property
    def per_s(self) -> float:
        """Tokens a second, the time to the first included: a gateway that holds back and flushes cannot shorten it."""
        return (self.tokens - 1) / (self.last_ms / 1000)


def hardware(subject: str, claimed: Claimed, replies: Sequence[Reply]) -> Evidence:
    """Evidence on *subject* from what is claimed and from the speed of its replies."""
    gpus, size = gpus_of(claimed.gpu), bytes_of(claimed.precision)
    if not gpus:
        return _evidence(subject, claimed, Standing.INSUFFICIENT, "unknown_gpu")
    if size is None:
        return _evidence(subject, claimed, Standing.INSUFFICIENT, "unknown_precision")
    if claimed.model is None:
        return _evidence(subject, claimed, Standing.INSUFFICIENT, "unknown_model")
    largest, fastest = max(gpu.memory_gb for gpu in gpus), max(gpus, key=lambda gpu: gpu.bandwidth_tb_s)
    need, have = memory_gb(claimed.model, size), largest * claimed.gpus
    if need > have:
        line = f"weights and cache {need:,.1f} GB; memory {claimed.gpus} x {largest:g} GB = {have:,.1f} GB"
        return _evidence(
            subject,
            claimed,
            Standing.CONTRADICTED,
            "does_not_fit",
            value=need,
            threshold=have,
            unit="GB",
            lines=(line,),
        )
    return _speed(subject, claimed, claimed.model, size, fastest, [one for one in replies if _counts(one)])


def bound_per_s(
    gpu: Gpu, gpus: int, model: Model, *, weight_bytes: float, context: int, accepted: float = 1.0
) -> float:
    """The most tokens a second that one stream can get."""
    read = model.active * weight_bytes + model.cache_bytes * context
    return gpus * gpu.bandwidth_tb_s * 1e12 * accepted / read


def memory_gb(model: Model, weight_bytes: float) -> float:
    """What the weights and the cache of one request at the claimed context take."""
    return (model.total * weight_bytes + model.cache_bytes * model.context) / 1e9


def speculates(replies: Sequence[Reply]) -> bool | None:
    """Whether predictable text comes more than 1.1 times faster; None without twenty replies of either kind."""
    plain, predictable = ([one.per_s for one in replies if one.predictable is kind] for kind in (False, True))
    if min(len(plain), len(predictable)) < REPLIES_MIN:
        return None
    return median(predictable) > SPECULATION_RATIO * median(plain)


def _counts(reply: Reply) -> bool:
    return reply.tokens >= TOKENS_MIN and 0 < reply.last_ms < math.inf


def _speed(subject: str, claimed: Claimed, model: Model, size: float, gpu: Gpu, replies: Sequence[Reply]) -> Evidence:
    flag = speculates(replies)
    accepted = 1.0 if flag is False else ACCEPTED_MAX
    plain = [one for one in replies if not one.predictable]

    def excess(reply: Reply) -> float:
        bound = bound_per_s(gpu, claimed.gpus, model, weight_bytes=size, context=reply.context, accepted=accepted)
        return reply.per_s / bound

    days = {day: [one for one in plain if one.day == day] for day in sorted({one.day for one in plain})}
    low = {day: _low([excess(one) for one in some]) for day, some in days.items() if len(some) >= REPLIES_MIN}
    n = sum(len(days[day]) for day in low)
    if len(low) < DAYS_MIN:
        return _evidence(subject, claimed, Standing.INSUFFICIENT, "too_few_replies", n=n)
    over = [day for day, value in low.items() if value > EXCESS]
    contradicted = len(over) >= DAYS_MIN
    value = sorted(low.values())[-DAYS_MIN]
    context = round(median(one.context for one in plain))
    bound = bound_per_s(gpu, claimed.gpus, model, weight_bytes=size, context=context, accepted=accepted)
    lines = (
        f"bound at {context:,} tokens of context: {claimed.gpus} x {gpu.bandwidth_tb_s:g} TB/s x {accepted:g}"
        f" / ({model.active:.4g} x {size:g} + {model.cache_bytes:,.0f} x {context:,} bytes) = {bound:,.1f} tokens/s"
        f" ({gpu.source})",
        {True: "speculation: seen", False: "speculation: none seen", None: "speculation: not measured, taken as there"}[
            flag
        ],
        *(f"{day}: 5th percentile of {len(days[day])} replies is {low[day]:.3f} of the bound" for day in low),
    )
    vantages = {one.vantage for day in over for one in days[day] if excess(one) > EXCESS} if contradicted else set()
    return _evidence(
        subject, claimed,
        Standing.CONTRADICTED if contradicted else Standing.NOT_REJECTED,
        "too_fast" if contradicted else "not_too_fast",
        value=value, threshold=EXCESS, unit="of the bound, the third highest day", n=n, lines=lines,
        days=len(over) if contradicted else 0, vantages=len(vantages),
        smallest=f"19 of 20 replies above {EXCESS * bound:,.0f} tokens/s on three days, power 1; never a slower GPU",
    )  # fmt: skip


def _low(values: Sequence[float]) -> float:
    """The nearest-rank 5th percentile."""
    return sorted(values)[math.ceil(SLOWEST_SHARE * len(values)) - 1]


def _evidence(
    subject: str,
    claimed: Claimed,
    standing: Standing,
    reason: str,
    *,
    value: float | None = None,
    threshold: float | None = None,
    unit: str = "",
    n: int = 0,
    days: int = 0,
    vantages: int = 0,
    smallest: str = "nothing: see the reason",
    lines: tuple[str, ...] = (),
) -> Evidence:
    model = claimed.model.name if claimed.model else "the model"
    e = {Standing.CONTRADICTED: 1 / P0, Standing.NOT_REJECTED: 0.0}.get(standing, 1.0)
    return Evidence(
        check=CHECK,
        family=Family.HARDWARE,
        grade=Grade.CONTRADICTION,
        subject=subject,
        claim=f"{model} in {claimed.precision or 'no precision'} on {claimed.gpus} x {claimed.gpu or 'no GPU'}",
        standing=standing,
        reason=reason,
        said=REASONS[reason],
        value=value,
        threshold=threshold,
        unit=unit,
        n=n,
        e=e,
        assumptions=ASSUMPTIONS,
        days=days,
        vantages=vantages,
        smallest=smallest,
        arithmetic=lines,
    )
