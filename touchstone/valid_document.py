"""
A YAML document checked against a model, or a Finding for everything that is wrong with it.

Every Finding has file, line, column, dotted path, what was found and the nearest valid name. Values may hold
`${ENV_NAME}` (`$$` for a dollar); what came from there, and what is a secret, is not shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from schemas.destinations import Destination
from schemas.errors import Finding
from touchstone.yaml_document import Document, PathKey

ModelT = TypeVar("ModelT", bound=BaseModel)

_HIDDEN: frozenset[PathKey] = frozenset(
    {"bearer", "client_secret", "cookie_secret", "headers", "link_secret", "password", "secret", "token"}
)
_HIDDEN_OF_DESTINATIONS: frozenset[PathKey] = frozenset(
    name for kind in get_args(get_args(Destination)[0]) for name in (*kind.SECRETS, *kind.OPTIONAL_SECRETS)
)

_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>[^}]*)\})")
_VARIABLE_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")


def validated(
    model: type[ModelT], document: Document, environ: Mapping[str, str], findings: list[Finding]
) -> ModelT | None:
    """The value of *document* as a *model*; None, with what is wrong among *findings*, when it is none."""
    expanded = _expand(document, document.value, environ, (), findings)
    try:
        return model.model_validate(expanded)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        findings += [_finding_of(model, document, one) for one in problems if not _only_follows(one, problems)]
        return None


def _only_follows(problem: Any, others: Iterable[Any]) -> bool:
    """Whether a list is too short only because what stands in it is wrong, and is said to be."""
    loc = problem["loc"]
    return problem["type"] == "too_short" and any(
        len(other["loc"]) > len(loc) and other["loc"][: len(loc)] == loc for other in others
    )


def _finding_of(model: type[BaseModel], document: Document, problem: Any) -> Finding:
    """One pydantic problem, said in our words at the place in the file it is about."""
    path = _document_path(document, problem["loc"])
    kind, key = problem["type"], str(problem["loc"][-1]) if problem["loc"] else ""
    found = document.at(path)
    if kind == "extra_forbidden":
        near = get_close_matches(key, _known_keys(model, problem["loc"][:-1]), n=1, cutoff=0.6)
        hint = (
            f"; did you mean {near[0]!r}?"
            if near
            else f"; known here: {', '.join(_known_keys(model, problem['loc'][:-1]))}"
        )
        return document.finding(path, f"unknown key {key!r}{hint}", key=True)
    if kind == "missing":
        return document.finding(path, f"missing: {key!r} is needed here")
    if kind in {"literal_error", "enum"}:
        expected = str(problem["ctx"]["expected"])
        choices = re.findall(r"'([^']*)'", expected)
        near = get_close_matches(str(found), choices, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return document.finding(path, f"found {_show(document, path)}, expected {expected}{hint}")
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        return _tag_finding(document, path, problem)
    if problem["loc"] and problem["loc"][-1] == "[key]":
        return document.finding(path, f"the name {path[-1]!r} does not match {problem['ctx']['pattern']}", key=True)
    if kind in {"model_type", "dict_type", "tuple_type"}:
        wanted = "a list" if kind == "tuple_type" else "a mapping of keys to values"
        return document.finding(path, f"found {_show(document, path)}, expected {wanted}")
    if kind == "string_pattern_mismatch":
        return document.finding(
            path, f"found {_show(document, path)}, which does not match {problem['ctx']['pattern']}"
        )
    message = problem["msg"].removeprefix("Value error, ")
    if kind == "value_error" or isinstance(found, dict | list):
        return document.finding(path, message)
    return document.finding(path, f"{message[0].lower()}{message[1:]}; found {_show(document, path)}")


def _tag_finding(document: Document, path: tuple[PathKey, ...], problem: Any) -> Finding:
    expected = str(problem.get("ctx", {}).get("expected_tags", ""))
    tag_path = (*path, "kind")
    found = document.at(tag_path)
    if found is None:
        return document.finding(path, "missing: 'kind' is needed here")
    near = get_close_matches(str(found), re.findall(r"'([^']*)'", expected), n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return document.finding(tag_path, f"found {found!r}, expected one of {expected or 'the known kinds'}{hint}")


def _document_path(document: Document, loc: Iterable[int | str]) -> tuple[PathKey, ...]:
    """*loc* without the parts that pydantic adds (union tags, `[key]`), keeping the last one in any case."""
    path: tuple[PathKey, ...] = ()
    parts = list(loc)
    for index, part in enumerate(parts):
        if part == "[key]":
            continue
        last = index == len(parts) - 1
        if document.has((*path, part)) or (last and document.at(path) is not None):
            path = (*path, part)
    return path


def _known_keys(model: type[BaseModel], loc: Iterable[int | str]) -> list[str]:
    """The keys that are valid where *loc* leads, through models, dicts, tuples and tagged unions."""
    kinds: list[Any] = [model]
    for part in loc:
        kinds = [inner for kind in kinds for inner in _inner_types(kind, part)]
    models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return sorted({name for kind in models for name in kind.model_fields})


def _inner_types(kind: Any, part: int | str) -> list[Any]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        tag = kind.model_fields.get("kind")
        if part in kind.model_fields:
            return _unwrap(kind.model_fields[str(part)].annotation)
        if tag is not None and get_origin(tag.annotation) is Literal:  # the part is a union's tag
            return [kind] if part in get_args(tag.annotation) else []
        return []
    if get_origin(kind) in {dict, tuple}:
        arguments = get_args(kind)
        return _unwrap(arguments[1] if get_origin(kind) is dict else arguments[0])
    return []


def _unwrap(annotation: Any) -> list[Any]:
    """The alternatives inside Annotated and unions."""
    if get_origin(annotation) is Annotated:
        return _unwrap(get_args(annotation)[0])
    if get_origin(annotation) in {UnionType, Union}:
        return [inner for argument in get_args(annotation) for inner in _unwrap(argument)]
    return [annotation]


def _expand(
    document: Document, value: Any, environ: Mapping[str, str], path: tuple[PathKey, ...], findings: list[Finding]
) -> Any:
    """*value* with every `${NAME}` replaced; an unset or badly written variable is a finding."""
    if isinstance(value, dict):
        return {key: _expand(document, item, environ, (*path, key), findings) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(document, item, environ, (*path, i), findings) for i, item in enumerate(value)]
    if not isinstance(value, str) or "$" not in value:
        return value

    def replace(match: re.Match[str]) -> str:
        name = match["name"]
        if name is None:
            return "$"
        if not _VARIABLE_NAME.match(name):
            findings.append(document.finding(path, f"${{{name}}} is not the name of an environment variable"))
        elif name not in environ:
            near = get_close_matches(name, list(environ), n=1, cutoff=0.85)
            hint = f"; did you mean ${{{near[0]}}}?" if near else ""
            findings.append(document.finding(path, f"the environment variable {name} is not set{hint}"))
        else:
            document.secrets.add(path)
            return environ[name]
        return "unset"

    return _VARIABLE.sub(replace, value)


def _show(document: Document, path: tuple[PathKey, ...]) -> str:
    """What stands at *path*, short; a value that came from the environment or is a secret is not shown."""
    hidden = _HIDDEN | _HIDDEN_OF_DESTINATIONS if path[:2] == ("paging", "destinations") else _HIDDEN
    if path in document.secrets or any(part in hidden for part in path):
        return "a value that is not shown"
    found = document.at(path)
    if isinstance(found, dict | list):
        return "a mapping" if isinstance(found, dict) else "a list"
    shown = "nothing" if found is None else repr(found)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
