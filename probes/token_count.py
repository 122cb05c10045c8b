"""
How many tokens a prompt and an answer have, counted by us after the stream has closed, so that a bill can be checked.

`words` for engines whose tokens are words, `tokenizer` with the model's own tokenizer.json; both leave out the chat
template, which is the same for every prompt. What cannot be counted exactly is not: reasoning, which is not all shown;
tool calls, whose form is the server's own; text that was cut inside a character. Then chunks are told, as ever.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from probes.answer import Answer
from probes.contract import Finding
from schemas.errors import TouchstoneError
from schemas.fleet import Target

logger = logging.getLogger(__name__)

ASKED_OUT, COUNTED_IN = "asked_out", "counted_in"  # figures: max_tokens, and the prompt's tokens as we count them
REPLACEMENT = "\ufffd"  # what a character becomes that was cut
LOADED_MAX = 64  # tokenizers of one process
# What the usual vocabularies call the end of an answer; it is not said, and what follows it is not either.
END_TOKENS = frozenset(
    {
        "</s>", "<eos>", "<|endoftext|>", "<|end_of_text|>", "<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>",
        "<|return|>", "<|call|>", "<|eos|>", "<end_of_turn>", "<|END_OF_TURN_TOKEN|>", "<｜end▁of▁sentence｜>",
    }
)  # fmt: skip

Count = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """A model's tokenizer: *size* is the number of tokens of a text, *ends* the texts that end an answer."""

    size: Count
    ends: tuple[str, ...]

    def count(self, text: str) -> int:
        """The tokens of *text* up to its end, without what a template adds."""
        for end in self.ends:
            text = text.partition(end)[0]
        return self.size(text)


async def counted(finding: Finding, answer: Answer, prompt: str, asked_out: int, target: Target) -> Finding:
    """*finding* with what was asked and what we counted; the timings are taken already."""
    figures = {**finding.figures, ASKED_OUT: float(asked_out)}
    texts = [prompt, *([answer.text] if countable(answer) else [])]
    counts = await _counts(texts, target)
    if counts is None:
        return replace(finding, figures=figures)
    figures[COUNTED_IN] = float(counts[0])
    tokens = finding.tokens
    if len(counts) > 1:
        tokens = replace(tokens, counted_out=counts[1], counted_by=target.count_by)
    return replace(finding, figures=figures, tokens=tokens)


async def counted_prompts(finding: Finding, texts: list[str], target: Target) -> Finding:
    """*finding* of a request that has *texts* and no text for an answer."""
    counts = await _counts(texts, target)
    return finding if counts is None else replace(finding, figures={**finding.figures, COUNTED_IN: float(sum(counts))})


def countable(answer: Answer) -> bool:
    """Whether the text is all that was generated, and whole."""
    return not answer.calls and not answer.thoughts and not answer.text.endswith(REPLACEMENT)


def words(text: str) -> int:
    """The tokens of an engine whose tokens are words."""
    return len(text.split())


def load(path: str) -> Tokenizer:
    """The tokenizer in the file *path*; raises TouchstoneError that says what is wrong with it."""
    try:
        return _loaded(path, Path(path).stat().st_mtime_ns)
    except OSError as error:
        raise TouchstoneError(f"cannot be read: {error.strerror}") from error


def load_all(targets: Iterable[Target]) -> None:
    """
    Load the tokenizers of *targets*, before there is anything to time: loading holds the interpreter's lock.

    What cannot be loaded is logged, and answers are not counted.
    """
    for path in sorted({target.tokenizer for target in targets if target.tokenizer is not None}):
        try:
            load(path)
        except TouchstoneError as error:
            logger.error("tokens are not counted: %s: %s", path, error)


async def _counts(texts: list[str], target: Target) -> list[int] | None:
    """The tokens of each text; None when they cannot be counted exactly."""
    if target.count_by == "words":
        return [words(text) for text in texts]
    if target.count_by != "tokenizer" or target.tokenizer is None:
        return None
    try:
        return await asyncio.get_running_loop().run_in_executor(_thread(), _by_tokenizer, target.tokenizer, texts)
    except TouchstoneError as error:  # our own file: the answer stands, it is only not counted
        logger.error("tokens are not counted: %s: %s", target.tokenizer, error)
        return None


def _by_tokenizer(path: str, texts: list[str]) -> list[int]:
    tokenizer = load(path)
    return [tokenizer.count(text) for text in texts]


@cache
def _thread() -> ThreadPoolExecutor:
    """One for the process, and not the event loop's own, in which names are resolved while somebody measures that."""
    return ThreadPoolExecutor(1, thread_name_prefix="tokens")


@lru_cache(LOADED_MAX)
def _loaded(path: str, _changed_ns: int) -> Tokenizer:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # it would begin a thread for every core
    try:
        import tokenizers
    except ImportError as error:
        message = "the package `tokenizers` is not installed; it is the extra `tokenizer`"
        raise TouchstoneError(message) from error
    try:
        model = tokenizers.Tokenizer.from_file(path)
    except Exception as error:  # the package raises nothing more special
        raise TouchstoneError(f"is no tokenizer.json: {str(error)[:200]}") from error
    model.no_truncation()
    model.no_padding()
    special = {one.content for one in model.get_added_tokens_decoder().values()}
    return Tokenizer(_size(model), tuple(sorted(special & END_TOKENS)))


def _size(model: Any) -> Count:
    """By batches of one: only for batches the package lets go of the interpreter's lock, and the event loop runs on."""
    return lambda text: len(model.encode_batch_fast([text], add_special_tokens=False)[0])
