"""
Reads touchstone.yaml and the fleet files into one Configuration, or says everything that is wrong with them.

Every error is a Finding with file, line, column, dotted path, what was found and the nearest valid name. Values may
hold `${ENV_NAME}` (`$$` for a dollar); `*_file` keys name a file that holds a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError

from probes.subjects import subjects_at
from probes.token_count import load
from schemas.config import Configuration, Settings, Store, check_token
from schemas.destinations import Destination
from schemas.errors import ConfigurationError, Finding, TouchstoneError
from schemas.fleet import Auth, Fleet, Provider, Strict, Target
from schemas.objectives import Objective
from schemas.paging import Heartbeat, Paging
from schemas.private_address import literal_private
from schemas.probe_kinds import INTEGRITY_KINDS
from touchstone.settings_file import SettingsFile
from touchstone.yaml_document import Document, PathKey, read_document

SECRET_BYTES_MAX = 16_384
FLEET_FILES_MAX = 1_000

ModelT = TypeVar("ModelT", bound=BaseModel)

_HIDDEN: frozenset[PathKey] = frozenset({"bearer", "headers", "link_secret", "password", "secret", "token"})
_HIDDEN_OF_DESTINATIONS: frozenset[PathKey] = frozenset(
    name for kind in get_args(get_args(Destination)[0]) for name in (*kind.SECRETS, *kind.OPTIONAL_SECRETS)
)

_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>[^}]*)\})")
_VARIABLE_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")


def load_configuration(path: Path, environ: Mapping[str, str], *, probing: bool = False) -> Configuration:
    """
    The configuration in *path* and the fleet it names; raises ConfigurationError with every finding at once.

    *probing*: what only a machine needs that probes is looked at too, the files of tokenizers.
    """
    findings: list[Finding] = []
    settings_document = read_document(path, findings)
    settings = _validate(SettingsFile, settings_document, environ, findings) if settings_document else None
    fleet_documents = _read_fleet(path, settings_document, findings) if settings_document else []
    fleet = _merge_fleet(fleet_documents, environ, findings)
    if settings is not None and settings_document is not None:
        findings += _unknown_modules(settings, fleet_documents)
        settings = _with_secrets(settings, settings_document, findings)
        findings += _without_secret(settings, settings_document)
    if fleet is not None:
        fleet = _fleet_with_files(fleet, fleet_documents, findings)
        if probing:
            findings += _unusable_tokenizers(fleet, fleet_documents)
    if settings is not None and fleet is not None and not findings:
        findings += _meeting_grids(settings, fleet, fleet_documents)
        findings += _unpriced(settings, fleet, fleet_documents)
    if findings or settings is None or fleet is None:
        raise ConfigurationError(
            tuple(sorted(set(findings), key=lambda f: (f.file, f.line, f.column, f.path, f.message)))
        )
    return Configuration(settings=settings, fleet=fleet)


class Policy(Strict):
    """What is judged by: the sections `paging` and `objectives` of a file."""

    paging: Paging = Paging()
    objectives: tuple[Objective, ...] = ()


def load_policy(path: Path, environ: Mapping[str, str], otherwise: Policy) -> Policy:
    """
    The policy in *path*, with what it does not say as in *otherwise*; raises ConfigurationError with every finding.

    The file may be a whole touchstone.yaml: its other sections are not looked at.
    """
    findings: list[Finding] = []
    document = read_document(path, findings)
    policy = None
    if document is not None:
        others = SettingsFile.model_fields.keys() - Policy.model_fields.keys()
        document.value = {key: value for key, value in document.value.items() if key not in others}
        policy = _validate(Policy, document, environ, findings)
    if findings or policy is None:
        raise ConfigurationError(tuple(findings))
    return otherwise.model_copy(update={name: getattr(policy, name) for name in policy.model_fields_set})


def _read_fleet(path: Path, document: Document, findings: list[Finding]) -> list[Document]:
    """Every fleet file that the settings name: one file, or a folder's *.yaml and *.yml in order of name."""
    named = document.value.get("fleet", "fleet")
    if not isinstance(named, str):
        return []  # the settings' own validation reports it
    place = path.parent / named
    if place.is_dir():
        files = sorted(file for file in place.iterdir() if file.suffix in {".yaml", ".yml"} and file.is_file())
        if not files:
            findings.append(document.finding(("fleet",), f"the folder {place} holds no .yaml file"))
        if len(files) > FLEET_FILES_MAX:
            message = f"the folder {place} holds {len(files)} files; at most {FLEET_FILES_MAX}"
            findings.append(document.finding(("fleet",), message))
            files = files[:FLEET_FILES_MAX]
    elif place.exists():
        files = [place]
    else:
        findings.append(document.finding(("fleet",), f"no such file or folder: {place}"))
        files = []
    return [read for file in files if (read := read_document(file, findings)) is not None]


