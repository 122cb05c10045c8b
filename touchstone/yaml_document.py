"""One YAML file with the place of everything in it: line and column of each key and value, duplicate keys found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from schemas.errors import Finding

FILE_BYTES_MAX = 32 * 1024 * 1024
NODES_MAX = 500_000
DEPTH_MAX = 64

PathKey = str | int
Place = tuple[int, int]  # line and column, from 1

_REFUSED_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("binary", "omap", "pairs", "set")}
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class Document:
    """A parsed file: plain values, and where each stands. *secrets* are paths whose value must not be shown."""

    file: str
    value: dict[str, Any]
    key_places: dict[tuple[PathKey, ...], Place] = field(default_factory=dict)
    value_places: dict[tuple[PathKey, ...], Place] = field(default_factory=dict)
    secrets: set[tuple[PathKey, ...]] = field(default_factory=set)

    def has(self, path: tuple[PathKey, ...]) -> bool:
        """Whether something stands at *path*."""
        return path in self.value_places

    def at(self, path: tuple[PathKey, ...]) -> Any:
        """What stands at *path*; None where nothing does."""
        value: Any = self.value
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def finding(self, path: tuple[PathKey, ...], message: str, *, key: bool = False) -> Finding:
        """A finding at *path*, or at its nearest parent that has a place; *key* points at the key, not the value."""
        places = self.key_places if key else self.value_places
        for length in range(len(path), -1, -1):
            if place := places.get(path[:length]) or self.value_places.get(path[:length]):
                return Finding(self.file, *place, dotted(path), message)
        return Finding(self.file, 0, 0, dotted(path), message)

    def leaves(self) -> Iterator[tuple[tuple[PathKey, ...], Any]]:
        """Every path with a value that is neither mapping nor list."""
        for path in self.value_places:
            value = self.at(path)
            if not isinstance(value, dict | list):
                yield path, value


def dotted(path: Iterable[PathKey]) -> str:
    """`providers.acme.clusters.0`, as people write it."""
    return ".".join(str(part) for part in path)


def read_document(file: Path, findings: list[Finding]) -> Document | None:
    """The document in *file*; None, with a finding, when it cannot be read as a YAML mapping."""
    try:
        return _parse(file, findings)
    except _Unreadable as error:
        findings.append(Finding(str(file), error.line, error.column, "", str(error)))
        return None


class _Unreadable(Exception):
    """The file as a whole cannot be used."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        self.line, self.column = line, column
        super().__init__(message)


def _parse(file: Path, findings: list[Finding]) -> Document:
    text = _read_text(file)
    try:
        _check_depth(text)
        loader = _Loader(text)
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "a syntax error"
        raise _Unreadable(f"not YAML: {problem}", *(_place(mark) if mark else (0, 0))) from error
    except (yaml.YAMLError, ValueError) as error:  # a control character, a surrogate
        raise _Unreadable(f"not YAML: {' '.join(str(error).split())[:200]}") from error
    if root is None:
        raise _Unreadable("is empty; settings need `version: 1` and `modules`, a fleet file needs `providers`", 1, 1)
    document = Document(str(file), {})
    value = _Builder(document, loader, findings).build(root, ())
    if not isinstance(value, dict):
        raise _Unreadable(f"holds {_kind_of(value)}, expected a mapping of keys to values", *_place(root.start_mark))
    document.value = value
    return document


def _read_text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(FILE_BYTES_MAX + 1)
        if len(content) > FILE_BYTES_MAX:
            raise _Unreadable(f"larger than {FILE_BYTES_MAX // 2**20} MiB")
        return content.decode()
    except OSError as error:
        raise _Unreadable(f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _Unreadable(f"is not UTF-8 text (byte {error.start})") from error


def _check_depth(text: str) -> None:
    """Refuse deep nesting by its events, before the composer recurses into it."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH_MAX:
            raise _Unreadable(f"nested deeper than {DEPTH_MAX} levels", *_place(event.start_mark))


class _Builder:
    """Turns YAML nodes into plain values and notes where each stands."""

    def __init__(self, document: Document, loader: Any, findings: list[Finding]) -> None:
        self._document, self._loader, self._findings = document, loader, findings
        self._nodes = 0

    def build(self, node: Any, path: tuple[PathKey, ...]) -> Any:
        self._nodes += 1
        if self._nodes > NODES_MAX:
            raise _Unreadable(f"holds more than {NODES_MAX} values (aliases count each time)")
        if len(path) > DEPTH_MAX:
            raise _Unreadable(f"nested deeper than {DEPTH_MAX} levels")
        self._document.value_places[path] = _place(node.start_mark)
        if not node.tag.startswith("tag:yaml.org,2002:") or node.tag in _REFUSED_TAGS or ":python" in node.tag:
            self._wrong(node, path, f"the tag {node.tag} is not supported")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, i)) for i, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: tuple[PathKey, ...]) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._wrong(key_node, path, "a key must be plain text")
                continue
            key = str(key_node.value)
            if key == "<<":
                self._wrong(key_node, path, "merge keys (<<) are not supported; write the values out")
                continue
            if key in built:
                line, _ = self._document.key_places[(*path, key)]
                self._wrong(key_node, (*path, key), f"duplicate key {key!r}; first on line {line}")
                continue
            self._document.key_places[(*path, key)] = _place(key_node.start_mark)
            built[key] = self.build(value_node, (*path, key))
        return built

    def _scalar(self, node: yaml.ScalarNode, path: tuple[PathKey, ...]) -> Any:
        if node.tag == "tag:yaml.org,2002:timestamp":
            return node.value
        try:
            return self._loader.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            self._wrong(node, path, f"not a value: {' '.join(str(error).split())[:120]}")
            return None

    def _wrong(self, node: Any, path: tuple[PathKey, ...], message: str) -> None:
        line, column = _place(node.start_mark)
        self._findings.append(Finding(self._document.file, line, column, dotted(path), message))


def _place(mark: Any) -> Place:
    return mark.line + 1, mark.column + 1


def _kind_of(value: Any) -> str:
    if isinstance(value, list):
        return "a list"
    return f"the value {str(value)[:40]!r}"
