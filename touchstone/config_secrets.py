"""Secrets that files hold, read into the settings and the fleet; `*_file` keys name them, relative to the document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from schemas.config import Settings, Store, check_token
from schemas.destinations import Destination
from schemas.errors import Finding
from schemas.fleet import Auth, Fleet, Target
from schemas.login import Login
from schemas.paging import Heartbeat, Paging
from schemas.private_address import literal_private
from touchstone.yaml_document import Document, PathKey

SECRET_BYTES_MAX = 16_384


def settings_with_secrets(settings: Settings, document: Document, findings: list[Finding]) -> Settings:
    """The settings with every secret that a file holds, each judged once it is read."""
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
    if dashboard.login is not None:
        login = _login_with_secrets(dashboard.login, document, findings)
        dashboard = dashboard.model_copy(update={"login": login})
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


def _login_with_secrets(login: Login, document: Document, findings: list[Finding]) -> Login:
    """The login with both of its secrets: half of a login would let nobody in, or anybody."""
    path: tuple[PathKey, ...] = ("dashboard", "login")
    for key in ("client_secret", "cookie_secret"):
        file = getattr(login, f"{key}_file")
        if secret := _secret(file, document, (*path, f"{key}_file"), findings):
            login = login.model_copy(update={key: secret, f"{key}_file": None})
        elif file is None and getattr(login, key) is None:
            findings.append(document.finding(path, f"missing: {key!r} or '{key}_file' is needed here"))
    if problem := login.problem_of_cookie_secret():
        findings.append(document.finding((*path, "cookie_secret_file"), problem))
    return login


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


def fleet_with_files(fleet: Fleet, documents: list[Document], findings: list[Finding]) -> Fleet:
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
