"""What a simulated model answers: pseudo-words derived from seed and prompt; one word is one token."""

from __future__ import annotations

import re
from dataclasses import dataclass

from simulator.dice import fraction, throw
from simulator.personality import Personality

NONCE = re.compile(r"\bnonce=([0-9a-f]{8,32})\b")
RECORDED = ("thank", "you", "for", "asking", "about", "this", "topic")
WORDS_MAX = 4096
_BYTES_A_THROW = 64

_ONSETS = ["ba", "de", "fi", "go", "ku", "la", "me", "ni", "po", "ru", "sa", "te", "vi", "wo", "zu", "jo"]
_ENDINGS = ["ra", "len", "mis", "don", "tur", "pha", "gel", "sin", "mo", "ved", "lis", "kan", "ter", "bo", "nix", "dal"]
VOCABULARY: tuple[str, ...] = tuple(onset + ending for onset in _ONSETS for ending in _ENDINGS)


@dataclass(frozen=True, slots=True)
class Answer:
    """The words sent, in order, and what the usage says of them."""

    words: tuple[str, ...]
    finish_reason: str  # length | stop
    prompt_tokens: int
    billed: int


def answer(seed: int, personality: Personality, prompt: str, words_max: int, *, wrong: bool = False) -> Answer:
    """The answer to *prompt* in at most *words_max* words; a *wrong* one ignores the prompt's nonce."""
    found = NONCE.search(prompt)
    opening = (found[1],) if found and not wrong else ()
    whole = (*opening, *RECORDED) if personality.canned else (*opening, *_invented(seed, prompt, words_max))
    words = whole[:words_max]
    finish = "stop" if personality.canned and len(words) == len(whole) else "length"
    return Answer(words, finish, len(prompt.split()), billed(seed, personality, prompt, len(words)))


def billed(seed: int, personality: Personality, prompt: str, words: int) -> int:
    """Tokens billed for *words*; a fraction is carried by chance, so that the slope is exact in the long run."""
    exact = words * personality.billed_per_word
    return int(exact + fraction(seed, "billed", prompt)) if personality.billed_per_word != 1.0 else words


def _invented(seed: int, prompt: str, words: int) -> list[str]:
    throws = range(0, words, _BYTES_A_THROW)
    found = b"".join(throw(seed, "answer", prompt, start, size=_BYTES_A_THROW) for start in throws)
    return [VOCABULARY[byte] for byte in found[:words]]