def _merge_fleet(documents: list[Document], environ: Mapping[str, str], findings: list[Finding]) -> Fleet | None:
    """One fleet of all files: providers and clusters are joined by name; a cluster defined twice is a finding."""
    providers: dict[str, Any] = {}
    cluster_home: dict[tuple[str, str], str] = {}
    valid = bool(documents)
    for document in documents:
        part = _validate(Fleet, document, environ, findings)
        if part is None:
            valid = False
            continue
        for provider_id, provider in part.providers.items():
            merged = providers.setdefault(provider_id, {"name": provider.name, "clusters": {}})
            merged["name"] = merged["name"] or provider.name
            findings += _merge_money(merged, provider, document, provider_id)
            for cluster_id, cluster in provider.clusters.items():
                key = (provider_id, cluster_id)
                if key in cluster_home:
                    path: tuple[PathKey, ...] = ("providers", provider_id, "clusters", cluster_id)
                    findings.append(document.finding(path, f"defined twice; first in {cluster_home[key]}"))
                    continue
                cluster_home[key] = document.file
                merged["clusters"][cluster_id] = cluster
    return Fleet.model_validate({"providers": providers}) if valid and providers else None


def _merge_money(merged: dict[str, Any], provider: Provider, document: Document, provider_id: str) -> Iterable[Finding]:
    """Take over a provider's budget and price; either may stand in one of its files only."""
    for key in ("budget", "price"):
        path: tuple[PathKey, ...] = ("providers", provider_id, key)
        if document.has(path):
            if key in merged:
                yield document.finding(path, "defined twice; it stands in another file of this provider too")
            merged[key] = getattr(provider, key)


def _unpriced(settings: Settings, fleet: Fleet, documents: list[Document]) -> Iterable[Finding]:
    """A finding for each budget of money that cannot be counted, because a target's tokens have no price."""
    for provider, budget in fleet.budgets().items():
        if budget.money_day is None:
            continue
        for place in fleet.places():
            asks = any(settings.modules[name].tokens_out is not None for name in place.target.modules)
            if place.provider == provider and place.price is None and asks:
                path: tuple[PathKey, ...] = ("providers", provider, "budget", "money_day")
                home = next(document for document in documents if document.has(path))
                yield home.finding(path, f"cannot be counted: neither the provider nor {place.id} has a price")


def _validate(
    model: type[ModelT], document: Document, environ: Mapping[str, str], findings: list[Finding]
) -> ModelT | None:
    expanded = _expand(document, document.value, environ, (), findings)
    try:
        return model.model_validate(expanded)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            findings.append(_finding_of(model, document, problem))
        return None


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


def _unknown_modules(settings: Settings, documents: list[Document]) -> Iterable[Finding]:
    """A finding for each module that a target names and the settings do not define."""
    for document in documents:
        for path, value in document.leaves():
            if len(path) < 2 or path[-2] != "modules" or not isinstance(value, str) or value in settings.modules:
                continue
            near = get_close_matches(value, list(settings.modules), n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(settings.modules))}"
            yield document.finding(path, f"no probe module is called {value!r}; {hint}")


def _without_secret(settings: Settings, document: Document) -> Iterable[Finding]:
    """A finding for each integrity module, when there is no secret to draw its prompts and its times from."""
    if settings.integrity.secret is not None or settings.integrity.secret_file is not None:
        return
    for name, module in settings.modules.items():
        if module.kind in INTEGRITY_KINDS:
            message = f"{module.kind} needs integrity.secret or integrity.secret_file"
            yield document.finding(("modules", name, "kind"), message)


def _meeting_grids(settings: Settings, fleet: Fleet, documents: list[Document]) -> Iterable[Finding]:
    """A finding for each target with two modules of one kind that cannot be kept from ticking together."""
    for place in fleet.places():
        try:
            subjects_at(place, settings.modules, settings.vantage.name, settings.integrity.secret)
        except ConfigurationError as error:
            provider, cluster, target = place.id.split("/")
            path = ("providers", provider, "clusters", cluster, "targets", target, "modules")
            home = next(document for document in documents if document.has(path))
            yield from (home.finding(path, finding.message) for finding in error.findings)


