"""What a simulated model answers: pseudo-words derived from seed and prompt; one word is one token."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from simulator.dice import fraction, throw
from simulator.language import MODEL, SMALLER, VOCABULARY, greedy, likeliest, sampled
from simulator.personality import Personality

NONCE = re.compile(r"\bnonce=([0-9a-f]{8,32})\b")
CODE = re.compile(r"^Code ([0-9a-f]{8,32})\.")
PRODUCT = re.compile(r"\bwhat (\d{1,4}) times (\d{1,4}) is\b")
RECORDED = ("thank", "you", "for", "asking", "about", "this", "topic")
WORDS_MAX = 4096
_BYTES_A_THROW = 64


@dataclass(frozen=True, slots=True)
class Answer:
    """
    The words sent, in order, and what the usage says of them. *call* is (name, arguments) instead of words.

    opening stands before the first word. cached: the prompt's tokens that a cache had, as the usage tells; None when
    it tells nothing. likeliest: of each word, which were the likeliest in its place and their logprobs; empty when
    nothing is told.
    """

    words: tuple[str, ...]
    finish_reason: str  # length | stop | tool_calls
    prompt_tokens: int
    billed: int
    opening: str = ""
    call: tuple[str, str] | None = None
    cached: int | None = None
    likeliest: tuple[tuple[tuple[str, float], ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """
    One request of those that ask the model to choose: with a *temperature*, and without a nonce in the prompt.

    *id* tells it from every other request for the same prompt. *day* since the start of the simulation.
    """

    temperature: float
    id: str
    day: float


def answer(
    seed: int,
    personality: Personality,
    prompt: str,
    words_max: int,
    *,
    wrong: bool = False,
    request: Request | None = None,
    day: float = 0.0,
) -> Answer:
    """
    The answer to *prompt* in at most *words_max* words; a *wrong* one ignores what it asks.

    Without a *request* it is the same for the same prompt.
    """
    opening = () if wrong else _asked_for(prompt)
    if personality.canned:
        whole: tuple[str, ...] = (*opening, *RECORDED) if NONCE.search(prompt) else RECORDED
    elif opening and CODE.search(prompt):
        whole = opening
    else:
        whole = (*opening, *_words(seed, personality, prompt, words_max, request))
    words = whole[:words_max]
    stopped = len(words) == len(whole) and (personality.canned or bool(CODE.search(prompt) and opening))
    deviation = personality.deviation
    return Answer(
        words,
        "stop" if stopped else "length",
        len(prompt.split()) + deviation.template(day),
        billed(seed, personality, request.id if request else prompt, len(words)),
        " " if deviation.leading_space else "",
    )


def billed(seed: int, personality: Personality, drawn_from: str, words: int) -> int:
    """Tokens billed for *words*; a fraction is carried by chance, so that the slope is exact in the long run."""
    exact = words * personality.billed_per_word
    said = int(exact + fraction(seed, "billed", drawn_from)) if personality.billed_per_word != 1.0 else words
    return max(said, personality.deviation.billed_min)


def with_logprobs(
    seed: int, personality: Personality, prompt: str, said: Answer, told: int, request: Request
) -> Answer:
    """*said* with the *told* likeliest words of each place."""
    model, day, noise = _model(seed, personality, request), int(request.day), personality.deviation.batch_noise

    def shift(word: str) -> float:
        return noise * (2 * fraction(seed, "batch", day, prompt, word) - 1)

    places = range(len(said.words))
    return replace(said, likeliest=tuple(likeliest(seed, model, prompt, at, told, request.id, shift) for at in places))


def structured(said: Answer, text: str, call: str | None) -> Answer:
    """*said* with a document for its only word, or with a call of the tool *call*."""
    if call is None:
        return replace(said, words=(text,), finish_reason="stop", billed=1, opening="")
    return replace(said, words=(), finish_reason="tool_calls", billed=1, opening="", call=(call, text))


def _asked_for(prompt: str) -> tuple[str, ...]:
    """What every answer that obeys begins with: the nonce, or the code and the product."""
    if found := NONCE.search(prompt):
        return (found[1],)
    if (found := CODE.search(prompt)) is None:
        return ()
    product = PRODUCT.search(prompt)
    return (found[1], str(int(product[1]) * int(product[2]))) if product else (found[1],)


def _words(seed: int, personality: Personality, prompt: str, words: int, request: Request | None) -> list[str]:
    if request is None:
        return _invented(seed, prompt, words)
    deviation, id = personality.deviation, request.id
    model = _model(seed, personality, request)
    if request.temperature == 0.0:
        shift = deviation.batch_noise * (2 * fraction(seed, "batch", int(request.day), prompt) - 1)
        return greedy(seed, model, prompt, words, id, shift)
    canned = fraction(seed, "canned", id) < deviation.canned_share
    return sampled(seed, model, prompt, words, "recorded" if canned else id)


def _model(seed: int, personality: Personality, request: Request) -> str:
    """Which model gives the answer."""
    deviation = personality.deviation
    diluted = fraction(seed, "diluted", request.id) < deviation.diluted_share
    return SMALLER if diluted or deviation.swapped(request.day) else MODEL


def _invented(seed: int, prompt: str, words: int) -> list[str]:
    throws = range(0, words, _BYTES_A_THROW)
    found = b"".join(throw(seed, "answer", prompt, start, size=_BYTES_A_THROW) for start in throws)
    return [VOCABULARY[byte] for byte in found[:words]]
