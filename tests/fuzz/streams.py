"""Any bytes as the body of a stream, read in every dialect: what must hold of them all."""

from __future__ import annotations

from importlib import import_module

from probes.answer import Answer, Dialect, digest_of, fault_of, tokens_of
from probes.answer_reading import reading
from probes.catalog import KINDS
from probes.failure import detail_of
from probes.stream_reader import Body, Ending
from probes.streaming_module import StreamingModule
from tests.support.plain_reading import plainly

DIALECTS: dict[str, Dialect] = {
    kind: value
    for kind in KINDS
    for value in vars(import_module(f"probes.kinds.{kind}")).values()
    if isinstance(value, Dialect)
}
MODULE = StreamingModule(kind="any")
ENDINGS = tuple(Ending)


def body_of(content: bytes, ending: Ending) -> Body:
    """*content* as if it had come in two reads."""
    half = len(content) // 2
    ends = tuple(end for end in (half, len(content)) if end > 0)
    return Body(content, len(content), tuple(float(n) for n, _ in enumerate(ends)), ends, ending)


def check(kind: str, content: bytes, ending: Ending) -> Answer:
    """
    Read *content* as *kind* does; nothing raises, and what comes out is of a size and a shape that can be stored.

    It is the same as what its events say one by one.
    """
    body = body_of(content, ending)
    answer = Answer()
    for _ in reading(answer, body, DIALECTS[kind]):
        pass
    assert answer == plainly(body, DIALECTS[kind])
    reason, detail = fault_of(body, answer, MODULE)
    tokens = tokens_of(answer)
    assert detail_of(detail, "secret").isprintable()
    assert (reason is None) == (detail == "")
    assert answer.arrivals == sorted(answer.arrivals)
    assert all(count is None or 0 <= count < 2**32 for count in (tokens.billed_in, tokens.billed_out))
    assert len(digest_of(answer.text, "nonce")) in {0, 16}
    assert answer.id.isprintable() and answer.finish_reason.isprintable()
    return answer
