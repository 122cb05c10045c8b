"""
Prompts, generated: the nonce stands at the start, so no prefix cache can answer; the same nonce gives the same prompt.

Every choice is drawn from the SHAKE-256 of the nonce. Names are made of syllables, so that no list of prompts exists
that somebody could recognise.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass

TOPICS = ("rivers", "bridges", "lighthouses", "maps", "clocks", "harbours", "orchards", "weather", "glass", "trains")
HEADS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "br", "dr", "kr", "pl", "st", "tr")
TAILS = ("", "l", "m", "n", "r", "s")
SYLLABLES = tuple(head + vowel + tail for head in HEADS for vowel in "aeiou" for tail in TAILS)
# Frequent English words, one token each in the usual vocabularies: the size of a long prompt is then nearly right.
WORDS = (
    "the", "old", "road", "runs", "along", "a", "wide", "river", "and", "under", "many", "stone", "walls", "where",
    "people", "from", "every", "town", "bring", "bread", "paper", "oil", "wood", "to", "sell", "in", "long", "winter",
    "months", "while", "their", "children", "play", "near", "water", "with", "small", "boats", "made", "of", "dry",
    "grass", "until", "evening", "light", "falls", "over", "open", "fields",
)  # fmt: skip
SENTENCE_WORDS = 12
NAME_TOKENS = 3  # a made-up name is two to four tokens
SENTENCE_TOKENS = SENTENCE_WORDS + NAME_TOKENS + 1  # with the full stop
FRAME_TOKENS = 80  # what stands before and after the text, with the nonce and a chat template


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked, and how many tokens the answer may have."""

    text: str
    max_tokens: int


def draws(nonce: str, purpose: str, n: int) -> Sequence[int]:
    """*n* numbers from 0 to 65,535, the same for the same nonce and purpose."""
    return struct.unpack(f">{n}H", hashlib.shake_256(f"{nonce}|{purpose}".encode()).digest(2 * n))


def length(nonce: str, shortest: int, longest: int) -> int:
    """The length of one answer, between *shortest* and *longest*, both included."""
    return shortest + draws(nonce, "length", 1)[0] % (longest - shortest + 1)


def short_prompt(nonce: str, max_tokens: int) -> Prompt:
    """A prompt of some forty tokens."""
    return Prompt(f"nonce={nonce}. {_request(nonce, max_tokens)}", max_tokens)


def long_prompt(nonce: str, tokens: int, max_tokens: int) -> Prompt:
    """A prompt of about *tokens* tokens: the nonce, a generated text, and at the end the request to say the nonce."""
    opening = f"nonce={nonce}. Remember the nonce while you read this text."
    sentences = max(1, (tokens - FRAME_TOKENS) // SENTENCE_TOKENS)
    return Prompt(f"{opening} {_text(nonce, sentences)} {_request(nonce, max_tokens)}", max_tokens)


def name(nonce: str, purpose: str) -> str:
    """A made-up name of two syllables."""
    return _name(*draws(nonce, f"name {purpose}", 2))


def _request(nonce: str, words: int) -> str:
    topic = TOPICS[draws(nonce, "topic", 1)[0] % len(TOPICS)]
    return f"Begin your answer with the nonce, then write about {topic} of {name(nonce, 'topic')} in {words} words."


def _name(first: int, second: int) -> str:
    return (SYLLABLES[first % len(SYLLABLES)] + SYLLABLES[second % len(SYLLABLES)]).capitalize()


def _text(nonce: str, sentences: int) -> str:
    drawn = SENTENCE_WORDS + 2
    chosen = draws(nonce, "text", sentences * drawn)
    return " ".join(_sentence(chosen[at : at + drawn]) for at in range(0, len(chosen), drawn))


def _sentence(chosen: Sequence[int]) -> str:
    words = " ".join([WORDS[one % len(WORDS)] for one in chosen[2:]])
    return f"{words.capitalize()} {_name(chosen[0], chosen[1])}."
