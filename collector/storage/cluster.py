"""
The numbered SQL on a ClickHouse cluster, rendered from the very text that a single server gets.

A table with a column `provider` is dealt out by it: `NAME_local` (Replicated...) holds a shard's rows, `NAME`
(Distributed) is what everybody reads and writes. A table without one is small, and stands whole on every server.
Migrations are written for one server and never say ON CLUSTER; their checksums are of what is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from schemas.config import Store
from schemas.errors import StoreRejected

SHARD_COLUMN = "provider"
SHARDED_BY = f"cityHash64({SHARD_COLUMN})"
DEDUPLICATION_ROWS = 10_000  # inserts of which a replicated table knows the tokens
DEDUPLICATION_S = 604_800
DDL_S = 60  # shorter than the driver waits for an answer, so that it is told which server did not follow

_CREATE = re.compile(r"CREATE TABLE IF NOT EXISTS (?P<name>[\w.]+)\s*(?P<rest>[(A].*)", re.DOTALL)
_DROP = re.compile(r"DROP TABLE IF EXISTS (?P<name>[\w.]+)(?: SYNC)?", re.DOTALL)
_ALTER = re.compile(r"ALTER TABLE (?P<name>[\w.]+)\s+(?P<commands>.+)", re.DOTALL)
_INSERT = re.compile(r"INSERT INTO [\w.]+[\s(]", re.DOTALL)
_DATABASE = re.compile(r"CREATE DATABASE IF NOT EXISTS (?P<name>\w+)")
_ENGINE = re.compile(r"\bENGINE\s*=\s*(?P<kind>\w*MergeTree)(?:\((?P<arguments>[^)]*)\))?")
_WINDOW = re.compile(r"\bnon_replicated_deduplication_window\s*=\s*\d+")
_VERB = re.compile(r"[A-Z]{3,}\b")
_OF_COLUMNS = re.compile(r"(?:ADD|DROP|MODIFY|ALTER|RENAME|CLEAR|COMMENT) COLUMN\b")
_OF_SETTINGS = re.compile(r"(?:MODIFY|RESET) SETTING\b")
_ALTER_IDEMPOTENT = re.compile(
    r"(?:ADD|DROP|CLEAR|RENAME|MATERIALIZE|COMMENT|ALTER) \w+ IF (?:NOT )?EXISTS\b"
    r"|(?:MODIFY|MATERIALIZE) \w+|RESET SETTING\b"
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster by its name in the servers' `remote_servers`, and the tables that are dealt out over its shards."""

    name: str
    sharded: frozenset[str]
    sharded_by: str = SHARDED_BY

    @classmethod
    def of(cls, name: str, statements: Iterable[str]) -> Cluster:
        """The cluster on which *statements* (for one server) are run: what they create says what is dealt out."""
        created = (_CREATE.fullmatch(statement) for statement in statements)
        return cls(name, frozenset(one["name"] for one in created if one and _has_provider(one["rest"])))

    def rendered(self, statement: str) -> list[str]:
        """*statement*, written for one server, as what the cluster is told, in order; raises StoreRejected."""
        if found := _CREATE.fullmatch(statement):
            return self._create(found["name"], found["rest"])
        if found := _ALTER.fullmatch(statement):
            return self._alter(found["name"], found["commands"])
        if found := _DROP.fullmatch(statement):
            return self._drop(found["name"])
        if found := _DATABASE.fullmatch(statement):
            return [f"CREATE DATABASE IF NOT EXISTS {found['name']} {self._everywhere}"]
        if _INSERT.match(statement):
            return [statement]
        raise StoreRejected(f"cannot be run on a cluster, or not twice: {' '.join(statement.split())[:120]}")

    @property
    def _everywhere(self) -> str:
        return f"ON CLUSTER {self.name}"

    def _create(self, name: str, rest: str) -> list[str]:
        if name not in self.sharded:
            body = _replicated(rest, f"/clickhouse/tables/all/{_path(name)}", "{shard}-{replica}")
            return [f"CREATE TABLE IF NOT EXISTS {name} {self._everywhere}\n{body}"]
        local = f"{name}_local"
        body = _replicated(rest, f"/clickhouse/tables/{{shard}}/{_path(local)}", "{replica}")
        database, _, table = local.rpartition(".")
        return [
            f"CREATE TABLE IF NOT EXISTS {local} {self._everywhere}\n{body}",
            f"CREATE TABLE IF NOT EXISTS {name} {self._everywhere} AS {local}\n"
            f"ENGINE = Distributed('{self.name}', '{database}', '{table}', {self.sharded_by})",
        ]

    def _alter(self, name: str, commands: str) -> list[str]:
        """The tables that hold rows, then what is asked; settings alone, since no replica passes them on."""
        parts = _commands(_WINDOW.sub(_window, commands))
        for part in parts:
            if not _ALTER_IDEMPOTENT.match(part):
                raise StoreRejected(f"cannot be run twice: ALTER TABLE {name} {' '.join(part.split())[:100]}")
        settings = [part for part in parts if _OF_SETTINGS.match(part)]
        data = [part for part in parts if not _OF_SETTINGS.match(part)]
        columns = [part for part in data if _OF_COLUMNS.match(part)]
        if name in self.sharded:
            steps = [(f"{name}_local {self._everywhere}", data), (f"{name} {self._everywhere}", columns)]
        else:
            steps = [(name, data)]  # one replica of all: it tells the others, on whichever shard they stand
        steps.append((f"{name}{'_local' if name in self.sharded else ''} {self._everywhere}", settings))
        return [f"ALTER TABLE {where}\n    " + ",\n    ".join(some) for where, some in steps if some]

    def _drop(self, name: str) -> list[str]:
        names = [name, f"{name}_local"] if name in self.sharded else [name]
        return [f"DROP TABLE IF EXISTS {one} {self._everywhere} SYNC" for one in names]


