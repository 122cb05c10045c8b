"""
Sets of prompts that cannot be guessed: generated from a secret, in ordinary language, the same for the same secret.

A set has a key of its own, HMAC-SHA-256(secret, name of the set), and every choice is drawn from the SHAKE-256 of that
key. So a set can be revealed (its key) after it was rotated, and checked against the commitment that was published
before it was used, while the secret and every other set stay unknown.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Sequence
from functools import lru_cache

from probes.prompt import SYLLABLES

PROMPTS_MAX = 1000  # of a set: an index has three digits
BORDER_INPUTS_MAX = 10_000
SETS_CACHED = 64
SECRET_BYTES_MIN = 16
SET_CHARS_MAX = 60
_DRAWN = 12  # numbers for one prompt
_DOMAIN = b"touchstone prompt set 1"

_OPENINGS = (
    "Write the beginning of {thing} in which {who} {tells} {what}.",
    "Can you draft {thing} where {who} {tells} {what}?",
    "I need {thing}: {who} {tells} {what}.",
    "Please continue this as {thing}. That year {who}, who had come from {place}, found out {what}, and",
    "Imagine that {who} {tells} {what}. Write it down as {thing}.",
    "My sister collects stories about {place}. Tell her one, as {thing}, in which {who} {tells} {what}.",
    "What would {thing} sound like if {who} {tells} {what}?",
    "Help me with {thing}. It is set in {place}, and {who} {tells} {what}.",
)
_THINGS = (
    "a short story", "a letter to a friend", "a diary entry", "a newspaper report", "a travel note", "a radio script",
    "a speech at a wedding", "a page of a novel", "a museum label", "an old recipe with a story around it",
    "a school essay", "a dialogue for the stage", "a village chronicle", "a postcard", "an interview", "a bedtime tale",
)  # fmt: skip
_PEOPLE = (
    "clockmaker", "ferryman", "teacher", "baker", "surveyor", "bell ringer", "gardener", "nurse", "librarian",
    "lighthouse keeper", "stonemason", "beekeeper", "cartographer", "train driver", "weaver", "glassblower", "doctor",
    "postwoman", "cellist", "judge", "fisherman", "painter", "locksmith", "botanist", "miller", "shepherd",
)  # fmt: skip
_TEMPERS = (
    "a careful", "a retired", "a young", "a stubborn", "a cheerful", "an absent-minded", "a famous", "a tired",
    "a curious", "a left-handed", "a very old", "a newly arrived", "a quiet", "an impatient", "a half-blind",
    "a generous",
)  # fmt: skip
_TELLINGS = (
    "explains", "remembers", "discovers", "denies", "tries to prove", "is asked to explain", "slowly understands",
    "argues about", "dreams about", "writes home about", "jokes about", "has to admit",
)  # fmt: skip
_CAUSES = (
    "why", "how", "on which day", "for whose sake", "against whose advice", "in whose name", "with what money",
    "by what mistake",
)  # fmt: skip
_OBJECTS = (
    "the harbour bells", "the orchard wall", "the night train", "the flooded road", "the blue staircase",
    "the market clock", "the letters from abroad", "the lost violin", "the stone bridge", "the empty school",
    "the winter bread", "the map of the valley", "the second well", "the glass roof", "the old theatre",
    "the salt boats", "the bridge tax", "the paper mill", "the choir", "the town archive", "the apple harvest",
    "the copper kettle", "the weather station", "the summer ferry",
)  # fmt: skip
_FATES = (
    "disappeared", "came back", "changed hands", "was never finished", "caused a quarrel", "saved the town",
    "fell silent", "was painted white", "became famous", "was sold twice", "kept everybody awake", "went to sea",
    "was hidden for years", "outlived its owner", "was found in the snow", "cost more than a house",
)  # fmt: skip


def prompts_of(secret: bytes, set: str, n: int) -> tuple[str, ...]:
    """
    The first *n* prompts of *set*, all different; fewer are a beginning of more.

    Raises ValueError for a short secret, and for a set or a number that no item of a sample could name.
    """
    return prompts_of_key(key_of(secret, set), n)


def commitment_of(secret: bytes, set: str, n: int) -> str:
    """What to publish before the first *n* prompts of *set* are used: 64 hex digits that tell nothing about them."""
    return commitment_of_key(key_of(secret, set), set, n)


def key_of(secret: bytes, set: str) -> bytes:
    """The key of *set*, which reveals that set and no other."""
    if len(secret) < SECRET_BYTES_MIN:
        raise ValueError(f"the secret of the prompts has fewer than {SECRET_BYTES_MIN} bytes")
    if not 0 < len(set) <= SET_CHARS_MAX or not set.isascii() or not set.isprintable() or ":" in set:
        raise ValueError(f"the name of a set has 1 to {SET_CHARS_MAX} printable characters of ASCII, no colon")
    return hmac.digest(secret, _DOMAIN + set.encode(), hashlib.sha256)


@lru_cache(SETS_CACHED)
def prompts_of_key(key: bytes, n: int) -> tuple[str, ...]:
    """The first *n* prompts of the set whose key is *key*."""
    if not 0 < n <= PROMPTS_MAX:
        raise ValueError(f"a set has 1 to {PROMPTS_MAX} prompts, not {n}")
    different: dict[str, None] = {}
    for index in range(2 * PROMPTS_MAX):
        if len(different) == n:
            break
        different.setdefault(_prompt(numbers(key, f"prompt {index}", _DRAWN)))
    return tuple(different)


def commitment_of_key(key: bytes, set: str, n: int) -> str:
    """The commitment to the first *n* prompts of *set*: SHA-256 over its name, its key and the prompts themselves."""
    digest = hashlib.sha256(_DOMAIN)
    for part in (set.encode(), str(n).encode(), key, *(prompt.encode() for prompt in prompts_of_key(key, n))):
        digest.update(struct.pack(">I", len(part)) + part)
    return digest.hexdigest()


def numbers(key: bytes, purpose: str, n: int) -> Sequence[int]:
    """*n* numbers from 0 to 65,535, the same for the same key and purpose."""
    return struct.unpack(f">{n}H", hashlib.shake_256(key + purpose.encode()).digest(2 * n))


def border_input_of(secret: bytes, set: str, index: int) -> str:
    """
    The candidate *index* for a border input of *set*: a made-up word, short as such inputs are.

    Raises ValueError as `prompts_of` does. Of thousands some few are the same.
    """
    if not 0 <= index < BORDER_INPUTS_MAX:
        raise ValueError(f"candidates for border inputs are numbered 0 to {BORDER_INPUTS_MAX - 1}, not {index}")
    return _name(*numbers(key_of(secret, set), f"border input {index}", 2))


def turn(key: bytes, asker: str, number: int, n: int) -> int:
    """
    Which of *n* prompts *asker* asks at its turn *number*.

    Each once in every n turns, in an order that the key shuffles anew for every asker and round.
    """
    round_, place = divmod(number, n)
    drawn = numbers(key, f"turn {asker} {round_}", 2 * n)
    order = sorted(range(n), key=lambda index: (drawn[2 * index], drawn[2 * index + 1], index))
    return order[place]


def _prompt(drawn: Sequence[int]) -> str:
    return _one(_OPENINGS, drawn[0]).format(
        thing=_one(_THINGS, drawn[1]),
        who=f"{_one(_TEMPERS, drawn[2])} {_one(_PEOPLE, drawn[3])} called {_name(drawn[4], drawn[5])}",
        tells=_one(_TELLINGS, drawn[6]),
        what=f"{_one(_CAUSES, drawn[7])} {_one(_OBJECTS, drawn[8])} of {_name(drawn[9], drawn[10])} "
        f"{_one(_FATES, drawn[11])}",
        place=_name(drawn[9], drawn[10]),
    )


def _name(first: int, second: int) -> str:
    return (_one(SYLLABLES, first) + _one(SYLLABLES, second)).capitalize()


def _one(choices: Sequence[str], number: int) -> str:
    return choices[number % len(choices)]
