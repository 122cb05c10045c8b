"""Evidence made by hand: a provider with some targets whose bills are contradicted, and texts that would run."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from collector.judgement.integrity.suspicion import Suspicion, suspicion
from schemas.config import Store
from schemas.evidence import Evidence, Family, Grade, Standing
from tests.support.stores import on_store

HOSTILE = "<img src=x onerror=alert(1)> | [x](http://evil.example) =2+5 \u202e\u2028 \"'&"


def evidence(check: str, subject: str, standing: Standing, **given: Any) -> Evidence:
    """What *check* says of *subject*; of a family that accuses, class A, unless *given* says otherwise."""
    plain: dict[str, Any] = {
        "family": Family.BILLING, "grade": Grade.CONTRADICTION, "claim": f"{check} holds", "reason": standing.value,
        "said": f"{standing.value} by {check}",
    }  # fmt: skip
    return Evidence(check=check, subject=subject, standing=standing, **plain | given)


def contradicted(provider: str) -> tuple[Evidence, ...]:
    """Bills of one of two targets are contradicted, a change is noticed, the model not rejected, the place unknown."""
    east, west = f"{provider}/us-east/chat", f"{provider}/eu-west/chat"
    bills: dict[str, Any] = {
        "claim": "the tokens billed for answers are the tokens sent", "unit": "billed/counted", "threshold": 1.002,
        "n": 240, "assumptions": ("the tokenizer is the model's own",), "smallest": "1 % inflation, power .996",
    }  # fmt: skip
    place: dict[str, Any] = {
        "family": Family.GEO, "claim": "it stands in us-east", "said": "there are too few vantages",
        "reason": "too_few_vantages", "smallest": "nothing: see the reason",
    }  # fmt: skip
    return (
        evidence(
            "token_arithmetic_completion", west, Standing.NOT_REJECTED, value=1.0001, low=0.9999, high=1.0003, e=0.02,
            said="the bills are what was sent", **bills,
        ),
        evidence(
            "token_arithmetic_completion", east, Standing.CONTRADICTED, value=1.0312, low=1.0297, high=1.0328, e=250.0,
            said=f"more is billed than was sent {HOSTILE}", reason="tokens_inflated", days=4, vantages=2, p=1e-12,
            arithmetic=("2026-11-20 here: 3712 billed of 3600 counted", HOSTILE), **bills,
        ),
        evidence(
            "change", east, Standing.NOTICED, family=Family.CHANGE, grade=Grade.CHANGE, n=1500, value=0.31,
            threshold=0.1, unit="total variation", claim="it answers as it did",
            said="it answers otherwise since 18 Nov", smallest="a shift of the variation by 0.10",
        ),
        evidence(
            "identity", east, Standing.NOT_REJECTED, family=Family.IDENTITY, grade=Grade.STATISTICAL, n=400, value=0.4,
            threshold=1000.0, unit="e-value", e=0.4, claim="its answers come from ours-70b", p=0.6,
            said="no difference from the reference was seen", smallest="a model of half the size; never 8 bits",
        ),
        evidence("place", east, Standing.INSUFFICIENT, **place),
        evidence("place", west, Standing.INSUFFICIENT, **place),
    )  # fmt: skip


def suspected(provider: str, at: datetime) -> Suspicion:
    """The suspicion on *provider* whose line is reached at *at*: it may reply for seven days."""
    return suspicion(provider, contradicted(provider), at, discovered=True)


def examine(store: Store, provider: str, at: datetime) -> None:
    """Put that suspicion into *store* as what an examination at *at* found."""
    on_store(store, lambda house: house.insert_suspicions([suspected(provider, at)], at, at))
