"""
Prompts, generated: the nonce stands at the start, so no prefix cache can answer; the same nonce gives the same prompt.

Every choice is drawn from the SHAKE-256 of the nonce. Names are made of syllables, so that no list of prompts exists
that somebody could recognise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

TOPICS = ("rivers", "bridges", "lighthouses", "maps", "clocks", "harbours", "orchards", "weather", "glass", "trains")
HEADS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "br", "dr", "kr", "pl", "st", "tr")
TAILS = ("", "l", "m", "n", "r", "s")
# Frequent English words, one token each in the usual vocabularies: the size of a long prompt is then nearly right.
WORDS = (
    "the", "old", "road", "runs", "along", "a", "wide", "river", "and", "under", "many", "stone", "walls", "where",
    "people", "from", "every", "town", "bring", "bread", "paper", "oil", "wood", "to", "sell", "in", "long", "winter",
    "months", "while", "their", "children", "play", "near", "water", "with", "small", "boats", "made", "of", "dry",
    "grass", "until", "evening", "light", "falls", "over", "open", "fields",
)  # fmt: skip
SENTENCE_WORDS = 12
NAME_TOKENS = 3  # a made-up name is two to four tokens
SENTENCE_TOKENS = SENTENCE_WORDS + NAME_TOKENS + 2  # the full stop, and now and then a word of two


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked, and how many tokens the answer may have."""

    text: str
    max_tokens: int


def draws(nonce: str, purpose: str, n: int) -> Sequence[int]:
    """*n* numbers from 0 to 65,535, the same for the same nonce and purpose."""
    drawn = hashlib.shake_256(f"{nonce}|{purpose}".encode()).digest(2 * n)
    return [int.from_bytes(drawn[at : at + 2]) for at in range(0, 2 * n, 2)]


def short_prompt(nonce: str, shortest: int, longest: int) -> Prompt:
    """A prompt of some thirty tokens; the length asked for lies between *shortest* and *longest*, both included."""
    spread, topic = draws(nonce, "short", 2)
    length = shortest + spread % (longest - shortest + 1)
    about = f"{TOPICS[topic % len(TOPICS)]} of {name(nonce, 'topic')}"
    return Prompt(
        f"nonce={nonce}. Begin your answer with the nonce, then write about {about} in {length} words.", length
    )


def long_prompt(nonce: str, tokens: int, answer_tokens: int) -> Prompt:
    """A prompt of about *tokens* tokens: the nonce, a generated text, and at the end the request to say the nonce."""
    opening = f"nonce={nonce}. Remember the nonce while you read this text."
    topic = TOPICS[draws(nonce, "long", 1)[0] % len(TOPICS)]
    closing = f"Begin your answer with the nonce, then write about {topic} in {answer_tokens} words."
    sentences = max(1, (tokens - 60) // SENTENCE_TOKENS)  # 60: opening, closing and the chat template
    return Prompt(f"{opening} {_text(nonce, sentences)} {closing}", answer_tokens)


def name(nonce: str, purpose: str) -> str:
    """A made-up name of two syllables."""
    chosen = draws(nonce, f"name {purpose}", 6)
    return "".join(_syllable(chosen[at : at + 3]) for at in (0, 3)).capitalize()


def _syllable(chosen: Sequence[int]) -> str:
    head, vowel, tail = chosen
    return HEADS[head % len(HEADS)] + "aeiou"[vowel % 5] + TAILS[tail % len(TAILS)]


def _text(nonce: str, sentences: int) -> str:
    chosen = draws(nonce, "text", sentences * SENTENCE_WORDS)
    return " ".join(
        _sentence(chosen[at : at + SENTENCE_WORDS], name(nonce, str(at)))
        for at in range(0, len(chosen), SENTENCE_WORDS)
    )


def _sentence(chosen: Sequence[int], of: str) -> str:
    words = " ".join(WORDS[one % len(WORDS)] for one in chosen)
    return f"{words.capitalize()} {of}."
