"""
What a query would do, and whether it may, as the engine's own parser sees it.

chDB runs several statements in one text, writes files for INTO OUTFILE even when it is read-only, and reads any file of
this machine in `file()`; a ClickHouse server does none of that over HTTP. So every text is classified by the engine
before it runs, and whatever could name a file is looked at as a syntax tree.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from collector.storage.embedded.exceptions import failed

Tree = Callable[[], str]

# Of what could touch this machine's files or objects (table functions, functions, database and table engines).
_FORBIDDEN = frozenset(
    """
    file filecluster filesystem python executable executablepool sqlite iceberglocal icebergcluster deltalakelocal
    paimonlocal hudi url dictionary_file catboostevaluate
    """.split()  # noqa: SIM905 (a list of quoted names reads worse)
)
_ENGINES = frozenset(
    """
    atomic memory null log tinylog stripelog buffer set join merge view materializedview liveview distributed
    generaterandom keepermap embeddedrocksdb timeseries overlay lazy replicated alias
    """.split()  # noqa: SIM905
)
_SUSPECT = re.compile(r"file|python|\\|executable|sqlite|local|catboost|hudi", re.IGNORECASE)
_INSERT = re.compile(r"^\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*INSERT\s+INTO\s", re.IGNORECASE | re.DOTALL)
_FUNCTION = re.compile(r"^\s*Function (\S+)", re.MULTILINE)
_ENGINE = re.compile(r"^(\s*)Storage definition[^\n]*\n\1 Function (\S+)", re.MULTILINE)
_TOP_LITERAL = re.compile(r"^ Literal ", re.MULTILINE)
# What a reader may say beside questions: the engine's own readonly setting stands behind each.
_READER_SAYS = ("Set", "UseQuery", "CreateQuery")


class Kind(StrEnum):
    """What a statement does, in the engine's words."""

    READS = "READ_ONLY"
    WRITES = "MUTATING"
    WRITES_GLOBALLY = "MUTATING_GLOBAL"
    CONTROLS = "CONTROL"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Statement:
    """One classified text."""

    sql: str
    kind: Kind
    count: int

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.kind is Kind.READS

    @property
    def lasts(self) -> bool:
        """Whether it may leave something behind in the connection: a setting, a database, a temporary table."""
        return self.kind is Kind.CONTROLS


def is_insert(sql: str) -> bool:
    """Whether *sql* begins with INSERT INTO, comments aside."""
    return _INSERT.match(sql) is not None


def check(statement: Statement, *, reading: bool, tree: Tree) -> None:
    """
    Raise QueryFailed when *statement* must not run.

    *tree* gives its syntax tree (`EXPLAIN AST`); it is asked for only when it could matter. *reading* is for a user,
    or a request, that may only read.
    """
    if statement.count > 1:
        raise failed(62, "SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed)")
    if reading and statement.kind not in {Kind.READS, Kind.CONTROLS}:
        raise failed(164, "READONLY", "Cannot execute query in readonly mode")
    ordinary = statement.reads or is_insert(statement.sql)
    if ordinary and not _SUSPECT.search(statement.sql):
        return
    shown = tree()
    root = shown.partition("\n")[0].split(" ")[0]
    if reading and not statement.reads and root not in _READER_SAYS:
        raise failed(164, "READONLY", "Cannot execute query in readonly mode")
    _check_tree(root, shown)


def _check_tree(root: str, shown: str) -> None:
    if root in {"BackupQuery", "RestoreQuery"}:
        return  # the engine holds them to the folder of backups
    names_file = _TOP_LITERAL.search(shown) is not None
    if names_file and root == "InsertQuery":
        raise failed(27, "INCORRECT_QUERY", "INSERT ... FROM INFILE is not served: send the data as the body")
    if names_file and not root.startswith(("Kill", "Set", "System", "Alter", "Create", "Drop")):
        raise failed(1, "UNSUPPORTED_METHOD", "INTO OUTFILE is not allowed")
    for name in _FUNCTION.findall(shown):
        if name.lower() in _FORBIDDEN:
            raise failed(497, "ACCESS_DENIED", f"Not enough privileges: {name} is not served by the embedded store")
    for _, engine in _ENGINE.findall(shown):
        if engine.lower() not in _ENGINES and not engine.lower().endswith("mergetree"):
            raise failed(497, "ACCESS_DENIED", f"Not enough privileges: the engine {engine} is not served")
