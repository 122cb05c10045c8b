"""The examples are valid, and as large as they say."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.pages import SECRET
from touchstone.config_file import load_configuration

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_example_of_eighteen_clouds_is_valid() -> None:
    """Given its keys in the environment, the example loads: 18 providers, 90 clusters."""
    folder = EXAMPLES / "eighteen-clouds"
    names = {name for file in folder.rglob("*.yaml") for name in re.findall(r"\$\{(\w+)\}", file.read_text())}

    configuration = load_configuration(
        folder / "touchstone.yaml", dict.fromkeys(names, "a-key") | {"WEBHOOK_SECRET": SECRET}
    )

    assert len(configuration.fleet.providers) == 18
    assert len({place.cluster for place in configuration.fleet.places()}) == 90


def test_a_key_from_the_environment_is_not_shown_when_the_configuration_is_printed() -> None:
    """Secrets are SecretStr from the first moment."""
    folder = EXAMPLES / "eighteen-clouds"
    names = {name for file in folder.rglob("*.yaml") for name in re.findall(r"\$\{(\w+)\}", file.read_text())}

    configuration = load_configuration(
        folder / "touchstone.yaml", dict.fromkeys(names, "hunter2-hunter2") | {"WEBHOOK_SECRET": SECRET}
    )

    assert "hunter2" not in repr(configuration)
    assert "hunter2" not in configuration.model_dump_json()