def _with_secrets(settings: Settings, document: Document, findings: list[Finding]) -> Settings:
    store = settings.store
    if password := _secret(store.password_file, document, ("store", "password_file"), findings):
        store = store.model_copy(update={"password": password})
    store = _with_readers_secret(store, document, findings)
    telemetry = settings.telemetry
    if bearer := _secret(telemetry.bearer_file, document, ("telemetry", "bearer_file"), findings):
        telemetry = telemetry.model_copy(update={"bearer": bearer})
    agent, collector = settings.agent, settings.collector
    if token := _token(agent.token_file, document, ("agent", "token_file"), findings):
        agent = agent.model_copy(update={"token": token})
    dashboard = settings.dashboard
    if token := _token(dashboard.token_file, document, ("dashboard", "token_file"), findings):
        dashboard = dashboard.model_copy(update={"token": token})
    tokens = {
        name: one.model_copy(update={"secret": _token(one.secret_file, document, path, findings) or one.secret})
        for name, one in collector.tokens.items()
        for path in [("collector", "tokens", name, "secret_file")]
    }
    collector = collector.model_copy(update={"tokens": tokens})
    if password := _secret(collector.state_password_file, document, ("collector", "state_password_file"), findings):
        collector = collector.model_copy(update={"state_password": password})
    integrity = settings.integrity
    if secret := _token(integrity.secret_file, document, ("integrity", "secret_file"), findings):
        integrity = integrity.model_copy(update={"secret": secret})
    paging = _paging_with_secrets(settings.paging, document, findings)
    parts = {"store": store, "agent": agent, "collector": collector, "dashboard": dashboard}
    return settings.model_copy(update=parts | {"telemetry": telemetry, "integrity": integrity, "paging": paging})


def _paging_with_secrets(paging: Paging, document: Document, findings: list[Finding]) -> Paging:
    """The destinations with the secrets that files hold, and the one that signs links; each judged once it is read."""
    destinations = {}
    for name, destination in paging.destinations.items():
        path: tuple[PathKey, ...] = ("paging", "destinations", name)
        read = _destination_with_secrets(destination, document, path, findings)
        destinations[name] = read
        host = read.host()
        why = literal_private(host) if host and not paging.private_addresses else None
        if why is not None:
            message = f"the host is {why}: nothing is sent there, unless paging.private_addresses is true"
            findings.append(document.finding(path, message))
    where = ("paging", "link_secret_file")
    if paging.link_secret is not None and paging.link_secret_file is not None:
        findings.append(document.finding(where, "link_secret and link_secret_file exclude each other; give one"))
    secret = _token(paging.link_secret_file, document, where, findings) or paging.link_secret
    heartbeat = _heartbeat_with_secret(paging.heartbeat, document, findings) if paging.heartbeat else None
    return paging.model_copy(update={"destinations": destinations, "link_secret": secret, "heartbeat": heartbeat})


def _heartbeat_with_secret(heartbeat: Heartbeat, document: Document, findings: list[Finding]) -> Heartbeat:
    path: tuple[PathKey, ...] = ("paging", "heartbeat")
    if (heartbeat.url is None) == (heartbeat.url_file is None):
        findings.append(document.finding(path, "give one of url and url_file"))
        return heartbeat
    url = _secret(heartbeat.url_file, document, (*path, "url_file"), findings) or heartbeat.url
    if url is not None and not url.get_secret_value().startswith(("http://", "https://")):
        findings.append(document.finding(path, "the URL does not begin with http:// or https://"))
    return heartbeat.model_copy(update={"url": url})


def _destination_with_secrets(
    destination: Destination, document: Document, path: tuple[PathKey, ...], findings: list[Finding]
) -> Destination:
    update: dict[str, SecretStr] = {}
    before = len(findings)
    for key in (*destination.SECRETS, *destination.OPTIONAL_SECRETS):
        file = getattr(destination, f"{key}_file")
        if file is not None and getattr(destination, key) is not None:
            findings.append(document.finding((*path, f"{key}_file"), f"{key} and {key}_file exclude each other"))
        elif secret := _secret(file, document, (*path, f"{key}_file"), findings):
            update[key] = secret
    read = destination.model_copy(update=update)
    if len(findings) == before:
        for key, problem in read.problems():
            where = (*path, f"{key}_file" if key in update else key) if key else path
            findings.append(document.finding(where, problem))
    return read


