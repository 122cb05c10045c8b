"""The clients side by side, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from rich import box
from rich.table import Table

from bench.results import Figure, shown

TABLES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "TTFT as reported, and its error against the server's truth (ms)": {
            "p50": "ttft_p50_ms",
            "p99": "ttft_p99_ms",
            "err p50": "ttft_error_p50_ms",
            "err p99": "ttft_error_p99_ms",
            "max": "ttft_error_max_ms",
        },
        "Inter-token latency: error (ms); CPU (s per 1,000 tokens)": {
            "err p50": "itl_error_p50_ms",
            "err p99": "itl_error_p99_ms",
            "max": "itl_error_max_ms",
            "CPU": "cpu_s_per_1000_tokens",
        },
        "Stamps: how late (ms)": {
            "first p50": "first_stamp_error_p50_ms",
            "first p99": "first_stamp_error_p99_ms",
            "all p50": "stamp_error_p50_ms",
            "all p99": "stamp_error_p99_ms",
        },
    }
)


def readers_tables(readers: Mapping[str, Any]) -> Iterator[Table]:
    """A row a client and number of streams; medians over the runs. *of*: streams that it read whole."""
    counts = sorted({int(streams) for rows in readers.values() for streams in rows})
    for title, columns in TABLES.items():
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        table.add_column("streams", justify="right", no_wrap=True)
        table.add_column("client", no_wrap=True)
        for heading in ("of", *columns):
            table.add_column(heading, justify="right", no_wrap=True)
        for streams in counts:
            for name, rows in readers.items():
                if (row := rows.get(str(streams))) is not None:
                    share = row["compared"] / max(1, row["compared"] + row["incomplete"])
                    table.add_row(str(streams), name, f"{share:.0%}", *(shown(row[key]) for key in columns.values()))
            table.add_section()
        yield table


def headline(figures: Mapping[str, Figure]) -> dict[str, Figure]:
    """The figures that a terminal shows: of the errors only the 99th percentiles."""
    return {
        name: one for name, one in figures.items() if "_error_" not in name or ("_p99_" in name and "stamp" not in name)
    }
