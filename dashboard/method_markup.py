"""How it is measured and judged in this deployment, as HTML: numbers are read off the objects that are judged by."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from collector.judgement.integrity.suspicion import DAYS_MIN, DEFAULT_RULE, VANTAGES_MIN
from collector.judgement.wording import count, duration, percent
from dashboard import markup
from dashboard.markup import text
from dashboard.settings import Method
from schemas.config import Module, TierPolicy, VantagePlace
from schemas.objectives import Objective
from schemas.observation import BLAME, Blame
from schemas.probe_kinds import ASKS, INTEGRITY_KINDS, SERVING_KINDS
from schemas.verdict import Tier

DAY_S = 86_400.0


def modules(several: Mapping[str, Module], confidence: float) -> str:
    """What is asked, how often, whether it counts; and how little a clean day of it proves."""
    header = ("Module", "Kind", "One tick asks", "Every", "Timeout", "Connection", "Counts for", "A clean day proves",
              "n a day")  # fmt: skip
    rows = [
        markup.row(
            (
                name,
                one.kind,
                ASKS.get(one.kind, ""),
                duration(one.interval),
                duration(one.timeout),
                one.connection,
                _counts(one.kind),
                f"at least {percent(proven(DAY_S / one.interval, confidence), 3)}",
                count(int(DAY_S / one.interval)),
            )
        )
        for name, one in several.items()
    ]
    return markup.table(header, rows, "ts-list ts-method")


def proven(n: float, confidence: float) -> float:
    """The availability that *n* independent probes without a failure prove: (1 - confidence)^(1/n)."""
    return float((1 - confidence) ** (1 / max(n, 1.0)))


def _counts(kind: str) -> str:
    if kind in SERVING_KINDS:
        return "availability and tier"
    return "integrity checks" if kind in INTEGRITY_KINDS else "what it measures alone"


def vantages(places: Mapping[str, VantagePlace], seen: Collection[str]) -> str:
    """From where is asked: what is configured, and what sent anything within a day."""
    names = sorted({*places, *seen})
    if not names:
        return '<div class="ts-calm">? No vantage sent anything within a day, and none says where it stands.</div>'
    rows = []
    for name in names:
        place = places.get(name)
        rows.append(
            markup.row(
                (
                    name,
                    place.site if place else "not said",
                    (place.operator if place else "") or "not said",
                    "sent within a day" if name in seen else "silent for a day",
                )
            )
        )
    return markup.table(("Vantage", "Stands at", "Run by", "Now"), rows, "ts-list ts-narrow")


def tiers(policy: TierPolicy) -> str:
    """Every gate with its number."""
    gold, reliable, suspect = policy.gold, policy.reliable, policy.suspect
    earned = (
        ("availability, lower bound at least", percent(gold.availability_lower),
         percent(reliable.availability_lower)),
        ("the same, to keep the tier", percent(gold.hold_availability_lower),
         percent(reliable.hold_availability_lower)),
        ("from first to last tick, at least", duration(gold.evidence), duration(reliable.evidence)),
        ("first token p95, at most", duration(gold.ttft_p95), duration(reliable.ttft_p95)),
        ("the same over the median of others with the same model, at most", f"{gold.ttft_peers_max:g} times",
         f"{reliable.ttft_peers_max:g} times"),
        ("months of the last 90 days in which its contract was broken, at most", str(gold.contract_broken_max),
         str(reliable.contract_broken_max)),
        ("P0 and P1 incidents a cluster in 30 d, upper bound at most", f"{gold.incidents_max:g}",
         f"{reliable.incidents_max:g}"),
        ("the longest of them, at most", duration(gold.recovery_max), duration(reliable.recovery_max)),
        ("answers over the latency objective, at most", percent(gold.degraded_share_max),
         percent(reliable.degraded_share_max)),
    )  # fmt: skip
    proven_bad = (
        (f"upper bound of availability below, after {duration(suspect.evidence)}", percent(suspect.availability_upper)),
        ("the same, to stay suspect", percent(suspect.hold_availability_upper)),
        ("lower bound of the share refused for want of capacity, above", percent(suspect.capacity_refused_share)),
        ("lower bound of the share of truncated answers, above", percent(suspect.truncated_share)),
        ("lower bound of the share of wrong content, above", percent(suspect.wrong_content_share)),
        ("claims contradicted, after the right of reply", f"E of {DEFAULT_RULE.e_min:g}"),
    )  # fmt: skip
    return (
        markup.table(("All must pass", "gold", "reliable"), map(markup.row, earned), "ts-list ts-narrow")
        + markup.table(("Each alone proves", Tier.SUSPECT), map(markup.row, proven_bad), "ts-list ts-narrow")
        + said(
            f"Over {duration(policy.window)}, in blocks of {duration(policy.block)} whose variance gives the effective "
            f"sample; one-sided bounds at {policy.confidence:.0%}; at least {count(policy.observations_min)} "
            "observations. Everything else is unrated: neither proven good nor proven bad.",
        )
    )


def incidents(method: Method) -> str:
    """When somebody is told, and when it is over."""
    down, silence, flap = method.hard_down, method.silence, method.flapping
    rules = said(
        f"Hard down: {down.failures} failures in a row of a target, confirmed by re-probes; over after "
        f"{down.successes} good ticks in a row.",
        f"One vantage's failures wait {duration(down.quorum_wait)} for the others.",
        f"One cause: {percent(down.siblings_share)} of what stands beside it, and at least {down.siblings_min}, down "
        f"within {duration(down.siblings_window)} is one incident of the cluster or the provider; when "
        f"{percent(down.observer_providers_share)} of all providers fail from one vantage, it is the vantage.",
        f"Missing data: nothing usable for {silence.intervals} intervals and {duration(silence.at_least)} is an "
        "incident of our own, never of a provider.",
        f"Flapping: more than {flap.changes} changes within {duration(flap.window)}; calm again after "
        f"{duration(flap.calm)}. It is the same incident again within {duration(down.cooldown)} of its end.",
        f"Whoever acknowledges has it for {duration(method.acknowledgement.lasts)}.",
    )
    bad = [markup.row((cause.replace("_", " "), value)) for cause, value in method.severities]
    table = markup.table(("Cause", "Severity"), bad, "ts-list ts-narrow")
    return (
        rules + _objectives(method.objectives) + f"<details><summary>How bad each cause is</summary>{table}</details>"
    )


def _objectives(several: Sequence[Objective]) -> str:
    if not several:
        return said("No objectives are configured, so no budget can burn.")
    return said(
        *(
            f"Objective {one.name}: {percent(one.objective, 3)} of "
            + (f"answers with the first token within {duration(one.ttft)}" if one.ttft else "requests answered")
            + f" over {duration(one.window)}, of {', '.join(one.providers)}; its budget burns by "
            f"{len(one.burn.pairs)} pairs of windows with at least {one.burn.bad_min} bad ones"
            for one in several
        )
    )


def integrity(every_s: float, reply_days: int) -> str:
    """How claims are examined, and what it takes to call a provider suspect."""
    rule = DEFAULT_RULE
    return said(
        f"Claims are examined every {duration(every_s)}. Evidence of {', '.join(sorted(rule.weights))} is put together "
        f"by weights of {', '.join(sorted({f'{weight:g}' for weight in rule.weights.values()}))}.",
        f"The line: E of at least {rule.e_min:g} from {rule.families_min} families that accuse, reported by e-BH at q "
        f"= {rule.q:g}; or one contradiction of class A on {DAYS_MIN} days and from {VANTAGES_MIN} vantages. Then "
        f"{reply_days} days to reply.",
        "What is not rejected is not proven: beside it stands the smallest effect that would have been caught.",
    )


def unknown() -> str:
    """What is nobody's fault, or not the provider's, and how it is counted."""
    by_blame: dict[Blame, list[str]] = {}
    for reason, blame in BLAME.items():
        by_blame.setdefault(blame, []).append(reason)
    rows = [
        markup.row((words, ", ".join(sorted(by_blame[blame]))))
        for blame, words in (
            (Blame.OBSERVER, "our fault: not observed, never charged"),
            (Blame.CALLER, "our key, our quota, our request: unknown"),
            (Blame.UNKNOWN, "nobody can tell whose fault: unknown"),
        )
    ]
    return said(
        "Every tick leaves one observation. Time of which nothing is known is never good and never bad: it is counted "
        "as down in every lower bound and as up in every upper one, and it resolves no incident."
    ) + markup.table(("Unknown because", "Reasons"), rows, "ts-list ts-silent")


def limits(method: Method) -> str:
    """What it cannot say."""
    return said(
        f"Observations are kept for {duration(method.retention.raw)}, hours and bad minutes for "
        f"{duration(method.retention.rollups)}, days for ever: older windows are as fine as that.",
        "Percentiles from closed hours are of log buckets, within 1 %. Untrusted timings count in none of them.",
        "An outage shorter than the interval of the probe can fall between two ticks, and is not seen.",
        "Timings hold from where they were taken: one vantage is not the world.",
        "Credits are estimates: the provider judges by its own logs.",
    )


def versions(rows: Iterable[Sequence[object]]) -> str:
    """What runs, and under which configuration."""
    return markup.table(("What", "Which"), map(markup.row, rows), "ts-list ts-narrow")


def said(*lines: str) -> str:
    """Sentences as a list."""
    return f'<ul class="ts-note ts-said">{"".join(f"<li>{text(line)}</li>" for line in lines)}</ul>'