def split_at_commas(text: str) -> list[str]:
    """*text* at its commas, those within brackets and quotes left alone."""
    parts, depth, quote, start = [], 0, "", 0
    for i, c in enumerate(text):
        if quote:
            quote = "" if c == quote and text[i - 1] != "\\" else quote
        elif c in "'`\"":
            quote = c
        elif c in "([":
            depth += 1
        elif c in ")]":
            depth -= 1
        elif c == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return [*parts, text[start:]]


def _commands(text: str) -> list[str]:
    """The commands of an ALTER TABLE; what begins with no verb goes on listing what the one before began."""
    commands: list[str] = []
    for part in (one.strip() for one in split_at_commas(text)):
        if commands and not _VERB.match(part):
            commands[-1] += f", {part}"
        else:
            commands.append(part)
    return commands


def writing(store: Store) -> dict[str, Any]:
    """
    The settings of an insert: acknowledged is on disk at its shard, on most of its replicas; nothing on one server.

    Without `distributed_foreground_insert` a row is acknowledged when it waits in a queue of the server that was asked.
    Without a quorum a replica that dies takes what it alone had, and a read that goes to another misses it.
    """
    if store.cluster is None:
        return {}
    return {
        "distributed_foreground_insert": 1,
        "insert_quorum": "auto",
        "insert_quorum_parallel": 0,
        "parallel_distributed_insert_select": 2,
    }


def reading(store: Store) -> dict[str, Any]:
    """
    The settings of a read that decides: what was acknowledged is in it, or it fails; nothing on one server.

    A shard that does not answer fails the read (`skip_unavailable_shards`): half the facts are no facts.
    """
    if store.cluster is None:
        return {}
    return {"select_sequential_consistency": 1, "skip_unavailable_shards": 0, "optimize_skip_unused_shards": 1}


def defining(store: Store) -> dict[str, Any]:
    """The settings of a definition: it returns when every server has followed, or says which did not."""
    if store.cluster is None:
        return {}
    return {"distributed_ddl_task_timeout": DDL_S, "distributed_ddl_output_mode": "throw", "alter_sync": 2}


def processes(store: Store) -> str:
    """Where the running queries of all servers are seen."""
    return f"clusterAllReplicas('{store.cluster}', system.processes)" if store.cluster else "system.processes"


def _has_provider(rest: str) -> bool:
    """Whether the definition *rest* of a table has a column by which it can be dealt out."""
    if not rest.startswith("("):
        return False
    depth = 0
    for i, c in enumerate(rest):
        depth += (c == "(") - (c == ")")
        if depth == 0:
            return any(part.split()[:1] == [SHARD_COLUMN] for part in split_at_commas(rest[1:i]))
    return False


def _replicated(rest: str, path: str, replica: str) -> str:
    """The definition with its engine replicated and the window of its tokens kept in Keeper."""
    found = _ENGINE.search(rest)
    if found is None or not rest.startswith("("):
        raise StoreRejected(
            f"cannot be on a cluster without its columns and a MergeTree: {' '.join(rest.split())[:100]}"
        )
    arguments = ", ".join([f"'{path}'", f"'{replica}'", *filter(None, [found["arguments"]])])
    engine = f"ENGINE = Replicated{found['kind']}({arguments})"
    return _WINDOW.sub(_window, rest[: found.start()] + engine + rest[found.end() :])


def _window(_: re.Match[str]) -> str:
    return (
        f"replicated_deduplication_window = {DEDUPLICATION_ROWS}, "
        f"replicated_deduplication_window_seconds = {DEDUPLICATION_S}"
    )


def _path(name: str) -> str:
    return name.replace(".", "/")
