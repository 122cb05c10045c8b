"""The varying columns of a simulated past as an Arrow table with every column of the store's table `observations`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.observation import Outcome, Reason
from simulator.engine_load import FIGURES
from simulator.world import MODEL, PAGE_MODULE, TARGET, VANTAGES, World

PROMPT_WORDS = 16  # of the probe's prompt
SERVICE = "storefront"  # the application whose traffic it is
_STAMP = pa.timestamp("ms", tz="UTC")
_HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), dtype=np.uint16)
_SAME = {
    "model": MODEL,
    "kind": "chat_stream",
    "module": "chat-short",
    "access_path": "direct",
    "account": "",
    "stamp": "user",
    "source": "active",
    "agent_version": "simulated",
    "distrust": "",
}

_SAME_TRAFFIC = {
    "vantage": SERVICE,
    "kind": "passive_chat",
    "module": "passive",
    "access_path": "unknown",
    "connection": "unknown",
    "source": "passive",
    "counted_by": "",
}
# What a client span does not say.
_MISSING_TRAFFIC = (
    "connect_ms", "sent_ms", "first_byte_ms", "last_token_ms", "stream_end_ms", "chunk_gap_ms", "token_gap_ms",
    "gap_max_ms", "counted_out",
)  # fmt: skip
_ZERO_TRAFFIC = ("chunks", "bytes_in", "reads", "loop_lag_ms")
PAGE_MS = 2.0  # it takes, all of it
PAGE_BYTES = 24_000
_SAME_PAGE = {
    "vantage": VANTAGES[0],
    "kind": "engine_metrics",
    "module": PAGE_MODULE,
    "connection": "cold",
    "counted_by": "",
    "finish_reason": "",
}
_MISSING_PAGE = ("billed_in", "billed_out", "counted_out")

Columns = Mapping[str, npt.NDArray[Any]]
Ways = Sequence[tuple[Outcome, Reason | None, int]]


def arrow_table(world: World, columns: Columns, ways: Ways, batch_id: int, ingested_at: datetime) -> Any:
    """
    The pyarrow.Table of *columns*: tick_ms, code (index in *ways*), words, billed, stopped, warm, abroad, digest,
    timings.

    They hold every target's rows one after another, as many for each, in the order of the world's clusters. All are
    stamped as taken in at *ingested_at*: a verdict given before that instant knew nothing of them.
    """
    answered = np.array([outcome is not Outcome.FAILED for outcome, _, _ in ways])[columns["code"]]
    return pa.table(
        _places(world, len(answered))
        | _words(columns, ways, answered)
        | _stamps(columns, ingested_at)
        | _timings(columns)
        | _counts(columns, ways, answered, batch_id)
    )


def traffic_table(
    world: World, columns: Columns, ways: Ways, batch_id: int, ingested_at: datetime, *, first_seq: int
) -> Any:
    """
    The same for real traffic: what the collector makes of an application's client spans.

    Columns beside those of a probe's rows: span, and asked, the length of the prompt. Times count from the start.
    """
    table = arrow_table(world, columns, ways, batch_id, ingested_at)
    rows = len(table)
    same, everywhere = np.zeros(rows, np.int32), np.ones(rows, np.bool_)
    first = np.where(np.isnan(columns["first_token"]), np.nan, columns["first_token"] + 0.2)
    said = {
        **{name: _dictionary(same, [word]) for name, word in _SAME_TRAFFIC.items()},
        **{name: pa.nulls(rows, table.schema.field(name).type) for name in _MISSING_TRAFFIC},
        **{name: pa.array(same).cast(table.schema.field(name).type) for name in _ZERO_TRAFFIC},
        "first_token_ms": _milliseconds(first),
        "billed_in": pa.array(columns["asked"].astype(np.uint32), mask=table["billed_in"].is_null().to_numpy()),
        "span": _hex_strings(columns["span"], everywhere),
        "answer_digest": _hex_strings(columns["digest"], ~everywhere),
        "seq": pa.array(np.arange(first_seq, first_seq + rows, dtype=np.uint32)),
    }
    return pa.table({name: said.get(name, table[name]) for name in table.column_names})


def page_table(
    world: World, columns: Columns, ways: Ways, batch_id: int, ingested_at: datetime, *, first_seq: int
) -> Any:
    """The same for looks at engines' pages. Columns: tick_ms, code, and each of FIGURES, nan where it is not told."""
    rows = len(columns["code"])
    none, zero = np.full(rows, np.nan), np.zeros(rows, np.int64)
    read = np.array([outcome is not Outcome.FAILED for outcome, _, _ in ways])[columns["code"]]
    timed = {"connect": np.full(rows, 0.3), "total": np.full(rows, PAGE_MS), "stream_end": np.where(read, 1.5, np.nan)}
    timed["first_byte"] = np.where(read, 1.0, np.nan)
    untimed = dict.fromkeys(("first_token", "last_token", "gap", "gap_max"), none)
    whole = dict.fromkeys(("words", "billed", "warm", "abroad", "stopped"), zero)
    digest = {"digest": zero.astype(np.uint64)}
    table = arrow_table(world, {**columns, **timed, **untimed, **whole, **digest}, ways, batch_id, ingested_at)
    same = np.zeros(rows, np.int32)
    said = {
        **{name: _dictionary(same, [word]) for name, word in _SAME_PAGE.items()},
        **{name: pa.nulls(rows, table.schema.field(name).type) for name in _MISSING_PAGE},
        "answer_digest": _hex_strings(columns["code"].astype(np.uint64), np.zeros(rows, np.bool_)),
        "bytes_in": pa.array(np.where(read, PAGE_BYTES, 0).astype(np.uint32)),
        "figures": _figures(columns, read),
        "seq": pa.array(np.arange(first_seq, first_seq + rows, dtype=np.uint32)),
    }
    return pa.table({name: said.get(name, table[name]) for name in table.column_names})


