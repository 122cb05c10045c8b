"""
Reads touchstone.yaml, the fleet and the contracts that it names into one Configuration, or says all that is wrong.

What is wrong within a file is found in valid_document.py, what is wrong between files here; secrets that files hold are
read in config_secrets.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from probes.subjects import subjects_at
from probes.token_count import load
from schemas.config import Configuration, Settings
from schemas.contract import Contract, Contracts
from schemas.errors import ConfigurationError, Finding, TouchstoneError
from schemas.fleet import Fleet, Provider, Strict
from schemas.objectives import Objective
from schemas.paging import Paging
from schemas.probe_kinds import INTEGRITY_KINDS
from touchstone.config_secrets import fleet_with_files, settings_with_secrets
from touchstone.settings_file import SettingsFile
from touchstone.valid_document import validated
from touchstone.yaml_document import Document, PathKey, read_document

FILES_MAX = 1_000


def load_configuration(path: Path, environ: Mapping[str, str], *, probing: bool = False) -> Configuration:
    """
    The configuration in *path* and the fleet it names; raises ConfigurationError with every finding at once.

    *probing*: what only a machine needs that probes is looked at too, the files of tokenizers.
    """
    findings: list[Finding] = []
    settings_document = read_document(path, findings)
    settings = validated(SettingsFile, settings_document, environ, findings) if settings_document else None
    fleet_documents = _read_files(path, settings_document, "fleet", "fleet", findings) if settings_document else []
    contract_documents = _read_files(path, settings_document, "contracts", None, findings) if settings_document else []
    fleet = _merge_fleet(fleet_documents, environ, findings)
    contracts = _merge_contracts(contract_documents, environ, findings)
    if settings is not None and settings_document is not None:
        findings += _unknown_modules(settings, fleet_documents)
        settings = settings_with_secrets(settings, settings_document, findings)
        findings += _without_secret(settings, settings_document)
    if fleet is not None:
        fleet = fleet_with_files(fleet, fleet_documents, findings)
        if probing:
            findings += _unusable_tokenizers(fleet, fleet_documents)
    if settings is not None and settings_document is not None and fleet is not None and not findings:
        findings += _meeting_grids(settings, fleet, fleet_documents)
        findings += _unpriced(settings, fleet, fleet_documents)
        findings += _covers_nothing(contracts, fleet, contract_documents)
        findings += _reports_astray(settings, fleet, settings_document)
    if findings or settings is None or fleet is None:
        raise ConfigurationError(
            tuple(sorted(set(findings), key=lambda f: (f.file, f.line, f.column, f.path, f.message)))
        )
    return Configuration(settings=settings, fleet=fleet, contracts=contracts)


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
        policy = validated(Policy, document, environ, findings)
    if findings or policy is None:
        raise ConfigurationError(tuple(findings))
    return otherwise.model_copy(update={name: getattr(policy, name) for name in policy.model_fields_set})


def _read_files(
    path: Path, document: Document, key: str, otherwise: str | None, findings: list[Finding]
) -> list[Document]:
    """Every file that the setting *key* names: one file, or a folder's *.yaml and *.yml in order of name."""
    named = document.value.get(key, otherwise)
    if not isinstance(named, str):
        return []  # the settings' own validation reports it
    place = path.parent / named
    if place.is_dir():
        files = sorted(file for file in place.iterdir() if file.suffix in {".yaml", ".yml"} and file.is_file())
        if not files:
            findings.append(document.finding((key,), f"the folder {place} holds no .yaml file"))
        if len(files) > FILES_MAX:
            message = f"the folder {place} holds {len(files)} files; at most {FILES_MAX}"
            findings.append(document.finding((key,), message))
            files = files[:FILES_MAX]
    elif place.exists():
        files = [place]
    else:
        findings.append(document.finding((key,), f"no such file or folder: {place}"))
        files = []
    return [read for file in files if (read := read_document(file, findings)) is not None]


def _merge_fleet(documents: list[Document], environ: Mapping[str, str], findings: list[Finding]) -> Fleet | None:
    """One fleet of all files: providers and clusters are joined by name; a cluster defined twice is a finding."""
    providers: dict[str, Any] = {}
    cluster_home: dict[tuple[str, str], str] = {}
    valid = bool(documents)
    for document in documents:
        part = validated(Fleet, document, environ, findings)
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
    """Take over a provider's budget, price and currency; each may stand in one of its files only."""
    for key in ("budget", "price", "currency"):
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


def _merge_contracts(
    documents: list[Document], environ: Mapping[str, str], findings: list[Finding]
) -> dict[str, Contract]:
    """The contracts of all files by provider; one defined twice is a finding."""
    merged: dict[str, Contract] = {}
    home: dict[str, str] = {}
    for document in documents:
        part = validated(Contracts, document, environ, findings)
        for provider, contract in part.contracts.items() if part is not None else ():
            if provider in merged:
                findings.append(document.finding(("contracts", provider), f"defined twice; first in {home[provider]}"))
            merged[provider], home[provider] = contract, document.file
    return merged


def _covers_nothing(contracts: Mapping[str, Contract], fleet: Fleet, documents: list[Document]) -> Iterable[Finding]:
    """A finding for each pattern of a contract in force that matches no target of its provider."""
    for provider, contract in contracts.items():
        path: tuple[PathKey, ...] = ("contracts", provider)
        home = next(document for document in documents if document.has(path))
        places = [place.id for place in fleet.places() if place.provider == provider]
        last = len(contract.versions) - 1
        if not places and contract.versions[last].ends is None:
            near = get_close_matches(provider, list(fleet.providers), n=1, cutoff=0.6)
            hint = f"; did you mean {near[0]!r}?" if near else "; a contract that is over needs its end (ends)"
            yield home.finding(path, f"the fleet has no provider {provider!r}{hint}", key=True)
            continue
        for number, commitment in enumerate(contract.versions[last].commitments if places else ()):
            for index, pattern in enumerate(commitment.covers):
                if not any(fnmatchcase(place, pattern) for place in places):
                    where = (*path, "versions", last, "commitments", number, "covers", index)
                    yield home.finding(where, f"{pattern!r} matches no target of {provider}, like {places[0]!r}")


def _reports_astray(settings: Settings, fleet: Fleet, document: Document) -> Iterable[Finding]:
    """A finding for each provider of a report that the fleet does not have, and for each place that is none."""
    for number, report in enumerate(settings.reports):
        for index, name in enumerate(report.providers):
            if name not in fleet.providers:
                path: tuple[PathKey, ...] = ("reports", number, "providers", index)
                yield document.finding(path, f"the fleet has no provider {name!r}{_nearest(name, fleet.providers)}")
        if report.to.destination is not None:
            kind, name = report.to.destination
            known = [each for each, one in settings.paging.destinations.items() if one.kind == kind]
            if name not in known:
                hint = _nearest(name, known) or f"; known: {', '.join(sorted(known)) or 'none'}"
                path = ("reports", number, "to", kind)
                yield document.finding(path, f"no destination of the kind {kind} is called {name!r}{hint}")


def _nearest(name: str, known: Iterable[str]) -> str:
    """The name that was meant, where one is near."""
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


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
