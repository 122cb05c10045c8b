"""
Answers of simulated models: word chains of first order over a small vocabulary, drawn for many prompts at once.

Two models answer the same prompts alike but not the same: the smaller one's logits are the larger one's plus noise of
its own. TEMPERATURE and DIVERGENCE were set so that the power of the test on them resembles the recorded table (70B
diluted by 7B, docs/integrity/identity-and-place.md). They are no language: nothing follows about quantisation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

WORDS, WORDS_OF_AN_ANSWER = 120, 14  # 14 words are more than the 50 characters that are compared
TEMPERATURE = 0.12  # of the chain: how far its answers to one prompt vary
DIVERGENCE = 0.7  # the smaller model's own share of its logits
LETTERS = "abcdefghijklmnopqrstuvwxyz"

Floats = npt.NDArray[np.float64]


def _words() -> list[str]:
    chance = np.random.default_rng(70)
    lengths = chance.integers(2, 9, size=WORDS)
    return ["".join(chance.choice(list(LETTERS), size=length)) for length in lengths]


VOCABULARY = tuple(_words())


@dataclass(frozen=True, slots=True)
class Model:
    """One model: for every prompt the cumulative shares of the first word, and of the next after each."""

    first: Floats  # (prompts, words)
    following: Floats  # (prompts, words, words)

    def answers(self, chance: np.random.Generator, prompts: npt.NDArray[np.int64]) -> list[str]:
        """One answer to each of *prompts* (indices)."""
        dice = chance.random((WORDS_OF_AN_ANSWER, len(prompts)))
        word = _drawn(self.first[prompts], dice[0])
        words = [word]
        for die in dice[1:]:
            word = _drawn(self.following[prompts, word], die)
            words.append(word)
        return [" ".join(VOCABULARY[place] for place in answer).capitalize() for answer in np.stack(words, axis=1)]


def _drawn(cumulative: Floats, dice: Floats) -> npt.NDArray[np.int64]:
    return (cumulative < dice[:, None]).sum(axis=1).clip(max=WORDS - 1)


def model(seed: int, prompts: int, *, of: int | None = None, divergence: float = DIVERGENCE) -> Model:
    """The model of *seed*; with *of*, a relative of that one which differs by *divergence* (0 the same, 1 another)."""
    first, following = _logits(seed if of is None else of, prompts)
    if of is not None:
        own_first, own_following = _logits(seed, prompts)
        keep, take = np.sqrt(1 - divergence**2), divergence
        first, following = keep * first + take * own_first, keep * following + take * own_following
    return Model(_cumulative(first), _cumulative(following))


def _logits(seed: int, prompts: int) -> tuple[Floats, Floats]:
    chance = np.random.default_rng(seed)
    return chance.standard_normal((prompts, WORDS)), chance.standard_normal((prompts, WORDS, WORDS))


def _cumulative(logits: Floats) -> Floats:
    shares = np.exp(logits / TEMPERATURE)
    return np.asarray(np.cumsum(shares / shares.sum(axis=-1, keepdims=True), axis=-1), dtype=float)
