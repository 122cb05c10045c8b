"""The examples are valid, and as large as they say."""

from __future__ import annotations

import re
from math import inf
from pathlib import Path

from schemas.fleet import Cluster, Fleet, Price, Provider
from schemas.probe_kinds import INTEGRITY_KINDS
from tests.support.pages import SECRET
from touchstone.config_file import load_configuration
from touchstone.probe_plan import plan

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


def test_the_example_of_the_integrity_probes_has_each_of_them_and_costs_little() -> None:
    """Every kind on one target; some 20,000 tokens a day for all of them, and nothing of it noticed or claimed."""
    environ = {"TOUCHSTONE_PROMPTS": "a-secret-that-nobody-knows", "ACME_KEY": "k"}
    configuration = load_configuration(EXAMPLES / "integrity" / "touchstone.yaml", environ)
    modules = configuration.settings.modules
    (place,) = configuration.fleet.places()
    alone = {name: module for name, module in modules.items() if module.kind in INTEGRITY_KINDS}
    target = place.target.model_copy(update={"modules": tuple(alone)})
    cluster = Cluster(targets={"chat": target})
    fleet = Fleet(providers={"acme": Provider(clusters={"us-east": cluster}, price=Price(tokens_in=1, tokens_out=1))})
    (day,) = plan(configuration.model_copy(update={"fleet": fleet}))

    assert set(place.target.modules) == set(modules)
    assert {module.kind for module in alone.values()} == INTEGRITY_KINDS
    assert 70 < day.probes < 80
    assert 15_000 < day.tokens_in + day.tokens_out < 25_000
    assert day.cost is not None
    assert day.cost < 0.03
    assert (day.notice_s, day.days_to_gold, set(day.claimable.values())) == (inf, inf, {0.0})
    assert "nobody-knows" not in repr(configuration) + configuration.model_dump_json()


def test_a_key_from_the_environment_is_not_shown_when_the_configuration_is_printed() -> None:
    """Secrets are SecretStr from the first moment."""
    folder = EXAMPLES / "eighteen-clouds"
    names = {name for file in folder.rglob("*.yaml") for name in re.findall(r"\$\{(\w+)\}", file.read_text())}

    configuration = load_configuration(
        folder / "touchstone.yaml", dict.fromkeys(names, "hunter2-hunter2") | {"WEBHOOK_SECRET": SECRET}
    )

    assert "hunter2" not in repr(configuration)
    assert "hunter2" not in configuration.model_dump_json()
