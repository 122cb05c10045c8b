"""Tokens are counted by words or by the model's own tokenizer, after the stream, and only where that is exact."""

from __future__ import annotations

import json
import logging
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes import token_count
from probes.answer import Answer
from probes.attempt import observe
from probes.contract import Finding
from probes.prompt import short_prompt
from probes.token_count import counted, load, load_all
from schemas.errors import TouchstoneError
from schemas.fleet import Target
from schemas.observation import Outcome, Tokens
from tests.support.bad_server import DONE, END, FINISH, ROLE, STREAM_HEAD, USAGE, bad_server, event, plain, sends, token
from tests.support.subjects import TICK, bench, subject_of

tokenizers = pytest.importorskip("tokenizers")

TEXTS = ["the old road runs along a wide river and under many stone walls " * 3, "naïve façade 日本語 nonce=0123"]


@pytest.fixture(scope="module")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real tokenizer.json: byte-level BPE, with an end token, and with a template and truncation to be left out."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<s>", "</s>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=alphabet, special_tokens=special, show_progress=False
    )
    made.train_from_iterator(TEXTS, trainer)
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])
    made.enable_truncation(max_length=8)
    file = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    made.save(str(file))
    return file


def target(tokenizer: Path | None = None, count_by: Any = "tokenizer") -> Target:
    """A target that is counted."""
    file = None if tokenizer is None else str(tokenizer)
    return Target(model="m", url="http://127.0.0.1:1/v1", modules=("it",), count_by=count_by, tokenizer=file)


def answer_of(*texts: str) -> Answer:
    """A complete answer."""
    answer = Answer()
    for text in texts:
        answer.say(text)
    return answer


async def count_of(answer: Answer, of: Target, prompt: str = "one two three") -> tuple[Finding, Tokens]:
    """What counting makes of an answer that was told by chunks."""
    finding = Finding(outcome=Outcome.OK, tokens=Tokens(counted_out=9, counted_by="chunks", chunks=9))
    found = await counted(finding, answer, prompt, 64, of)
    return found, found.tokens


@given(text=st.text(max_size=300) | st.sampled_from(TEXTS))
def test_a_text_has_as_many_tokens_as_the_tokenizer_makes_of_it(tokenizer_file: Path, text: str) -> None:
    """Without the template's own, and not cut at the length that the file would cut prompts at."""
    bare = tokenizers.Tokenizer.from_file(str(tokenizer_file))
    bare.no_truncation()

    said = text.replace("</s>", "")
    assert load(str(tokenizer_file)).count(said) == len(bare.encode(said, add_special_tokens=False).ids)


async def test_prompt_and_answer_are_counted_by_the_tokenizer(tokenizer_file: Path) -> None:
    """With what was asked for; chunks stay what they are."""
    found, tokens = await count_of(answer_of("the old ", "road"), target(tokenizer_file), "a wide river")
    count = load(str(tokenizer_file)).count

    assert tokens == Tokens(counted_out=count("the old road"), counted_by="tokenizer", chunks=9)
    assert found.figures == {"asked_out": 64.0, "counted_in": float(count("a wide river"))}
    assert 1 < count("the old road") < len("the old road")


async def test_an_answer_is_counted_up_to_its_end_token(tokenizer_file: Path) -> None:
    """A server that forgets to take it away has not said what follows."""
    _, tokens = await count_of(answer_of("the old road</s> and more</s>"), target(tokenizer_file))

    assert tokens.counted_out == load(str(tokenizer_file)).count("the old road")


async def test_words_are_counted_too(tokenizer_file: Path) -> None:
    """For engines whose tokens are words; without either, what is asked for is told and nothing is counted."""
    by_words, words = await count_of(answer_of("one two\n three"), target(count_by="words"), "a  b c d")
    by_chunks, chunks = await count_of(answer_of("one two three"), target(count_by="chunks"))

    assert (words.counted_out, words.counted_by, by_words.figures) == (
        3,
        "words",
        {"asked_out": 64.0, "counted_in": 4.0},
    )
    assert (chunks.counted_out, chunks.counted_by, by_chunks.figures) == (9, "chunks", {"asked_out": 64.0})


def thinking() -> Answer:
    """An answer after reasoning, of which only a part is shown."""
    answer = answer_of("four")
    answer.think("two and two")
    return answer


def calling() -> Answer:
    """A tool call, whose form is the server's own."""
    answer = answer_of("well")
    answer.call(0, "record", "{}")
    return answer


@pytest.mark.parametrize(
    "answer", [thinking(), calling(), answer_of("caf", "\ufffd")], ids=["reasoning", "call", "cut"]
)
@pytest.mark.parametrize("count_by", ["words", "tokenizer"])
async def test_what_cannot_be_counted_exactly_is_told_by_chunks(
    tokenizer_file: Path, answer: Answer, count_by: str
) -> None:
    """The prompt can be counted all the same."""
    of = target(tokenizer_file if count_by == "tokenizer" else None, count_by)
    found, tokens = await count_of(answer, of)

    assert (tokens.counted_out, tokens.counted_by) == (9, "chunks")
    assert "counted_in" in found.figures


async def test_counting_is_done_in_a_thread_of_its_own(tokenizer_file: Path) -> None:
    """Neither the event loop nor the loop's own threads, in which names are resolved, wait for it."""
    token_count._thread.cache_clear()
    before = set(threading.enumerate())
    await count_of(answer_of("the old road"), target(tokenizer_file))

    assert [thread.name for thread in set(threading.enumerate()) - before] == ["tokens_0"]


