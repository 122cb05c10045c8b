"""The outages: each target's own is one trial, seen by every side."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.page.arrival import Arrival, What
from bench.page.house import OURS, OURS_OF_THREE, House, until
from bench.page.outage import Outage, drawn
from bench.page.peer_side import DEFAULT, TUNED
from bench.page.plan import MAIN
from bench.page.rows import Heard


@dataclass(frozen=True, slots=True)
class Told:
    """What one side told of so many *outages*: seconds, each from the scripted instant to the arrival."""

    outages: int
    page_s: Mapping[str, float]
    resolve_s: Mapping[str, float]
    false_resolves: int
    others: int  # messages about what was not down, or not yet


async def played(house: House) -> dict[str, Told]:
    """Play the outages; what each side told, once the last has said all."""
    plan = house.plan
    ours = OURS_OF_THREE if plan.three else OURS
    async with house.touchstone(house.wanted_main(ours)):
        house.say(f"everything runs; {plan.settle_s:g} s of health, then {plan.outages} outages")
        zero_s = time.monotonic() + plan.settle_s
        relative = drawn(
            plan.subjects(), seed=plan.seed, window_s=plan.window_s, lasts_s=plan.lasts_s,
            at_once_max=plan.at_once_max, known_s=plan.known_s,
        )  # fmt: skip
        outages = {subject: one.after(zero_s) for subject, one in relative.items()}
        for subject, one in outages.items():
            house.targets.plan(subject, [one])
        last_s = max(one.start_s for one in outages.values())
        await until(last_s + plan.ours_s)
    if house.peers is not None:
        await until(last_s + plan.peers_s)
    arrivals = [one for one in house.receiver.arrivals if one.case == MAIN]
    return {
        side: told(outages, [one for one in arrivals if one.side == side])
        for side in (ours, *((TUNED, DEFAULT) if plan.default else (TUNED,)))
        if side == ours or house.peers is not None
    }


def told(outages: Mapping[str, Outage], arrivals: Sequence[Arrival]) -> Told:
    """What *arrivals* told of *outages*."""
    heard = Heard(tuple(outages), arrivals, 0.0)
    page_s, resolve_s = dict[str, float](), dict[str, float]()
    for subject, one in outages.items():
        if (at_s := heard.first(subject, What.OPENED, since_s=one.start_s)) is not None:
            page_s[subject] = at_s - one.start_s
        if (at_s := heard.first(subject, What.CLOSED, since_s=one.end_s)) is not None:
            resolve_s[subject] = at_s - one.end_s
    false_resolves = sum(
        one.said.what is What.CLOSED and one.said.subject in outages and outages[one.said.subject].at(one.at_s)
        for one in arrivals
    )
    others = sum(one.said.subject not in outages or one.at_s < outages[one.said.subject].start_s for one in arrivals)
    return Told(len(outages), page_s, resolve_s, false_resolves, others)