def _figures(columns: Columns, read: npt.NDArray[np.bool_]) -> Any:
    """A map for each row: those of FIGURES that a page which was read tells."""
    values = np.stack([columns[name] for name in FIGURES], axis=1)
    told = ~np.isnan(values) & read[:, None]
    offsets = np.concatenate(([0], np.cumsum(told.sum(axis=1)))).astype(np.int32)
    names = pa.array(FIGURES).take(pa.array(np.nonzero(told)[1]))
    return pa.MapArray.from_arrays(offsets, names, pa.array(values[told]))


def _places(world: World, rows: int) -> dict[str, Any]:
    clusters = [(cloud.id, site) for cloud in world.clouds for site in cloud.sites]
    place = np.repeat(np.arange(len(clusters)), rows // len(clusters))
    return {
        "provider": _dictionary(place, [id for id, _ in clusters]),
        "cluster": _dictionary(place, [f"{id}/{site.name}" for id, site in clusters]),
        "target": _dictionary(place, [f"{id}/{site.name}/{TARGET}" for id, site in clusters]),
        "region": _dictionary(place, [site.region for _, site in clusters]),
    }


def _words(columns: Columns, ways: Ways, answered: npt.NDArray[np.bool_]) -> dict[str, Any]:
    code, rows = columns["code"], len(answered)
    finish = np.where(answered, 1 + columns["stopped"], 0)
    same = np.zeros(rows, np.int32)
    empty = pa.StringArray.from_buffers(rows, pa.py_buffer(np.zeros(rows + 1, np.int32)), pa.py_buffer(b""))
    return {
        "outcome": _dictionary(code, [outcome.value for outcome, _, _ in ways]),
        "reason": _dictionary(code, [reason.value if reason else "" for _, reason, _ in ways]),
        "counted_by": _dictionary(answered, ["", "words"]),
        "finish_reason": _dictionary(finish, ["", "length", "stop"]),
        "connection": _dictionary(columns["warm"], ["cold", "warm"]),
        "vantage": _dictionary(columns["abroad"], list(VANTAGES)),
        "detail": empty,
        "span": empty,
        "server_request_id": empty,
        "answer_digest": _hex_strings(columns["digest"], answered),
        **{name: _dictionary(same, [word]) for name, word in _SAME.items()},
    }


def _stamps(columns: Columns, ingested_at: datetime) -> dict[str, Any]:
    tick = columns["tick_ms"]
    finished = tick + np.ceil(columns["total"]).astype(np.int64)
    taken_in = np.full(len(tick), int(ingested_at.timestamp() * 1000), np.int64)
    stamps = {"tick": tick, "started_at": tick, "finished_at": finished, "ingested_at": taken_in}
    return {name: pa.array(values).cast(_STAMP) for name, values in stamps.items()}


def _timings(columns: Columns) -> dict[str, Any]:
    rows = len(columns["code"])
    missing = pa.nulls(rows, pa.float32())
    return {
        "dns_ms": missing,
        "connect_ms": _milliseconds(columns["connect"]),
        "tls_ms": missing,
        "sent_ms": _milliseconds(np.where(columns["warm"], 0.2, columns["connect"] + 0.2)),
        "first_byte_ms": _milliseconds(columns["first_byte"]),
        "first_token_ms": _milliseconds(columns["first_token"]),
        "last_token_ms": _milliseconds(columns["last_token"]),
        "reasoning_ms": missing,
        "stream_end_ms": _milliseconds(columns["stream_end"]),
        "chunk_gap_ms": _milliseconds(columns["gap"]),  # a word is a chunk
        "token_gap_ms": _milliseconds(_token_gap_ms(columns)),
        "total_ms": _milliseconds(columns["total"]),
        "gap_max_ms": _milliseconds(columns["gap_max"]),
        "arrivals_ms": pa.ListArray.from_arrays(np.zeros(rows + 1, np.int32), pa.array([], pa.float32())),
        "loop_lag_ms": pa.array(np.full(rows, 0.1, np.float32)),
        "late_ms": pa.array(np.zeros(rows, np.float32)),
        "clock_step_ms": pa.array(np.zeros(rows, np.float32)),
    }


def _token_gap_ms(columns: Columns) -> npt.NDArray[np.float64]:
    """By the tokens that were billed, as Observation.token_gap_ms; nan with fewer than two."""
    span = columns["last_token"] - columns["first_token"]
    gap: npt.NDArray[np.float64] = np.where(columns["billed"] > 1, span / np.maximum(columns["billed"] - 1, 1), np.nan)
    return gap


def _counts(columns: Columns, ways: Ways, answered: npt.NDArray[np.bool_], batch_id: int) -> dict[str, Any]:
    rows, words = len(answered), columns["words"]
    statuses = np.array([status for _, _, status in ways], np.uint16)
    usage = {"billed_in": np.full(rows, PROMPT_WORDS), "billed_out": columns["billed"], "counted_out": words}
    return {
        "attempt": pa.array(np.zeros(rows, np.uint8)),
        "http_status": pa.array(statuses[columns["code"]]),
        **{name: pa.array(values.astype(np.uint32), mask=~answered) for name, values in usage.items()},
        "chunks": pa.array(np.where(answered, words, 0).astype(np.uint32)),
        "bytes_in": pa.array(np.where(answered, 900 + 210 * words, 120).astype(np.uint32)),
        "reads": pa.array(np.where(answered, words, 0).astype(np.uint32)),
        "merged_reads": pa.array(np.zeros(rows, np.uint32)),
        "figures": _no_figures(rows),
        "streams_open": pa.array(np.ones(rows, np.uint16)),
        "simulated": pa.array(np.ones(rows, np.bool_)),
        "batch_id": pa.array(np.full(rows, batch_id, np.uint64)),
        "seq": pa.array(np.arange(rows, dtype=np.uint32)),
    }


def _no_figures(rows: int) -> Any:
    """An empty map for each row."""
    return pa.MapArray.from_arrays(np.zeros(rows + 1, np.int32), pa.array([], pa.string()), pa.array([], pa.float64()))


def _dictionary(index: npt.NDArray[Any], words: Sequence[str]) -> Any:
    """*words* by *index*; the store refuses a dictionary that holds a word twice."""
    unique = sorted(set(words))
    place = np.array([unique.index(word) for word in words], np.int32)
    return pa.DictionaryArray.from_arrays(place[index.astype(np.int32)], unique)


def _milliseconds(values: npt.NDArray[np.float64]) -> Any:
    return pa.array(values.astype(np.float32), mask=np.isnan(values))


def _hex_strings(values: npt.NDArray[np.uint64], present: npt.NDArray[np.bool_]) -> Any:
    """16 hex digits of each value that is *present*, else an empty string."""
    digits = _HEX[values[present].view(np.uint8)]
    offsets = np.concatenate(([0], np.cumsum(np.where(present, 16, 0)))).astype(np.int32)
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(digits.tobytes()))
