"""How figures and codes are said to people, the same on the dashboard, the command line and in exports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from types import MappingProxyType

from collector.judgement import double_standard
from collector.judgement.beside import SideLine
from collector.judgement.double_standard import Comparison, DoubleStandard
from collector.judgement.first_token import Percentiles
from collector.judgement.incident_gates import A_CLUSTER
from collector.judgement.tiers import REASONS
from schemas.verdict import Gate, Need, Tier, Verdict

UNKNOWN = "unknown"
P_SAID_MIN = 1e-9  # a smaller one says more of the model than of the provider
TIER_SIGN: Mapping[Tier, str] = MappingProxyType(
    {Tier.GOLD: "◆", Tier.RELIABLE: "●", Tier.SUSPECT: "▲", Tier.UNRATED: "○"}
)
TIER_ORDER = (Tier.GOLD, Tier.RELIABLE, Tier.SUSPECT, Tier.UNRATED)
PASSED: Mapping[bool | None, str] = MappingProxyType({True: "pass", False: "fail", None: UNKNOWN})
_SHARES = frozenset({"availability_lower", "availability_proven_low", "degraded", "capacity_refused"}) | {
    "truncated_answers",
    "wrong_content",
}
SOURCE_NAME: Mapping[str, str] = MappingProxyType({"active": "our probes", "passive": "real traffic"})
_UNITS_S = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def percent(share: float | None, digits: int = 2) -> str:
    """A share as a percentage, rounded down: 0.99996 is 99.99 %, never 100.00 %."""
    if share is None:
        return UNKNOWN
    step = Decimal(1).scaleb(-digits)
    return f"{(Decimal(repr(share)) * 100).quantize(step, ROUND_FLOOR)} %"


def interval(low: float | None, high: float | None, digits: int = 2) -> str:
    """An interval of shares: `99.91 to 99.97 %`."""
    if low is None or high is None:
        return UNKNOWN
    return f"{percent(low, digits).removesuffix(' %')} to {percent(high, digits)}"


def duration(span: timedelta | float) -> str:
    """A span of time with its two largest units: `2 h 5 m`; below a minute with a tenth: `4.2 s`."""
    seconds = span.total_seconds() if isinstance(span, timedelta) else span
    if seconds < 60:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    index = next(place for place, (size, _) in enumerate(_UNITS_S) if whole >= size)
    said = []
    for size, unit in _UNITS_S[index : index + 2]:
        said.append(f"{whole // size} {unit}")
        whole %= size
    return " ".join(part for part in said if not part.startswith("0 "))


def count(n: int) -> str:
    """A number of things with thousands apart by a thin gap: `12 345`."""
    return f"{n:,}".replace(",", "\u202f")


def stamp(at: datetime) -> str:
    """An instant as people read it, UTC."""
    return f"{at:%d %b %Y %H:%M:%S} UTC"


def size(n: int) -> str:
    """Bytes in the unit that leaves at least one of them: `1.4 GiB`."""
    value, units = float(n), ["bytes", "KiB", "MiB", "GiB"]
    while value >= 1024 and len(units) > 1:
        value, units = value / 1024, units[1:]
    return f"{n} bytes" if units[0] == "bytes" else f"{value:.1f} {units[0]}"


def claimed(region: str, count: int | None, gpu: str, precision: str) -> str:
    """What is claimed of a cluster: `eu-west, 64 × H100, fp8`; '' for nothing."""
    hardware = f"{count} × {gpu}" if count and gpu else gpu
    return ", ".join(part for part in (region, hardware, precision) if part)


def gate_value(gate: Gate | Need, value: float | None) -> str:
    """A value or threshold of *gate* in the unit that it is in."""
    if value is None:
        return UNKNOWN
    if gate.unit == "months":
        return f"{value:.0f} month{'s' if value != 1 else ''}"
    if gate.unit == "times":
        return f"{value:.3g} times"
    if gate.unit == A_CLUSTER:
        return f"{value:.3g} {A_CLUSTER}"
    if gate.unit == "s":
        return duration(value)
    if gate.unit in {"ms", "d"}:
        return f"{value:,.0f} ms".replace(",", "\u202f") if gate.unit == "ms" else f"{value:.4g} d"
    if gate.name in _SHARES:
        return percent(value, _digits(gate))
    return f"{value:.2g}"


def _digits(gate: Gate | Need) -> int:
    """Two, or as many as it takes to tell a value from the threshold that it missed or met by a hair."""
    for digits in range(2, 6):
        if gate.value is None or gate.value == gate.threshold:
            break
        if percent(gate.value, digits) != percent(gate.threshold, digits):
            return digits
    return 2


def gate_title(gate: Gate | Need) -> str:
    """What a gate is called in a heading: `availability lower`."""
    return gate.name.replace("_", " ").replace("ttft", "TTFT")


def availability_bounds(verdict: Verdict) -> tuple[float | None, float | None]:
    """The confidence interval of availability that *verdict* stands on; None, None without evidence."""
    for gate in verdict.gates:
        if gate.low is not None and gate.name in {"availability_lower", "availability_proven_low"}:
            return gate.low, gate.high
    return None, None


def failed_words(line: SideLine) -> str:
    """The share that failed by the provider's fault, with its bounds: `0.31 % (0.22 to 0.45 %)`."""
    if line.failed_share is None:
        return UNKNOWN
    return f"{percent(line.failed_share)} ({interval(line.failed_low, line.failed_high)})"


