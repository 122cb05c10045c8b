"""docker-compose.yml, its configuration and its images agree with the code; nothing is started."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import click
import pytest

from schemas.config import Configuration
from tests.support.compose import ROOT, SECRETS, Compose, Service
from touchstone.cli import application
from touchstone.config_file import load_configuration

COMPOSE = Compose()
OURS = sorted(COMPOSE.ours)
CONFIGURED = sorted(name for name, service in COMPOSE.ours.items() if service.settings)
DOCKERFILE = ROOT / "deploy" / "Dockerfile"


def instructions(text: str) -> list[list[str]]:
    """The words of every instruction of a Dockerfile, continuation lines joined."""
    joined = re.sub(r"\\\n", " ", text)
    return [line.split() for line in joined.splitlines() if line.strip() and not line.startswith("#")]


def configuration_of(service: Service, tmp_path: Path) -> Configuration:
    """What the service would read: its mounted files, its environment, and only the secrets it is granted."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in service.secrets:
        (secrets / name).write_text("whsec_c2VjcmV0LW9mLXRoZS10ZXN0cy10aGF0LWlzLWxvbmc=")
    for inside, outside in service.folders.items():
        for file in outside.rglob("*.yaml"):
            copy = tmp_path / inside.relative_to("/") / file.relative_to(outside)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(file.read_text().replace(str(SECRETS), str(secrets)))
    assert service.settings is not None
    return load_configuration(tmp_path / service.settings.relative_to("/"), service.environment)


def test_the_deployment_has_the_processes_of_the_design() -> None:
    """Store, collector, agent and dashboard; the receiver only when it is asked for."""
    profiles = {name: service.value.get("profiles", []) for name, service in COMPOSE.services.items()}

    assert profiles == {"clickhouse": [], "collect": [], "agent": [], "dashboard": [], "receiver": ["demo"]}


@pytest.mark.parametrize("name", OURS)
def test_a_command_line_is_one_that_touchstone_understands(name: str) -> None:
    """Its command exists, with every option and argument that is given; nothing is run."""
    program, *arguments = COMPOSE.ours[name].argv

    front = application.make_context(program, arguments)
    command_name, command, rest = application.resolve_command(front, [*front._protected_args, *front.args])

    assert isinstance(command, click.Command)
    command.make_context(command_name, rest, parent=front)


@pytest.mark.parametrize("name", CONFIGURED)
def test_the_mounted_configuration_is_valid(name: str, tmp_path: Path) -> None:
    """With the environment and the secrets that compose grants the service, and no others."""
    settings = configuration_of(COMPOSE.services[name], tmp_path).settings

    assert settings.store.embedded is None
    assert settings.store.password is not None
    assert not settings.simulated


@pytest.mark.parametrize("name", CONFIGURED)
def test_every_variable_of_the_configuration_is_set_and_every_one_set_is_used(name: str) -> None:
    """Neither a missing variable nor a forgotten one."""
    service = COMPOSE.services[name]
    files = [file for folder in service.folders.values() for file in folder.rglob("*.yaml")]
    used = {variable for file in files for variable in re.findall(r"\$\{(\w+)\}", file.read_text())}

    assert used == set(service.environment)


def test_every_secret_is_a_file_that_git_ignores() -> None:
    """Each granted secret is defined, and lies where nothing is ever committed."""
    defined = COMPOSE.value["secrets"]

    assert {secret for service in COMPOSE.services.values() for secret in service.secrets} == set(defined)
    assert {str(Path(secret["file"]).parent) for secret in defined.values()} == {"deploy/secrets"}
    assert (ROOT / "deploy/secrets/.gitignore").read_text().splitlines() == ["*", "!.gitignore"]
    assert (ROOT / "deploy/Dockerfile.dockerignore").read_text().splitlines()[1] == "*"


def test_ports_agree_with_the_settings(tmp_path: Path) -> None:
    """What one side listens on, the other side asks; published ports are loopback's."""
    settings = configuration_of(COMPOSE.services["collect"], tmp_path).settings
    collect, dashboard, receiver = (COMPOSE.services[name] for name in ("collect", "dashboard", "receiver"))

    assert (settings.collector.listen, set(collect.published)) == ("0.0.0.0:4318", {4318})
    assert (settings.dashboard.listen, set(dashboard.published)) == ("0.0.0.0:8501", {8501})
    assert settings.agent.collector_url == "http://collect:4318"
    assert settings.store.url == "http://clickhouse:8123"
    pages = urlsplit(collect.environment["TOUCHSTONE_PAGE_URL"])
    assert receiver.argv[receiver.argv.index("--listen") + 1] == f"0.0.0.0:{pages.port}"
    assert pages.hostname == "receiver"
    for service in COMPOSE.services.values():
        assert all(outside.startswith("127.0.0.1:") for outside in service.published.values()), service.name