def _with_readers_secret(store: Store, document: Document, findings: list[Finding]) -> Store:
    embedded = store.embedded
    if embedded is None or embedded.reader is None:
        return store
    path: tuple[PathKey, ...] = ("store", "embedded", "reader")
    reader = embedded.reader
    if secret := _secret(reader.password_file, document, (*path, "password_file"), findings):
        reader = reader.model_copy(update={"password": secret})
    if reader.password is None and reader.password_file is None:
        findings.append(document.finding(path, "missing: 'password' or 'password_file' is needed here"))
    if reader.user == store.user:
        findings.append(
            document.finding(path, f"{reader.user!r} is the store's own user; give the reader another name")
        )
    return store.model_copy(update={"embedded": embedded.model_copy(update={"reader": reader})})


def _fleet_with_files(fleet: Fleet, documents: list[Document], findings: list[Finding]) -> Fleet:
    """The fleet with the secrets that files hold, and with its tokenizers found from wherever we are started."""
    providers: dict[str, Any] = {}
    for provider_id, provider in fleet.providers.items():
        clusters: dict[str, Any] = {}
        for cluster_id, cluster in provider.clusters.items():
            place: tuple[PathKey, ...] = ("providers", provider_id, "clusters", cluster_id, "targets")
            home = next((document for document in documents if document.has(place)), None)
            targets = {
                name: _target_with_files(target, home, (*place, name), findings) if home else target
                for name, target in cluster.targets.items()
            }
            clusters[cluster_id] = cluster.model_copy(update={"targets": targets})
        providers[provider_id] = provider.model_copy(update={"clusters": clusters})
    return fleet.model_copy(update={"providers": providers})


def _target_with_files(
    target: Target, document: Document, path: tuple[PathKey, ...], findings: list[Finding]
) -> Target:
    accounts = {
        name: _with_key(auth, document, (*path, "accounts", name), findings) for name, auth in target.accounts.items()
    }
    update: dict[str, Any] = {"auth": _with_key(target.auth, document, (*path, "auth"), findings), "accounts": accounts}
    if target.tokenizer is not None:
        update["tokenizer"] = str((Path(document.file).parent / target.tokenizer).absolute())
    return target.model_copy(update=update)


def _with_key(auth: Auth, document: Document, path: tuple[PathKey, ...], findings: list[Finding]) -> Auth:
    secret = _secret(auth.bearer_file, document, (*path, "bearer_file"), findings)
    return auth.model_copy(update={"bearer": secret}) if secret else auth


def _unusable_tokenizers(fleet: Fleet, documents: list[Document]) -> Iterable[Finding]:
    """A finding for each target whose tokenizer cannot be used here."""
    for place in fleet.places():
        if place.target.tokenizer is None:
            continue
        try:
            load(place.target.tokenizer)
        except TouchstoneError as error:
            provider, cluster, target = place.id.split("/")
            path = ("providers", provider, "clusters", cluster, "targets", target, "tokenizer")
            home = next(document for document in documents if document.has(path))
            yield home.finding(path, f"{home.at(path)!r} {error}")


def _secret(
    name: str | None, document: Document, path: tuple[PathKey, ...], findings: list[Finding]
) -> SecretStr | None:
    """The secret in the file *name* (relative to the document), stripped of white space at its ends."""
    if name is None:
        return None
    file = Path(document.file).parent / name
    try:
        with file.open("rb") as stream:
            content = stream.read(SECRET_BYTES_MAX + 1)
        text = content.decode().strip()
    except OSError as error:
        findings.append(document.finding(path, f"cannot read {file}: {error.strerror}"))
        return None
    except UnicodeDecodeError:
        findings.append(document.finding(path, f"{file} is not text"))
        return None
    if not text or len(content) > SECRET_BYTES_MAX:
        findings.append(document.finding(path, f"{file} is {'empty' if not text else 'too large for a secret'}"))
        return None
    if not text.isprintable():
        findings.append(document.finding(path, f"{file} holds more than one line, or a control character"))
        return None
    return SecretStr(text)


def _token(
    name: str | None, document: Document, path: tuple[PathKey, ...], findings: list[Finding]
) -> SecretStr | None:
    """As _secret, of a token that goes into a header."""
    secret = _secret(name, document, path, findings)
    if secret is not None:
        try:
            check_token(secret)
        except ValueError as error:
            findings.append(document.finding(path, str(error)))
    return secret


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
