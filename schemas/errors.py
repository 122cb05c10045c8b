"""
Every error Touchstone raises on purpose.

    TouchstoneError
    ├── ConfigurationError      the user's files are wrong (exit 2); carries every Finding at once
    ├── WireError               an OTLP body or span that cannot be read; names what and where
    │   ├── BodyError           a body that is broken in itself, so that none of its spans can be trusted
    │   ├── OutOfOrder          a batch that came without the one that must be taken before it (retried by the sender)
    │   └── SpanRejected        a span that is read, and is no observation; says why by name
    ├── SpoolError              the agent's spool cannot be opened, or is full
    ├── BudgetError             the agent's ledger of budgets cannot be used
    ├── ExportError             a file cannot be made on this machine; says what is missing
    ├── DeliveryError           a batch or a page could not be handed over (retried by the caller)
    └── StoreError
        ├── StoreUnavailable    the store does not answer (retried by the caller)
        ├── StoreRejected       the store answered, and said no (a bug or a bad query; not retried)
        └── StoreLocked         another process holds the embedded store's folder

What a *provider* does wrong is never an error: it is an Observation with an outcome and a reason.
"""

from __future__ import annotations

from dataclasses import dataclass


class TouchstoneError(Exception):
    """Any error raised on purpose; the message is fit for a user and holds no secret."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong in a configuration file. Line and column count from 1; 0 where unknown."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"


class ConfigurationError(TouchstoneError):
    """The configuration is wrong; *findings* lists everything that is, not only the first."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = findings
        super().__init__("\n".join(str(finding) for finding in findings))


class WireError(TouchstoneError):
    """A body on the wire cannot be read as observations."""


class BodyError(WireError):
    """A body is broken in itself."""


class OutOfOrder(WireError):
    """A batch cannot be taken before the one that it comes after."""


class SpanRejected(WireError):
    """A span is no observation; *why* is the name under which it is counted."""

    def __init__(self, why: str, message: str) -> None:
        self.why = why
        super().__init__(message)


class SpoolError(TouchstoneError):
    """The agent's spool cannot be used."""


class BudgetError(TouchstoneError):
    """The ledger of what was spent of each budget cannot be used."""


class ExportError(TouchstoneError):
    """A file cannot be made on this machine."""


class DeliveryError(TouchstoneError):
    """Something could not be handed over now; *retry_after_s* is the receiver's wish, if it said one."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class StoreError(TouchstoneError):
    """Anything about the store."""


class StoreUnavailable(StoreError):
    """The store does not answer, or answers that it cannot now."""


class StoreRejected(StoreError):
    """The store understood the query and refused it."""


class StoreLocked(StoreError):
    """Another process holds the embedded store's folder."""
