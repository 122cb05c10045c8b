"""
Spans of known forms, read many at once: what differs in them becomes columns, and columns become observations.

The spans may be of any targets, at whose forms the same *kinds* of values stand at other places: all bytes are laid
behind one another, compared with what is the same in each form, and the rest is taken out of all of them in one go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collector.span_cut import Cut
from collector.span_form import Form, Kinds
from schemas.attribute_checks import NUMBER_LIMIT
from schemas.flat_observation import DOUBLE_BYTES, FlatObservation
from schemas.nanoseconds import LAST_NS
from schemas.otlp_values import DOUBLE_ELEMENT, ELEMENT_BYTES

OwnSpan = tuple[str, FlatObservation, int, int]  # a span's name, its observation, batch and number there

_TIMES = 2  # of eight bytes, as doubles
_TICK, _BATCH, _SEQ = range(3)  # what the first whole numbers are
_STARTED_AT, _FINISHED_AT, _TICK_FIELD, _ARRIVALS = map(
    FlatObservation._fields.index, ("started_at", "finished_at", "tick", "arrivals_ms")
)
_ELEMENT_HEAD = {f"byte {number}": byte for number, byte in enumerate(DOUBLE_ELEMENT)}
_ELEMENT = np.dtype([*((name, np.uint8) for name in _ELEMENT_HEAD), ("value", "<f8")])
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_flat_of: Callable[[tuple[Any, ...]], FlatObservation] = partial(tuple.__new__, FlatObservation)


def read(cuts: Sequence[Cut], forms: Sequence[Form]) -> list[OwnSpan | None]:
    """
    What each of *cuts* (one at least) is, by the form of its size that stands at its place; all *forms* of one kind.

    None when it is of another form, or something in it is not as it must be.
    """
    rests = _bytes_of([piece for head, _, tail in cuts for piece in (head, tail)], np.uint8)
    starts = _starts(form.same for form in forms)
    taken = rests[starts[:-1, None] + _bytes_of([form.layout.places for form in forms], np.intp).reshape(len(cuts), -1)]
    kinds = forms[0].layout.kinds
    eights_end = DOUBLE_BYTES * (_TIMES + len(kinds.doubles))
    integers_end = eights_end + sum(kinds.sizes)
    eights = np.ascontiguousarray(taken[:, :eights_end])
    times, doubles = eights.view("<u8")[:, :_TIMES], eights.view("<f8")[:, _TIMES:]
    integers, whole = _integers(taken[:, eights_end:integers_end], kinds)
    texts = taken[:, integers_end:]
    arrivals, of_arrivals, arrived = _arrivals([one.arrivals for one in cuts])
    right = (
        _alike(rests, starts, forms)
        & (times < LAST_NS).all(axis=1)
        & (np.abs(doubles) < NUMBER_LIMIT).all(axis=1)
        & whole
        & (integers[:, _TICK] < LAST_NS // 1_000_000)
        & (texts < 0x80).all(axis=1)
        & arrived
    )
    at = np.flatnonzero(right)
    rows, good = at.tolist(), [forms[row] for row in at.tolist()]
    columns = list[Iterable[Any]](zip(*[form.observation for form in good], strict=True))
    if not columns:
        return [None] * len(cuts)
    columns[_STARTED_AT], columns[_FINISHED_AT] = (_instants(one) for one in (times[at] // 1000).T.tolist())
    whole_numbers = integers[at].T.tolist()
    columns[_TICK_FIELD] = _instants([1000 * tick_ms for tick_ms in whole_numbers[_TICK]])
    columns[_ARRIVALS] = [arrivals[of_arrivals[row] : of_arrivals[row + 1]] for row in rows]
    for field, values in zip(kinds.doubles, doubles[at].T.tolist(), strict=True):
        columns[field] = values
    for field, values in zip(kinds.counts, whole_numbers[_SEQ + 1 :], strict=True):
        columns[field] = values
    for field, values in zip(kinds.texts, _texts(texts[at], kinds.text_sizes), strict=True):
        columns[field] = values
    flats = map(_flat_of, zip(*columns, strict=True))
    found: list[OwnSpan | None] = [None] * len(cuts)
    for row, form, flat, batch, seq in zip(rows, good, flats, whole_numbers[_BATCH], whole_numbers[_SEQ], strict=True):
        found[row] = form.name, flat, batch, seq
    return found


def _starts(pieces: Iterable[bytes]) -> NDArray[np.intp]:
    """Where each of *pieces* begins when they stand behind one another; last, where all end."""
    return np.array([0, *accumulate(map(len, pieces))], np.intp)


def _bytes_of(pieces: Sequence[bytes], kind: Any) -> NDArray[Any]:
    return np.frombuffer(b"".join(pieces), kind)


def _alike(rests: NDArray[np.uint8], starts: NDArray[np.intp], forms: Sequence[Form]) -> NDArray[np.bool_]:
    """Which of them have the bytes that are the same in their form."""
    mask = _bytes_of([form.layout.mask for form in forms], np.uint8)
    other = rests & mask != _bytes_of([form.same for form in forms], np.uint8)
    return _without(other, starts)


def _without(wrong: NDArray[np.bool_], starts: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which of the rows that begin at *starts* have nothing *wrong*."""
    without = np.ones(len(starts) - 1, np.bool_)
    without[np.searchsorted(starts, np.flatnonzero(wrong), side="right") - 1] = False
    return without


def _integers(raw: NDArray[np.uint8], kinds: Kinds) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """The numbers of each row, seven bits of each byte; and which rows have none that ends before, or goes on."""
    ends = np.array([*accumulate(kinds.sizes)], np.intp)
    goes_on = np.full(raw.shape[1], 0x80, np.uint8)
    goes_on[ends - 1] = 0
    shifts = np.concatenate([np.arange(size, dtype=np.uint64) * np.uint64(7) for size in kinds.sizes])
    values = np.add.reduceat((raw & 0x7F).astype(np.uint64) << shifts, ends - np.array(kinds.sizes, np.intp), axis=1)
    return values, (raw & 0x80 == goes_on).all(axis=1)


def _arrivals(pieces: Sequence[bytes]) -> tuple[bytes, list[int], NDArray[np.bool_]]:
    """All, packed; where those of each of *pieces* begin (last, where all end); and which pieces hold nothing else."""
    elements, starts = _bytes_of(pieces, _ELEMENT), _starts(pieces) // ELEMENT_BYTES
    values = elements["value"].copy()
    wrong = ~(np.abs(values) < NUMBER_LIMIT)
    for name, byte in _ELEMENT_HEAD.items():
        wrong |= elements[name] != byte
    return values.tobytes(), (starts * DOUBLE_BYTES).tolist(), _without(wrong, starts)


def _instants(microseconds: Sequence[int]) -> list[datetime]:
    """The instants so long after the epoch; of a batch many are the same."""
    known = {one: _EPOCH + timedelta(0, 0, one) for one in set(microseconds)}
    return [known[one] for one in microseconds]


def _texts(raw: NDArray[np.uint8], sizes: Sequence[int]) -> list[list[str]]:
    """Of each text a column; they stand behind one another in a row of *raw*, which is ASCII."""
    width, whole = raw.shape[1], raw.tobytes().decode("ascii")
    return [
        [whole[at : at + size] for at in range(end - size, len(whole), width)]
        for end, size in zip(accumulate(sizes), sizes, strict=True)
    ]
