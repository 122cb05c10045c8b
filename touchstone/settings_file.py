"""The settings as they are read from a file: with the modules of every probe kind in the catalogue."""

from __future__ import annotations

from typing import Annotated, Any, Union, cast

from pydantic import Field, create_model

from probes.catalog import KINDS
from schemas.config import Settings
from schemas.fleet import Name

_Module: Any = Annotated[
    Union[tuple(kind.settings for kind in KINDS.values())],  # noqa: UP007 (made of the catalogue)
    Field(discriminator="kind"),
]

SettingsFile = cast(
    type[Settings],
    create_model("Settings", __base__=Settings, modules=(dict[Name, _Module], Field(min_length=1))),
)
