"""Heartbeats as files: the last call of each target, and since when a receiver has been listening without a break."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator

from probes.reported_figures import reported_figures
from schemas.errors import TouchstoneError
from schemas.observation import DETAIL_CHARS_MAX

ALIVE_EVERY_S = 1.0
ALIVE_S_MAX = 10.0  # a receiver that has not said so for longer is taken for dead
ModelT = TypeVar("ModelT", bound=BaseModel)


class Call(BaseModel):
    """What the other side says in a call; nothing at all means that it is well."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)

    status: Literal["ok", "degraded", "failed"] = "ok"
    message: Annotated[str, Field(max_length=DETAIL_CHARS_MAX)] = ""
    figures: dict[str, float] = Field(default_factory=dict)

    @field_validator("figures")
    @classmethod
    def _fit_into_a_row(cls, figures: dict[str, float]) -> dict[str, float]:
        if lost := sorted(set(figures) - set(reported_figures(figures))):
            raise ValueError(f"{len(lost)} of {len(figures)} are too many, too large, or have no name of a figure")
        return figures


class Beat(Call):
    """A call as it was received."""

    received_at: AwareDatetime


class Watch(BaseModel):
    """A receiver's own word: it was listening at *alive*, and at every moment since *since*."""

    model_config = ConfigDict(frozen=True)

    since: AwareDatetime
    alive: AwareDatetime

    def at(self, now: datetime) -> Watch:
        """The same a moment later; a receiver that was stopped meanwhile begins anew."""
        gap = now - self.alive
        broken = not timedelta(0) <= gap <= timedelta(seconds=ALIVE_S_MAX)
        return Watch(since=now if broken else self.since, alive=now)


class HeartbeatFolder:
    """The files of one receiver; it writes them, the kind `heartbeat` reads them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._watch = path / "receiver.json"

    def keep_watch(self, watch: Watch) -> None:
        """Say that a receiver listens; raises OSError."""
        _write(self._watch, watch, durable=False)

    def keep_beat(self, target: str, beat: Beat) -> None:
        """Make *beat* the last call of *target*, on disk when this returns; raises OSError."""
        _write(self._file(target), beat, durable=True)

    def watch(self) -> Watch | None:
        """The receiver's own word; None when there never was one. Raises TouchstoneError for what cannot be read."""
        return _read(self._watch, Watch)

    def beat(self, target: str) -> Beat | None:
        """The last call of *target*; None when there never was one. Raises TouchstoneError for what cannot be read."""
        return _read(self._file(target), Beat)

    def _file(self, target: str) -> Path:
        return self._path / "calls" / f"{target}.json"  # a target's id is three names without a slash


def _write(file: Path, value: BaseModel, *, durable: bool) -> None:
    """Replace *file* at once: a reader sees the old or the new one, of what is *durable* after a power cut too."""
    file.parent.mkdir(parents=True, exist_ok=True)
    made = file.with_name(f"{file.name}.tmp")
    with made.open("wb") as stream:
        stream.write(value.model_dump_json().encode())
        if durable:
            stream.flush()
            os.fsync(stream.fileno())
    made.replace(file)


def _read(file: Path, model: type[ModelT]) -> ModelT | None:
    try:
        return model.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TouchstoneError(f"{file}: {error.strerror or error}") from error
    except ValidationError:
        raise TouchstoneError(f"{file} is no {model.__name__.lower()} of a heartbeat receiver") from None
