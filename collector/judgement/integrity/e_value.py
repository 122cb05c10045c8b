"""
One e-value: of a p-value, or of several e-values, whatever ties them together.

Means and weighted sums keep a mean of at most 1 under any dependence; e-BH says whom to report. Sources: Vovk and Wang
2021 (calibrator, means), Wang and Ramdas 2022 (e-BH).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

E_MAX = 1e300  # more cannot be told apart, and must stay finite
KAPPA = 0.3  # of the calibrator: the integral of kappa p^(kappa-1) over 0..1 is 1


def p_to_e(p: float) -> float:
    """The e-value of a p-value in (0, 1]: 0.3 p^-0.7."""
    if not 0 < p <= 1:
        raise ValueError(f"a p-value is above 0 and at most 1: {p}")
    return float(min(KAPPA * p ** (KAPPA - 1), E_MAX))


def mean_of(es: Sequence[float]) -> float:
    """An e-value from several, whatever ties them together; 1 for none."""
    return math.fsum(es) / len(es) if es else 1.0


def weighted(es: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """An e-value from several under any dependence; the weights sum to 1, and what is missing from *es* counts 1."""
    return math.fsum(weight * es.get(name, 1.0) for name, weight in weights.items())


def e_bh(es: Mapping[str, float], *, q: float) -> frozenset[str]:
    """Whom to report so that at most a share *q* of those reported is expected to be honest: e-BH, any dependence."""
    ranked = sorted(es, key=lambda name: (-es[name], name))
    k = max((k for k, name in enumerate(ranked, 1) if es[name] * k * q >= len(es)), default=0)
    return frozenset(ranked[:k])