async def test_a_tokenizer_that_is_gone_costs_the_count_and_not_the_observation(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Our own file: said in the log, by its name."""
    missing = tmp_path / "gone.json"
    found, tokens = await count_of(answer_of("one"), target(missing))
    load_all([target(missing), target(count_by="words")])

    assert (tokens.counted_by, found.figures) == ("chunks", {"asked_out": 64.0})
    assert [str(missing) in record.message for record in caplog.records if record.levelno == logging.ERROR] == [
        True
    ] * 2


def test_what_is_wrong_with_a_tokenizer_is_said(
    tokenizer_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No such file, no tokenizer, no package."""
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"model": 1}))
    for file, said in ((tmp_path / "absent.json", "No such file"), (other, "is no tokenizer.json")):
        with pytest.raises(TouchstoneError, match=said):
            load(str(file))
    token_count._loaded.cache_clear()
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(TouchstoneError, match="the extra `tokenizer`"):
        load(str(tokenizer_file))


def test_a_tokenizer_that_was_replaced_is_loaded_anew(tokenizer_file: Path, tmp_path: Path) -> None:
    """The file is the truth, not what was read of it at the start."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    file = tmp_path / "tokenizer.json"
    file.write_bytes(tokenizer_file.read_bytes())
    before = load(str(file)).count("the old road runs by")
    words = Tokenizer(models.WordLevel({"the": 0, "old": 1, "road": 2}, unk_token="the"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.save(str(file))

    assert (before > 5, load(str(file)).count("the old road runs by")) == (True, 5)


PLAIN = sends(STREAM_HEAD, ROLE, token("the old "), token("road"), FINISH, USAGE, DONE, END)
CALL = event({"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"name": "x", "arguments": "{}"}}]}}]})
PROMPT_KINDS = ("chat_stream", "golden_answer", "json_mode", "long_prompt", "tool_call")


@pytest.mark.parametrize("kind", PROMPT_KINDS)
async def test_every_kind_tells_what_it_asked_and_counts_its_prompt(tokenizer_file: Path, kind: str) -> None:
    """Whatever came back: by the very tokenizer, of the very prompt that was sent."""
    script = PLAIN if kind != "tool_call" else sends(STREAM_HEAD, CALL, FINISH, USAGE, DONE, END)
    async with bad_server(script) as server, bench() as here:
        subject = subject_of(kind, server.url, count_by="tokenizer", tokenizer=str(tokenizer_file), max_tokens=40)
        seen = await observe(here, subject, TICK, 0, 1)
        request: Any = server.requests[0]

    count = load(str(tokenizer_file)).count
    assert (seen.figures["asked_out"], request["max_tokens"]) == (40.0, 40)
    assert seen.figures["counted_in"] == count(request["messages"][0]["content"])
    out = (count("the old road"), "tokenizer") if kind != "tool_call" else (1, "chunks")
    assert (seen.tokens.counted_out, seen.tokens.counted_by) == out


async def test_a_burst_has_the_sums_of_its_answers(tokenizer_file: Path) -> None:
    """Of three requests."""
    async with bad_server(PLAIN) as server, bench() as here:
        subject = subject_of(
            "burst", server.url, count_by="tokenizer", tokenizer=str(tokenizer_file), n=3, max_tokens=40
        )
        seen = await observe(here, subject, TICK, 0, 1)
        prompts = [request["messages"][0]["content"] for request in server.requests]  # type: ignore[index]

    count = load(str(tokenizer_file)).count
    assert (seen.figures["asked_out"], seen.figures["counted_in"]) == (120.0, float(sum(map(count, prompts))))
    assert (seen.tokens.counted_out, seen.tokens.counted_by) == (3 * count("the old road"), "tokenizer")


async def test_an_embedding_counts_its_inputs_and_asks_for_no_tokens(tokenizer_file: Path) -> None:
    """Two of them."""
    body = {"data": [{"embedding": [1.0, 0.0]}, {"embedding": [0.0, 1.0]}], "usage": {"prompt_tokens": 9}}
    async with bad_server(sends(plain("200 OK", json.dumps(body).encode()))) as server, bench() as here:
        subject = subject_of("embedding", server.url, count_by="words")
        seen = await observe(here, subject, TICK, 0, 1)
        inputs: Any = server.requests[0]["input"]

    assert seen.figures["counted_in"] == sum(len(text.split()) for text in inputs)
    assert "asked_out" not in seen.figures


async def test_thinking_is_asked_for_on_top() -> None:
    """What the request says in all, so that billed thoughts are no overrun."""
    async with bad_server(sends(plain("200 OK", b""))) as server, bench() as here:
        plainly = await observe(here, subject_of("messages_stream", server.url), TICK, 0, 1)
        subject = subject_of("messages_stream", server.url, thinking_budget=2000, max_tokens=64)
        thoughtful = await observe(here, subject, TICK, 0, 1)
        asked = [request["max_tokens"] for request in server.requests]

    assert [plainly.figures["asked_out"], thoughtful.figures["asked_out"]] == asked == [64, 2064]


def test_a_prompt_is_counted_as_it_is_sent() -> None:
    """The simulated clouds bill a word of the prompt as a token."""
    assert token_count.words(short_prompt("0123456789abcdef", 64).text) == 16
