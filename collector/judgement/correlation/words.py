"""How relations are said to people, the same on dashboard and command line: what was seen, never what it means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from collector.judgement.correlation.buckets import BUCKET_S
from collector.judgement.correlation.co_failure import (
    DAYS_MIN,
    EPISODES_MIN,
    LINK_SHARE,
    Q_MAX,
    SHARED_MIN,
    CoFailure,
    Standing,
)
from collector.judgement.correlation.relations import Relations
from collector.judgement.correlation.shared_infrastructure import Shared, What
from collector.judgement.correlation.suppliers import Supply
from collector.judgement.wording import UNKNOWN, count, duration, percent

STANDING_WORDS: Mapping[Standing, str] = MappingProxyType(
    {
        Standing.TOGETHER: "fail together",
        Standing.NOT_FOUND: "not found to",
        Standing.INSUFFICIENT: "too little to say",
    }
)
WHAT_WORDS: Mapping[What, str] = MappingProxyType(
    {
        What.KEY: "the key of a certificate (SHA-256)",
        What.CERTIFICATE: "issuer and names of a certificate",
        What.ADDRESS: "an address",
        What.NETWORK: "a network",
    }
)
CAVEAT = (
    "Failing together says that there is something in common, a supplier, a network or a product, not which. Not "
    "found is not independent: beside each pair stands what would have been found."
)
HINTS = "A shared address, network or list of names is a hint: a CDN gives its customers the same."


def down(buckets: float) -> str:
    """A number of buckets as a span of time."""
    return duration(buckets * BUCKET_S)


def together(one: CoFailure) -> str:
    """How long both were down, of how long each was."""
    return f"{down(one.both)} of {down(one.down_a)} and {down(one.down_b)}"


def alone(buckets: int, outages: int) -> str:
    """How long one was down, and how often: `2 h 30 m, 6 outages`."""
    return f"{down(buckets)}, {outages} outage{'' if outages == 1 else 's'}"


def times(value: float | None) -> str:
    """A lift: `47 times`."""
    return UNKNOWN if value is None else f"{value:.3g} times"


def lift(one: CoFailure) -> str:
    """How many times as often as by chance."""
    return f"{times(one.lift)} as often as independent ones" if one.both else "never down together"


def chance(one: CoFailure) -> str:
    """p and q, with n; why there are none where there is too little."""
    if one.p is None or one.q is None:
        return insufficient(one)
    return f"p {one.p:.2g}, q {one.q:.2g}; n {count(one.n)} buckets"


def insufficient(one: CoFailure) -> str:
    """What is missing."""
    days = one.n * BUCKET_S / 86_400
    if days < DAYS_MIN:
        return f"seen together for {days:.1f} days of {DAYS_MIN} needed"
    return f"{one.episodes_a} and {one.episodes_b} outages, {EPISODES_MIN} of each needed"


def smallest(one: CoFailure) -> str:
    """What would have been found for certain."""
    if one.standing is Standing.INSUFFICIENT:
        return ""
    if one.smallest is None:
        return "no overlap of theirs would have been found for certain"
    lasting = f"{down(one.smallest)} together in {SHARED_MIN} outages"
    return f"found for certain from {lasting} ({times(one.smallest_lift)})"


def linked(one: CoFailure) -> str:
    """Whether they count as one supplier."""
    return "counted as one supplier" if one.linked else ""


def outages(one: CoFailure) -> str:
    """Episodes."""
    return f"{one.episodes_both} outages together, of {one.episodes_a} and {one.episodes_b}"


def has_in_common(one: Shared) -> str:
    """What the two share: `share a network: 198.18.7.0/24 (hint, n 30 and 28, last seen 27 Nov and 2 Nov)`."""
    return f"share {WHAT_WORDS[one.what]}: {one.value} ({one.weight}, {sightings(one)})"


def sightings(one: Shared) -> str:
    """How often each showed it, and when it did last."""
    last = f"last seen {one.last_a:%d %b} and {one.last_b:%d %b}"
    return f"n {count(one.n_a)} and {count(one.n_b)}, {last}"


def effective(one: Supply) -> str:
    """`2.0 independent suppliers of 3`."""
    basis = "by real traffic" if one.by_load else "equal shares"
    return f"{one.effective:.1f} of {one.apart:.1f} independent suppliers ({basis})"


def tested(found: Relations) -> str:
    """How many pairs were looked at, and how they stand."""
    parts = [f"{said}: {count(found.number(standing))}" for standing, said in STANDING_WORDS.items()]
    return f"Of {count(len(found.pairs))} pairs {', '.join(parts)}"


def window(found: Relations) -> str:
    """From when to when."""
    return f"{found.begins:%Y-%m-%d %H:%M} to {found.ends:%Y-%m-%d %H:%M} UTC, as known at {found.at:%Y-%m-%d %H:%M}"


def thresholds() -> str:
    """What it takes."""
    return (
        "To fail together takes "
        f"{SHARED_MIN} outages together and q at most {percent(Q_MAX, 0)}; counted as one supplier from "
        f"{percent(LINK_SHARE, 0)} of the down time of the one that is down less"
    )


def group(names: Iterable[str]) -> str:
    """A group of linked providers."""
    return " + ".join(names)
