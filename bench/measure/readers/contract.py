"""What the bench needs of a client: how to start it, and how to read what it left."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from bench.measure.stamps import Reading

TOKENIZER = Path(__file__).resolve().parents[3] / ".bench" / "tiny-model"
FIRST_TOKEN = re.compile(r"(\d+)\.0@\d+~\d+")


@dataclass(frozen=True, slots=True)
class Load:
    """*requests* streams of *tokens* tokens from the server at *port*, *streams* of them open at a time."""

    port: int
    streams: int
    requests: int
    tokens: int

    @property
    def url(self) -> str:
        """Where the server listens."""
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class Reader:
    """
    One client. *absent* installs it where it can, and says why it is not there.

    *command* is run in an empty folder; *readings* reads what it left there, as one or more series, given what to add
    to wall time (ns) to have monotonic time.
    """

    name: str
    absent: Callable[[], str | None]
    version: Callable[[], str]
    command: Callable[[Load], Sequence[str]]
    readings: Callable[[Path, int], Mapping[str, Sequence[Reading]]]
    environ: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    is_peer: bool = True


def stream_number(text: str) -> str:
    """The number of the stream that an answer's text came in; "" when it does not say."""
    found = FIRST_TOKEN.search(text)
    return found[1] if found else ""


def no_tokenizer() -> str | None:
    """Why the benchmark tools cannot run here; None when they can."""
    return None if (TOKENIZER / ".made").exists() else "no tokenizer in .bench/tiny-model: run `make engine-install`"