def milliseconds(value: float | None) -> str:
    """A duration in whole milliseconds, with thousands apart: `1 240 ms`."""
    return UNKNOWN if value is None else f"{count(round(value))} ms"


def ttft_words(ttft: Percentiles) -> str:
    """Times to first token, plain and from the intended instant, each with its n."""
    plain = f"first token p50 {milliseconds(ttft.p50_ms)}, p95 {milliseconds(ttft.p95_ms)} of n {count(ttft.n)}"
    if not ttft.intended_n:
        return plain
    waited = f", {count(ttft.waited_n)} without one" if ttft.waited_n else ""
    corrected = f"p95 {milliseconds(ttft.intended_p95_ms)} of n {count(ttft.intended_n)}{waited}"
    return f"{plain}; from the intended instant {corrected}"


def standard_words(standard: DoubleStandard) -> tuple[str, ...]:
    """Whether our probes are treated better than real traffic, each comparison with its numbers."""
    head = f"{double_standard.REASON}: {double_standard.WORDS}" if standard.reasons else "no double standard is proven"
    return (
        head,
        _compared("failures, real traffic minus probes", standard.failures, lambda share: f"{share * 100:+.2f} points"),
        _compared("time to first token, real traffic over probes", standard.first_token, lambda ratio: f"{ratio:.2f}"),
    )


def _chance(p: float) -> str:
    return f"p = {p:.2g}" if p >= P_SAID_MIN else f"p < {P_SAID_MIN:g}"


def _compared(what: str, one: Comparison | None, say: Callable[[float], str]) -> str:
    if one is None:
        return f"{what}: {UNKNOWN}; too little of the same targets in the same hours was seen by both"
    return (
        f"{what}: {say(one.effect)} ({say(one.low)} to {say(one.high)}), {_chance(one.p)}; {say(one.smallest)} would "
        f"have shown; {count(one.n_passive)} requests beside {count(one.n_active)} probes in {one.strata} strata"
    )


def reason_words(code: str) -> str:
    """A reason code of a verdict as a sentence; the code itself when it is new."""
    return REASONS.get(code, code.replace("_", " "))


def gate_result(gate: Gate) -> str:
    """pass, fail or unknown; for suspect, where passing is an accusation: proven, not proven or unknown."""
    if gate.tier is not Tier.SUSPECT or gate.passed is None:
        return PASSED[gate.passed]
    return "proven" if gate.passed else "not proven"
