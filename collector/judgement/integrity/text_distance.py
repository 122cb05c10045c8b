"""
Do two sets of answers to the same prompts come from one model? The stratified Hamming-MMD, and its permutation test.

k(y, y') is the share of equal characters at the same place of the first 50, 0 across prompts. Of each prompt the
unbiased MMD^2 = mean k(x_i, x_j) + mean k(y_i, y_j) - 2 mean k(x, y) over i != j; S is the mean over the prompts (Model
Equality Testing, arXiv 2410.20247). Labels are permuted within each prompt: prompts differ more than models do.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
import numpy.typing as npt

CHARS = 50  # about 12 tokens; they tell more than 1,000 do
PERMUTATIONS = (999, 19_000)  # the second lot only when fewer than HITS_ENOUGH of the first reach S
HITS_ENOUGH = 10
SPLITS_MAX = 1000  # of one prompt that are listed; above it they are drawn one by one
TIE = 1e-12  # sums that differ by less are the same sum, added in another order

Floats = npt.NDArray[np.float64]
Strata = Mapping[str, tuple[Sequence[str], Sequence[str]]]
Ordered = Mapping[str, tuple[list[str], list[str]]]  # sorted by prompt, and each side sorted


@dataclass(frozen=True, slots=True)
class Distance:
    """S with its p-value, of so many prompts and answers of either side."""

    statistic: float
    p: float
    prompts: int
    n_x: int
    n_y: int


def text_distance(strata: Strata, *, permutations: tuple[int, ...] = PERMUTATIONS) -> Distance | None:
    """
    The test; None without a prompt that both sides answered at least twice.

    *strata*: prompt to the answers of one side and of the other, in normal form (text_form) and in any order: the same
    answers give the same bits, since the permutations are drawn from their digest. p = (1 + #{S* >= S}) / (1 + B). To
    draw a second lot only when the first has few hits keeps it valid: whoever goes on would have had a small p already.
    """
    ordered = {prompt: (sorted(strata[prompt][0]), sorted(strata[prompt][1])) for prompt in sorted(strata)}
    groups = _groups(ordered)
    if not groups:
        return None
    prompts = sum(len(kernels) for _, kernels in groups)
    chance = np.random.default_rng(_seed(ordered))
    parts = [_Group(size, kernels) for size, kernels in groups]
    observed = sum(float(part.observed.sum()) for part in parts)
    hits = drawn = 0
    for count in permutations:
        sums = sum((part.permuted(count, chance) for part in parts), np.zeros(count))
        hits, drawn = hits + int((sums >= observed - TIE).sum()), drawn + count
        if hits >= HITS_ENOUGH:
            break
    n_x, n_y = (sum(size[side] * len(kernels) for size, kernels in groups) for side in (0, 1))
    return Distance(observed / prompts, (1 + hits) / (1 + drawn), prompts, n_x, n_y)


def statistic(strata: Strata) -> float | None:
    """S alone."""
    found = text_distance(strata, permutations=())
    return found.statistic if found else None


class _Group:
    """Prompts with the same numbers of answers: their kernels, and what each way to label them gives."""

    def __init__(self, size: tuple[int, int], kernels: Floats) -> None:
        self.size, self.kernels = size, kernels
        self.total, self.rows = kernels.sum(axis=(1, 2)), kernels.sum(axis=2)
        n = sum(size)
        self.listed: Floats | None = None
        if math.comb(n, size[0]) <= SPLITS_MAX:
            labels = _labels(n, size[0])
            self.listed = self._statistics(np.broadcast_to(labels, (len(kernels), *labels.shape)))
        first = np.zeros((len(kernels), 1, n))
        first[:, :, : size[0]] = 1.0
        self.observed = self._statistics(first)[:, 0]

    def permuted(self, count: int, chance: np.random.Generator) -> Floats:
        """The sum over the prompts under *count* labellings drawn at random."""
        prompts, n = len(self.kernels), sum(self.size)
        if self.listed is not None:
            drawn = chance.integers(self.listed.shape[1], size=(prompts, count))
            return np.asarray(np.take_along_axis(self.listed, drawn, axis=1).sum(axis=0), dtype=float)
        ranks = np.argsort(chance.random((prompts, count, n)), axis=2)
        return np.asarray(self._statistics((ranks < self.size[0]).astype(float)).sum(axis=0), dtype=float)

    def _statistics(self, labels: Floats) -> Floats:
        """MMD^2 of each prompt under each of its *labels* (prompts, labellings, answers; 1 is the one side)."""
        n, m = self.size
        within = ((labels @ self.kernels) * labels).sum(axis=2)
        across = (labels @ self.rows[:, :, None])[:, :, 0] - within
        other = self.total[:, None] - within - 2 * across
        return np.asarray(within / (n * (n - 1)) + other / (m * (m - 1)) - 2 * across / (n * m), dtype=float)


@lru_cache(maxsize=64)
def _labels(n: int, size: int) -> Floats:
    """Every way to call *size* of *n* answers the one side's (ways, n); the first is the one that was observed."""
    labels = np.zeros((math.comb(n, size), n))
    for place, chosen in enumerate(combinations(range(n), size)):
        labels[place, list(chosen)] = 1.0
    labels.flags.writeable = False
    return labels


def _groups(ordered: Ordered) -> list[tuple[tuple[int, int], Floats]]:
    """By numbers of answers: the kernels of the prompts (prompts, answers, answers), the diagonal 0."""
    texts: dict[tuple[int, int], list[list[str]]] = {}
    for x, y in ordered.values():
        if min(len(x), len(y)) >= 2:
            texts.setdefault((len(x), len(y)), []).append([*x, *y])
    return [(size, _kernels(prompts)) for size, prompts in sorted(texts.items())]


def _kernels(prompts: Sequence[Sequence[str]]) -> Floats:
    """Shares of equal characters between the answers to each prompt; all have equally many."""
    padded = "".join(text[:CHARS].ljust(CHARS, "\0") for prompt in prompts for text in prompt)
    codes = np.frombuffer(padded.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    codes = codes.reshape(len(prompts), len(prompts[0]), CHARS)
    equal = (codes[:, :, None, :] == codes[:, None, :, :]).mean(axis=3)
    equal[:, np.arange(equal.shape[1]), np.arange(equal.shape[1])] = 0.0
    return np.asarray(equal, dtype=float)


def _seed(ordered: Ordered) -> int:
    digest = hashlib.sha256()
    for prompt, sides in ordered.items():
        for side in sides:
            for text in (prompt, *side):
                said = text.encode("utf-8", "surrogatepass")
                digest.update(len(said).to_bytes(8, "big") + said)
            digest.update(b"\xff")
    return int.from_bytes(digest.digest()[:16], "big")
