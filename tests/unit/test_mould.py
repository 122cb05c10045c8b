"""What is the same in every event is parsed once, and what was said is the same."""

from __future__ import annotations

from itertools import accumulate

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.answer import Answer
from probes.answer_reading import reading
from probes.kinds.chat_stream import take
from probes.mould import Mould, mould_of
from probes.stream_reader import Body
from tests.fuzz.streams import DIALECTS
from tests.support.plain_reading import plainly
from tests.support.protocols import PROTOCOLS

BEFORE, AFTER = b'{"choices":[{"delta":{"content":', b"}}]}"
MOULD = Mould(BEFORE, AFTER)


def body_of(pieces: list[bytes]) -> Body:
    """What *pieces* make when each came in a read of its own, a second after the one before."""
    ends = tuple(accumulate(map(len, pieces)))
    return Body(b"".join(pieces), sum(map(len, pieces)), tuple(float(at) for at in range(len(ends))), ends)


def said(delta: dict[str, object], **more: object) -> bytes:
    """One chunk of a chat completion."""
    return orjson.dumps({"choices": [{"delta": delta}], **more})


def test_an_event_that_says_a_text_has_a_mould() -> None:
    """What is before the text and after it; the first reading has named the answer."""
    assert mould_of(said({"content": "one"}), take) == MOULD
    assert mould_of(said({"content": 'o\n"n\\e é'}), take) == MOULD
    assert mould_of(said({"content": "one", "role": "assistant"}, id="c1", model="one more"), take) is not None


@pytest.mark.parametrize(
    "event",
    [
        said({"content": ""}),
        said({"role": "assistant"}),
        said({"content": "one", "reasoning": "hm"}),
        said({"content": "one", "tool_calls": [{"index": 0, "function": {"name": "f"}}]}),
        said({"content": "one"}, usage={"prompt_tokens": 5, "completion_tokens": 1}),
        orjson.dumps({"choices": [{"delta": {"content": "one"}, "finish_reason": "stop"}]}),
        said({"content": "one"}).replace(b"one", b"\\u006fne"),  # its bytes are not found
        b'{"id":"one",' + said({"content": "one"})[1:],  # found in another place
        b'["one"]',
        b'{"choices"',
    ],
)
def test_an_event_that_does_anything_else_has_none(event: bytes) -> None:
    """It is read whole, every time."""
    assert mould_of(event, take) is None


@pytest.mark.parametrize("text", ["", "one", 'a "quoted" \\ line\n', "é♞", "\x7f"])
def test_a_text_is_found_in_its_mould(text: str) -> None:
    """However it is escaped."""
    assert MOULD.text_in(said({"content": text})) == text
    assert MOULD.text_in(BEFORE + b" " + orjson.dumps(text).replace(b"e", b"\\u0065") + AFTER) == text


@pytest.mark.parametrize(
    "inner", [b"", b"1", b"null", b'"one"}},{"delta":{"content":"two"', b'"cut', b'"\xff"', b'"\n"']
)
def test_what_is_no_string_does_not_fit(inner: bytes) -> None:
    """Nor what begins as one, and brings more."""
    assert MOULD.text_in(BEFORE + inner + AFTER) is None
    assert MOULD.text_in(said({"content": "one"}, usage=None)) is None


def test_the_two_ends_of_a_mould_do_not_overlap() -> None:
    """An event that is shorter than both."""
    assert Mould(b'{"text":"}', b'"}').text_in(b'{"text":"}') is None


@pytest.mark.parametrize("kind", ["chat_stream", "completion_stream", "responses_stream", "messages_stream"])
def test_the_tokens_of_the_usual_protocols_have_one(kind: str) -> None:
    """As their events are documented."""
    event = PROTOCOLS[kind].said("one").partition(b"data: ")[2].partition(b"\n")[0]
    found = mould_of(event, DIALECTS[kind].take)

    assert found is not None
    assert found.text_in(event.replace(b"one", b"two")) == "two"


@pytest.mark.parametrize("kind", PROTOCOLS)
@given(st.data())
def test_a_stream_says_the_same_as_its_events_one_by_one(kind: str, data: st.DataObject) -> None:
    """In every protocol: texts of any kind, with reasoning, usage, errors and cuts between them."""
    p = PROTOCOLS[kind]
    texts = st.sampled_from(["one", "", "two ", "\n", '"', "é"]) | st.text(max_size=5)
    kinds = [texts.map(p.said), st.just(p.start), st.just(p.ends(5, 3)), st.just(b": ping\n\n")]
    kinds += [texts.map(p.thought)] if p.thought is not None else []
    some = st.one_of(*[texts.map(p.said)] * 8, *kinds, st.just(p.error("overloaded", "later", 503)))
    pieces = data.draw(st.lists(some, max_size=12))
    body = body_of([piece for piece in pieces if piece])
    if body.content and data.draw(st.booleans()):
        cut = data.draw(st.integers(1, len(body.content)))
        body = Body(body.content[:cut], cut, body.stamps, body.ends)

    answer = Answer()
    for _ in reading(answer, body, DIALECTS[kind]):
        pass

    assert answer == plainly(body, DIALECTS[kind])
