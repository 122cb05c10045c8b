"""The documentation agrees with the code: links, commands, names, defaults and tables."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any
from urllib.parse import urlsplit

import click
import pytest
import yaml
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from collector.exports.catalog import FORMATS
from collector.judgement.tiers import REASONS
from collector.paging.catalog import DESTINATIONS
from collector.paging.outbox import RETRY_S
from probes.catalog import KINDS
from schemas import config, contract, destinations, fleet, login, objectives, paging, reports
from schemas.config import TierPolicy
from schemas.incident import Change
from schemas.observation import BLAME, Reason, Timings
from tests.support.compose import ROOT
from tests.unit import test_burst, test_chat_stream, test_embedding, test_json_mode, test_tool_call
from touchstone import exit_codes
from touchstone.cli import COMMANDS, application
from touchstone.settings_file import SettingsFile

DOCS = ROOT / "docs"
FRONT = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")]
PAGES = [page for page in FRONT if page.exists()] + sorted(DOCS.rglob("*.md"))
MAKEFILES = (ROOT / "Makefile", *sorted(ROOT.glob("*/*/*.mk")))
SECTIONS: Mapping[str, type[BaseModel]] = MappingProxyType(
    {
        "settings": config.Settings,
        "store": config.Store,
        "store.retention": config.Retention,
        "store.embedded": config.Embedded,
        "store.embedded.reader": config.Reader,
        "vantage": config.Vantage,
        "module": config.Module,
        "expect": config.Expect,
        "agent": config.Agent,
        "collector": config.Collector,
        "collector.tokens": config.Token,
        "collector.vantages": config.VantagePlace,
        "telemetry": config.Telemetry,
        "dashboard": config.Dashboard,
        "dashboard.login": login.Login,
        "dashboard.login.roles": login.Roles,
        "role": login.Members,
        "objectives": objectives.Objective,
        "objectives.burn": objectives.BurnPolicy,
        "objectives.burn.pairs": objectives.BurnPair,
        "tiers": config.TierPolicy,
        "tiers.gold": config.GoldGates,
        "tiers.reliable": config.ReliableGates,
        "tiers.suspect": config.SuspectGates,
        "integrity": config.Integrity,
        "value": config.Value,
        "paging": paging.Paging,
        "paging.hard_down": paging.HardDownRule,
        "paging.silence": paging.SilenceRule,
        "paging.flapping": paging.FlapRule,
        "paging.severities": paging.SeverityPolicy,
        "paging.acknowledgement": paging.Acknowledgement,
        "paging.escalation": paging.EscalationStep,
        "paging.rotas": paging.Rota,
        "paging.heartbeat": paging.Heartbeat,
        "paging.drill": paging.Drill,
        "paging.delivery": paging.DeliveryObjective,
        "reports": reports.Report,
        "reports.to": reports.ReportTo,
        "webhook destination": destinations.Webhook,
        "pagerduty destination": destinations.PagerDuty,
        "pagerduty_changes destination": destinations.PagerDutyChanges,
        "slack destination": destinations.Slack,
        "teams destination": destinations.Teams,
        "discord destination": destinations.Discord,
        "email destination": destinations.Email,
        "alertmanager destination": destinations.Alertmanager,
        "opsgenie destination": destinations.Opsgenie,
        "incidentio destination": destinations.IncidentIo,
        "apprise destination": destinations.Apprise,
        "fleet": fleet.Fleet,
        "provider": fleet.Provider,
        "budget": fleet.Budget,
        "price": fleet.Price,
        "cluster": fleet.Cluster,
        "claims": fleet.Claims,
        "target": fleet.Target,
        "auth": fleet.Auth,
        "tls": fleet.Tls,
        "contracts": contract.Contracts,
        "contract": contract.Contract,
        "terms": contract.Terms,
        "source": contract.Source,
        "commitment": contract.Commitment,
        "mean_of_intervals formula": contract.MeanOfIntervals,
        "downtime_minutes formula": contract.DowntimeMinutes,
        "request_ratio formula": contract.RequestRatio,
        "latency_attainment formula": contract.LatencyAttainment,
        "exclusions": contract.Exclusions,
        "backoff": contract.Backoff,
        "credits": contract.Credits,
        "step": contract.Step,
        "spend": contract.Spend,
        "claim": contract.Claim,
        "commit": contract.Commit,
        "announced": contract.Announced,
    }
)
TABLES: Mapping[str, Mapping[str, tuple[Any, ...]]] = MappingProxyType(
    {
        "burst": test_burst.CASES,
        "chat_stream": test_chat_stream.CASES,
        "embedding": test_embedding.CASES,
        "json_mode": test_json_mode.CASES,
        "tool_call": test_tool_call.CASES,
    }
)


def named(page: Path) -> str:
    """A page as a test's id."""
    return str(page.relative_to(ROOT))


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of *language*, without their indentation."""
    return [
        "\n".join(line.removeprefix(found[1]) for line in found[2].splitlines())
        for found in re.finditer(rf"^( *)```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    ]


def prose(text: str) -> str:
    """*text* without its fenced blocks and code spans, where a bracket is no link."""
    return re.sub(r"`[^`\n]*`", "`code`", re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL))


def links(page: Path) -> Iterator[str]:
    """What the page links to within the repository."""
    text = prose(page.read_text())
    for link in re.findall(r"\]\(([^)\s]+)[^)]*\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text):
        if not urlsplit(link).scheme:
            yield link


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def sections(page: Path) -> dict[str, str]:
    """Heading to what stands under it, up to the next heading of any level."""
    parts = re.split(r"^#{2,3} (.+)$", page.read_text(), flags=re.MULTILINE)
    return {heading.strip("`"): body for heading, body in zip(parts[1::2], parts[2::2], strict=True)}


def rows(text: str) -> list[list[str]]:
    """The cells of every table row."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:2] == "| "]


