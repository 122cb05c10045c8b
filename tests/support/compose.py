"""A docker-compose.yml as the tests read it: services, their mounts and their command lines."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
SECRETS = PurePosixPath("/run/secrets")
_DEFAULTED = re.compile(r"\$\{\w+:[-?](?P<default>[^}]*)\}")


@dataclass(frozen=True)
class Service:
    """One service, with `${NAME:-default}` replaced by its default."""

    name: str
    value: dict[str, Any]

    @property
    def argv(self) -> list[str]:
        """The command line; empty when the image's own is used."""
        command = self.value.get("command", [])
        return shlex.split(command) if isinstance(command, str) else list(command)

    @property
    def environment(self) -> dict[str, str]:
        """What the process finds in its environment."""
        return {name: str(value) for name, value in self.value.get("environment", {}).items()}

    @property
    def secrets(self) -> tuple[str, ...]:
        """The names under /run/secrets."""
        return tuple(self.value.get("secrets", ()))

    @property
    def published(self) -> dict[int, str]:
        """Port inside the container -> `address:port` outside."""
        ports = (port.rsplit(":", 1) for port in self.value.get("ports", ()))
        return {int(inside): outside for outside, inside in ports}

    @property
    def folders(self) -> dict[PurePosixPath, Path]:
        """Folder in the container -> folder of this repository that is mounted there."""
        volumes = (volume.split(":") for volume in self.value.get("volumes", ()))
        return {PurePosixPath(parts[1]): ROOT / parts[0] for parts in volumes if parts[0].startswith(".")}

    @property
    def writable(self) -> tuple[PurePosixPath, ...]:
        """Folders in the container that are named volumes."""
        volumes = (volume.split(":") for volume in self.value.get("volumes", ()))
        return tuple(PurePosixPath(parts[1]) for parts in volumes if not parts[0].startswith("."))

    @property
    def settings(self) -> PurePosixPath | None:
        """The settings file that the command line names with -c."""
        return PurePosixPath(self.argv[self.argv.index("-c") + 1]) if "-c" in self.argv else None


@dataclass(frozen=True)
class Compose:
    """The whole file."""

    path: Path = ROOT / "docker-compose.yml"

    @cached_property
    def value(self) -> dict[str, Any]:
        """As YAML says it, defaults filled in."""
        text = self.path.read_text()
        loaded = yaml.safe_load(_DEFAULTED.sub(lambda found: found["default"], text))
        assert isinstance(loaded, dict)
        return loaded

    @cached_property
    def services(self) -> dict[str, Service]:
        """Every service by name."""
        return {name: Service(name, value) for name, value in self.value["services"].items()}

    @property
    def ours(self) -> dict[str, Service]:
        """The services that run the touchstone command."""
        return {name: service for name, service in self.services.items() if service.argv[:1] == ["touchstone"]}
