"""
What a simulated model says when it is asked to choose: a distribution of words for each prompt and place.

Every cloud of a world serves one model, so honest ones draw from the same distributions. The smaller model that takes
its place agrees with it about half of the time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from simulator.dice import fraction, throw

MODEL, SMALLER = "large", "small"
CHANCES = (0.55, 0.25, 0.12, 0.08)  # of the candidates of one place, the likeliest first
AGREED = 0.5  # share of places at which both models have the same candidates
TAIL = 0.02  # probability of all words that are no candidates
TAIL_NATS = 0.25  # by which each of them is less likely than the one before
OWN_NATS, REQUEST_NATS = 0.5, 0.02  # by which the logprobs of a model of its own, and of a request, are off at most
BORDER_SHARE = 0.02  # of prompts, those whose first two candidates are nearly as likely at temperature 0

_ONSETS = ["ba", "de", "fi", "go", "ku", "la", "me", "ni", "po", "ru", "sa", "te", "vi", "wo", "zu", "jo"]
_ENDINGS = ["ra", "len", "mis", "don", "tur", "pha", "gel", "sin", "mo", "ved", "lis", "kan", "ter", "bo", "nix", "dal"]
VOCABULARY: tuple[str, ...] = tuple(onset + ending for onset in _ONSETS for ending in _ENDINGS)


def candidates(seed: int, model: str, prompt: str, place: int) -> tuple[str, ...]:
    """The words that may stand at *place* of an answer of *model* to *prompt*, the likeliest first, all different."""
    agreed = fraction(seed, "agreed", prompt, place) < AGREED
    found = throw(seed, "candidates", MODEL if agreed else model, prompt, place, size=16)
    return tuple(VOCABULARY[byte] for byte in dict.fromkeys(found))[: len(CHANCES)]


def sampled(seed: int, model: str, prompt: str, words: int, request: object) -> list[str]:
    """An answer at temperature 1: another for each *request*."""
    return [
        _drawn(candidates(seed, model, prompt, place), fraction(seed, "sample", request, prompt, place))
        for place in range(words)
    ]


def greedy(seed: int, model: str, prompt: str, words: int, request: object, shift: float = 0.0) -> list[str]:
    """
    An answer at temperature 0: the same for every request, but for a first word on a border between two.

    *shift* moves the odds there.
    """
    said = [candidates(seed, model, prompt, place)[0] for place in range(words)]
    if said and on_border(seed, model, prompt):
        odds = 0.3 + 0.4 * fraction(seed, "odds", model, prompt) + shift
        if fraction(seed, "tip", request, prompt) < odds:
            said[0] = candidates(seed, model, prompt, 0)[1]
    return said


def likeliest(
    seed: int, model: str, prompt: str, place: int, told: int, request: object, shift: Callable[[str], float]
) -> tuple[tuple[str, float], ...]:
    """
    The *told* likeliest words for *place* and their logprobs, the likeliest first.

    The same for every *request* but for a little noise; *shift* moves those of a word, in nats.
    """
    nats = {
        word: logprob
        + OWN_NATS * _around(seed, "own", model, prompt, place, word)
        + REQUEST_NATS * _around(seed, "noise", request, prompt, place, word)
        + shift(word)
        for word, logprob in _usual(seed, model, prompt, place)
    }
    whole = math.log(math.fsum(math.exp(one) for one in nats.values()))
    ordered = sorted(((word, one - whole) for word, one in nats.items()), key=lambda pair: (-pair[1], pair[0]))
    return tuple(ordered[:told])


def _usual(seed: int, model: str, prompt: str, place: int) -> Iterator[tuple[str, float]]:
    """Words and logprobs before noise: the candidates, then a tail of others."""
    words = candidates(seed, model, prompt, place)
    yield from ((word, math.log(share * (1 - TAIL))) for word, share in zip(words, CHANCES, strict=False))
    drawn = throw(seed, "tail", model, prompt, place, size=64)
    others = dict.fromkeys(VOCABULARY[byte] for byte in drawn if VOCABULARY[byte] not in words)
    yield from ((word, math.log(TAIL * TAIL_NATS) - TAIL_NATS * rank) for rank, word in enumerate(others))


def _around(seed: int, *words: object) -> float:
    """A number in [-1, 1)."""
    return 2 * fraction(seed, *words) - 1


def on_border(seed: int, model: str, prompt: str) -> bool:
    """Whether two words are nearly as likely to begin the answer."""
    return fraction(seed, "border", model, prompt) < BORDER_SHARE


def _drawn(words: Sequence[str], chance: float) -> str:
    for word, share in zip(words, CHANCES, strict=False):
        if chance < share:
            return word
        chance -= share
    return words[-1]