def console_lines() -> list[tuple[str, str]]:
    """Every command line of ours in a console block, with the page it stands on."""
    found = []
    for page in PAGES:
        for block in blocks(page.read_text(), "console"):
            lines = [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]
            found += [(named(page), line) for line in lines if line.split()[0] in {"touchstone", "make"}]
    return found


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command and subcommand by the name one types."""
    context = click.Context(application)
    for name in COMMANDS:
        command = application.get_command(context, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {inner}", one) for inner, one in command.commands.items())


def read_as(field: FieldInfo, written: str) -> Any:
    """What *written* means as the value of *field*."""
    kind: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    return TypeAdapter(kind).validate_python(yaml.safe_load(written))


def same(written: Any, default: Any) -> bool:
    """Whether they are equal; a share written in percent may differ in its last bit."""
    return bool(written == (pytest.approx(default, rel=1e-12) if isinstance(default, float) else default))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    """The file or folder exists, and a page has the heading that is pointed at."""
    for link in links(page):
        path, _, anchor = link.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), link
        if anchor and there.suffix == ".md":
            assert anchor in anchors(there), link


def test_the_index_leads_to_every_page() -> None:
    """A page nobody can find is not documentation; decisions are found by their folder."""
    index = DOCS / "index.md"
    reached = {(DOCS / link.partition("#")[0]).resolve() for link in links(index)}

    pages = {page for page in DOCS.rglob("*.md") if page != index and DOCS / "decisions" not in page.parents}
    assert pages - reached == set()


@pytest.mark.parametrize(("page", "line"), console_lines())
def test_a_command_line_is_one_that_exists(page: str, line: str) -> None:
    """Its command, options and arguments are understood, its target can be made; nothing is run."""
    program, *arguments = shlex.split(line, comments=True)
    if program == "make":
        targets = {
            target for file in MAKEFILES for target in re.findall(r"^([a-z-]+):(?!=)", file.read_text(), re.MULTILINE)
        }
        assert {word for word in arguments if "=" not in word and word[0] != "-"} <= targets, page
        return
    front = application.make_context(program, arguments)
    name, command, rest = application.resolve_command(front, [*front._protected_args, *front.args])
    assert isinstance(command, click.Command)
    context = command.make_context(name, rest, parent=front)
    if isinstance(command, click.Group):
        inner, one, left = command.resolve_command(context, [*context._protected_args, *context.args])
        assert isinstance(one, click.Command)
        one.make_context(inner, left, parent=context)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_settings_in_a_page_are_valid(page: Path) -> None:
    """A block that begins with `# touchstone.yaml` is a whole configuration, one with `# contracts/` of contracts."""
    for block in blocks(page.read_text(), "yaml"):
        if block.startswith("# touchstone.yaml"):
            SettingsFile.model_validate(yaml.safe_load(block))
        if block.startswith("# contracts/"):
            contract.Contracts.model_validate(yaml.safe_load(block))


def test_every_reason_has_its_row_with_its_blame() -> None:
    """In the order of the vocabulary, and no other."""
    found = [(row[0].strip("`"), row[1]) for row in rows((DOCS / "reasons.md").read_text()) if row[0][0] == "`"]

    assert found == [(reason.value, BLAME[reason].value) for reason in Reason]


@pytest.mark.parametrize("kind", KINDS)
def test_a_probe_page_blames_as_the_code_does(kind: str) -> None:
    """Reasons in its table have the blame of the vocabulary."""
    text = (DOCS / "probes" / f"{kind}.md").read_text()

    for row in rows(text):
        if len(row) == 4 and row[2].startswith("`"):
            assert row[3] == BLAME[Reason(row[2].strip("`"))].value, row


@pytest.mark.parametrize("kind", KINDS)
def test_a_probe_page_has_every_setting_of_its_kind_with_its_default(kind: str) -> None:
    """Those that not every module has, or that default to something else."""
    table = rows(sections(DOCS / "probes" / f"{kind}.md")["Settings"])[1:]
    common = config.Module.model_fields
    own = {
        name: field
        for name, field in KINDS[kind].settings.model_fields.items()
        if name != "kind" and (name not in common or field.default != common[name].default)
    }

    agree({row[0].strip("`"): row[1].strip("`") for row in table}, own)


def test_every_timing_is_defined() -> None:
    """On the page of timings, in the order of the code."""
    found = [row[0].strip("`") for row in rows((DOCS / "timings.md").read_text()) if row[0].endswith("_ms`")]

    assert found == list(Timings.__dataclass_fields__)


@pytest.mark.parametrize("kind", TABLES)
def test_the_table_of_a_kind_is_what_its_test_shows(kind: str) -> None:
    """Every behaviour of the test, with outcome and reason."""
    text = sections(DOCS / "probes" / f"{kind}.md")["What each behaviour is called"]
    found = {row[0]: (row[1], row[2].strip("`")) for row in rows(text)[1:]}

    assert found == {
        name: (outcome.value, reason.value if reason else "") for name, (*_, outcome, reason) in TABLES[kind].items()
    }


def test_every_reason_code_of_a_tier_is_explained() -> None:
    """By its name, on the page of tiers."""
    text = (DOCS / "tiers.md").read_text()

    assert {code for code in REASONS if f"`{code}`" not in text} == set()


def test_every_threshold_of_a_tier_that_is_a_share_is_on_its_page() -> None:
    """With its default, in percent; configuration.md holds every field."""
    text = (DOCS / "tiers.md").read_text().replace(" %", "%")
    policy = TierPolicy()
    shares = {
        f"{value * 100:g}%"
        for gates in (policy.gold, policy.reliable, policy.suspect)
        for name, value in gates
        if name.startswith(("availability", "hold_")) or name.endswith(("_share", "_share_max", "inflation_min"))
    }

    assert {share for share in shares if share not in text} == set()


def test_paging_has_every_change_and_the_retry_schedule() -> None:
    """As the code has them."""
    text = (DOCS / "paging.md").read_text()

    assert {change.value for change in Change if f"| `{change.value}` |" not in text} == set()
    assert ", ".join(f"{seconds:g}" for seconds in RETRY_S) + " s" in text


def test_every_part_of_the_configuration_has_its_section() -> None:
    """Every model of the settings, of the fleet and of contracts, once."""
    models = {
        value
        for module in (config, contract, destinations, fleet, login, objectives, paging, reports)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, fleet.Strict)
    }

    assert set(SECTIONS.values()) == models - {fleet.Strict, config.Configuration, destinations.ADestination}
    assert list(SECTIONS) == list(sections(DOCS / "configuration.md"))


@pytest.mark.parametrize("section", SECTIONS)
def test_every_field_of_the_configuration_has_its_row_and_default(section: str) -> None:
    """The default, read as somebody would write it, is the default of the code."""
    table = {row[0].strip("`"): row[1].strip("`") for row in rows(sections(DOCS / "configuration.md")[section])[1:]}
    agree(table, SECTIONS[section].model_fields)


def agree(table: Mapping[str, str], fields: Mapping[str, FieldInfo]) -> None:
    """Assert that *table*, name to default as written, says of *fields* what the code says."""
    assert list(table) == list(fields)
    for name, written in table.items():
        field = fields[name]
        default = field.get_default(call_default_factory=True) if not field.is_required() else None
        if written in {"required", "section"}:
            assert field.is_required() if written == "required" else isinstance(default, BaseModel), name
        else:
            assert not field.is_required(), name
            assert same(read_as(field, written), default), name


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_every_command_has_its_section_with_every_option(name: str, command: click.Command) -> None:
    """By the names one types."""
    text = sections(DOCS / "cli.md")[name]
    options = {one for option in command.params if isinstance(option, click.Option) for one in option.opts}

    assert {option for option in options if f"`{option}`" not in text} == set()


def test_the_front_of_the_command_line_and_its_exit_codes_are_documented() -> None:
    """Options before the command, and what a program calling it can rely on."""
    text = (DOCS / "cli.md").read_text()
    options = {one for option in application.params for one in option.opts}
    codes = {value for name, value in vars(exit_codes).items() if name.isupper()}

    assert {option for option in options if f"`{option}`" not in text} == set()
    assert {code for code in codes if f"\n| {code} | " not in text} == set()


@pytest.mark.parametrize(
    ("folder", "catalogue"), [("probes", KINDS), ("destinations", DESTINATIONS), ("exports", FORMATS)]
)
def test_every_entry_of_a_catalogue_has_its_page(folder: str, catalogue: Mapping[str, object]) -> None:
    """And every page its entry."""
    assert {page.stem for page in (DOCS / folder).glob("*.md")} == set(catalogue)
