"""What every command shares: where the configuration is, how to print, and the clock."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from schemas.errors import ConfigurationError, Finding
from touchstone.system_clock import SystemClock
from touchstone.terminal import Terminal, legible

if TYPE_CHECKING:
    from schemas.config import Configuration

DEFAULT_CONFIG = Path("touchstone.yaml")


@dataclass
class Session:
    """One run of the command line."""

    config_path: Path | None = None
    clock: SystemClock = field(default_factory=SystemClock)

    @cached_property
    def out(self) -> Terminal:
        """Tables and answers."""
        return Terminal(highlight=False)

    @cached_property
    def err(self) -> Terminal:
        """Progress, notices and errors."""
        return Terminal(stderr=True, highlight=False)

    @cached_property
    def configuration(self) -> Configuration:
        """The configuration of this run; raises ConfigurationError with every finding."""
        return self._loaded(probing=False)

    @cached_property
    def probing_configuration(self) -> Configuration:
        """The same, with what only a machine needs that probes looked at too."""
        return self._loaded(probing=True)

    def _loaded(self, *, probing: bool) -> Configuration:
        from touchstone.config_file import load_configuration

        path = self.config_path or DEFAULT_CONFIG
        if not path.exists():
            hint = "give one with -c FILE or TOUCHSTONE_CONFIG; examples/eighteen-clouds/touchstone.yaml is a start"
            raise ConfigurationError((Finding(str(path), 0, 0, "", f"no such file; {hint}"),))
        return load_configuration(path, os.environ, probing=probing)

    def say(self, line: str) -> None:
        """A line on standard output, never wrapped or coloured; whoever is named in it steers no terminal."""
        click.echo(legible(line))

    def print_json(self, value: Any) -> None:
        """One JSON document on standard output, never wrapped or coloured."""
        click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode())


pass_session = click.make_pass_decorator(Session, ensure=True)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")