@pytest.mark.parametrize(
    ("name", "port"), [("clickhouse", 8123), ("collect", 4318), ("dashboard", 8501), ("receiver", 9099)]
)
def test_health_is_asked_where_the_service_listens(name: str, port: int) -> None:
    """A health check on another port would always fail."""
    asked = " ".join(COMPOSE.services[name].value["healthcheck"]["test"])

    assert re.findall(r"127\.0\.0\.1\D+(\d+)", asked) == [str(port)]


def test_what_must_survive_a_restart_lies_in_a_volume(tmp_path: Path) -> None:
    """The ledger, the spool and the recorded pages are in named volumes, each of one process."""
    settings = configuration_of(COMPOSE.services["collect"], tmp_path).settings
    receiver = COMPOSE.services["receiver"]
    kept = {
        "collect": settings.collector.state,
        "agent": settings.agent.spool,
        "receiver": receiver.argv[receiver.argv.index("--file") + 1],
    }

    for name, file in kept.items():
        assert PurePosixPath(file).parent in COMPOSE.services[name].writable, name
    sources = [volume.split(":")[0] for s in COMPOSE.services.values() for volume in s.value.get("volumes", ())]
    named = [source for source in sources if not source.startswith(".")]
    assert sorted(named) == sorted(COMPOSE.value["volumes"])


def test_clickhouse_has_the_user_and_the_database_of_the_settings(tmp_path: Path) -> None:
    """The server is told the same names and the same password file."""
    store = configuration_of(COMPOSE.services["collect"], tmp_path).settings.store
    server = COMPOSE.services["clickhouse"]

    assert server.environment == {
        "CLICKHOUSE_DB": store.database,
        "CLICKHOUSE_USER": store.user,
        "CLICKHOUSE_PASSWORD_FILE": "/run/secrets/clickhouse_password",
    }
    assert server.secrets == ("clickhouse_password",)


def test_images_are_pinned_and_named_without_a_host() -> None:
    """A tag of a whole version; a first path component without a dot or a colon is no host."""
    bases = [words[1] for words in instructions(DOCKERFILE.read_text()) if words[0] == "FROM" and ":" in words[1]]
    assert bases

    for image in [COMPOSE.services["clickhouse"].value["image"], *bases]:
        name, tag = image.rsplit(":", 1)
        assert re.fullmatch(r"\d+\.\d+\.\d+(\.\d+)?(-[a-z]+)*", tag), image
        assert not re.search(r"[.:]", name.split("/")[0]), image


def test_every_image_is_a_target_of_the_dockerfile() -> None:
    """The agent and the receiver take the slim one; nothing runs as root."""
    words = instructions(DOCKERFILE.read_text())
    stages = [line[3] for line in words if line[0] == "FROM"]
    targets = {name: service.value["build"]["target"] for name, service in COMPOSE.ours.items()}

    assert targets == {"collect": "collector", "agent": "agent", "dashboard": "collector", "receiver": "agent"}
    assert set(targets.values()) <= set(stages)
    for service in COMPOSE.ours.values():
        assert ROOT / service.value["build"]["context"] / service.value["build"]["dockerfile"] == DOCKERFILE
    for target in set(targets.values()):
        start = words.index(["FROM", "base", "AS", target])
        stage = words[start : next((i for i in range(start + 1, len(words)) if words[i][0] == "FROM"), len(words))]
        assert ["USER", "10001:10001"] in stage


def test_what_the_dockerfile_copies_exists_and_reaches_the_build() -> None:
    """Each COPY source is in the repository and let through by the ignore file; stages it copies from exist."""
    words = instructions(DOCKERFILE.read_text())
    stages = {line[3] for line in words if line[0] == "FROM"}
    copies = [line[1:] for line in words if line[0] == "COPY"]
    let_through = {
        line[1:] for line in (ROOT / "deploy/Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")
    }

    assert {copy[0].removeprefix("--from=") for copy in copies if copy[0].startswith("--from=")} <= stages
    sources = {source for copy in copies if not copy[0].startswith("--") for source in copy[:-1]}
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in let_through, source
    assert {source.split("/")[0] for source in sources} == let_through


def test_the_images_hold_every_package_of_the_project() -> None:
    """A package that pyproject.toml installs is copied into the build."""
    found = re.search(r"^include = \[(.*)\]$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert found
    packages = {name.rstrip("*") for name in re.findall(r'"([^"]+)"', found[1])}

    copied = {line[1] for line in instructions(DOCKERFILE.read_text()) if line[0] == "COPY"}
    assert packages <= copied


@pytest.mark.parametrize("lock", ["agent", "up"])
def test_the_locks_hold_the_build_backend(lock: str) -> None:
    """The project is installed without build isolation, so its backend must come from the lock, with a hash."""
    names = {line.split("==")[0] for line in (ROOT / f"locks/{lock}.txt").read_text().splitlines() if "==" in line}

    assert "setuptools" in names
