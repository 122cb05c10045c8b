"""The settings of touchstone.yaml: store, vantage, modules, objectives, tiers, paging. Durations are in seconds."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, field_validator, model_validator

from schemas.contract import Contract, Percent
from schemas.fleet import Currency, Fleet, Name, Site, Strict, Text, Url
from schemas.login import Login
from schemas.loopback import is_loopback
from schemas.objectives import Objective
from schemas.paging import Paging
from schemas.quantity import DurationS, Ratio
from schemas.reports import Report

Address = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.\-\[\]:]+:\d{1,5}$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,62}$")]


def _canary(text: str) -> str:
    """*text*, when a connection can be made to it: host:port, or a URL."""
    try:
        parts = urlsplit(text if "//" in text else f"//{text}")
        port = parts.port
    except ValueError:
        port, parts = None, urlsplit("")
    if not parts.hostname or (not port and parts.scheme not in {"http", "https"}) or parts.username is not None:
        raise ValueError("not host:port, nor an http or https URL")
    return text


Canary = Annotated[str, StringConstraints(max_length=300), AfterValidator(_canary)]
TOKEN_CHARS_MIN = 16
LOCAL = "local"  # the vantage of whoever has only one
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


class Reader(Strict):
    """A second user of the embedded store, who can only read: for a dashboard, Grafana, a person."""

    user: str = "reader"
    password: SecretStr | None = None
    password_file: str | None = None


class Embedded(Strict):
    """The embedded store: a folder held by one `touchstone store` process."""

    path: str = "var/store"
    backups: str | None = Field(default=None, description="where BACKUP may write; beside the folder when null")
    reader: Reader | None = None
    memory_mib: Annotated[int, Field(ge=512)] = 2048
    query_memory_mib: Annotated[int, Field(ge=16)] = 1024
    query_time: DurationS = 120.0
    result_rows: Annotated[int, Field(ge=1)] = 10_000_000
    result_mib: Annotated[int, Field(ge=1)] = 256
    body_mib: Annotated[int, Field(ge=1, le=2048)] = 512
    queries: Annotated[int, Field(ge=1, le=64)] = 4
    sessions: Annotated[int, Field(ge=1, le=1024)] = 64

    @model_validator(mode="after")
    def _a_query_fits_in(self) -> Self:
        if self.query_memory_mib > self.memory_mib:
            raise ValueError("query_memory_mib is more than memory_mib")
        return self


class Retention(Strict):
    """How long rows are kept, in whole days; what is not named here is kept for ever. Daily rollups are."""

    raw: DurationS = Field(default=180 * 86400.0, ge=86400, description="observations")
    rollups: DurationS = Field(
        default=3 * 365 * 86400.0, ge=86400, description="hours, bad minutes, token arrivals, engine metrics"
    )


class Store(Strict):
    """Where facts live: ClickHouse over HTTP, embedded or a server."""

    url: Url = "http://127.0.0.1:8123"
    database: Identifier = "touchstone"
    user: str = "default"
    password: SecretStr | None = None
    password_file: str | None = None
    embedded: Embedded | None = Embedded()
    retention: Retention = Retention()
    backup_disk: Identifier | None = Field(
        default=None, description="a disk of the ClickHouse server for backups; else files in its backup folder"
    )
    cluster: Identifier | None = Field(default=None, description="the cluster's name in the servers' remote_servers")
    otel_traces: Identifier | None = Field(
        default=None, description="the table that an OpenTelemetry Collector's ClickHouse exporter fills"
    )

    @model_validator(mode="after")
    def _a_cluster_is_no_embedded_store(self) -> Store:
        if self.cluster is not None and self.embedded is not None:
            raise ValueError("cluster needs servers of your own: say embedded: null")
        return self


class Vantage(Strict):
    """The place that this machine's probes run from."""

    name: Name = LOCAL
    region: str = ""
    site: Site | None = Field(default=None, description="where it stands: `50.11,8.68`, or a place by its name")
    operator: Text = Field(default="", description="who runs the machine: two vantages of one operator are one witness")


class VantagePlace(Strict):
    """Where another vantage stands, for whoever judges by distances."""

    site: Site = Field(description="`50.11,8.68`, or a place by its name")
    operator: Text = ""


class Expect(Strict):
    """What a good answer must satisfy; a miss is degraded, `wrong_content`."""

    echo_nonce: bool = Field(default=False, description="the answer must contain the prompt's nonce")
    contains: str | None = None


class Module(Strict):
    """
    What every probe module says; the settings of its kind stand beside the kind, in probes/kinds/.

    connection: `cold` asks on a connection of its own, `warm` on one that has just answered another request,
    `alternate` one and the other in turn.
    """

    kind: str
    interval: DurationS = 60.0
    timeout: DurationS = 30.0
    connection: Literal["cold", "warm", "alternate"] = "alternate"

    @property
    def hang_s(self) -> float:
        """How long a server that never answers keeps a probe waiting."""
        return self.timeout

    @property
    def requests(self) -> int:
        """Requests of one tick."""
        return 1

    @property
    def warm_ups(self) -> int:
        """GETs before the requests of a tick that asks warm."""
        return 0 if self.connection == "cold" else self.requests

    @property
    def warm_share(self) -> float:
        """The share of ticks that ask warm."""
        return {"cold": 0.0, "warm": 1.0, "alternate": 0.5}[self.connection]

    @property
    def tokens_in(self) -> int | None:
        """Prompt tokens of one request, when the module says how many; None for a short prompt."""
        return None

    @property
    def tokens_out(self) -> float | None:
        """Answer tokens of one request at most, their mean where the length varies; None for no model's answer."""
        return None


class Token(Strict):
    """What an agent or a reader shows the collector; its name stands in logs, the secret never does."""

    secret: SecretStr | None = Field(default=None, description="write ${ENV_NAME}, never the token")
    secret_file: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Token:
        if (self.secret is None) == (self.secret_file is None):
            raise ValueError("give one of secret and secret_file")
        if self.secret is not None:
            check_token(self.secret)
        return self


def check_token(token: SecretStr) -> None:
    """Raise ValueError unless *token* can stand in a header, and is long enough not to be guessed."""
    text = token.get_secret_value()
    if len(text) < TOKEN_CHARS_MIN or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(f"a token has at least {TOKEN_CHARS_MIN} printable characters of ASCII, no spaces")


class Agent(Strict):
    """The probing processes of a vantage."""

    workers: Annotated[int, Field(ge=1, le=64)] = Field(default=1, description="processes that probe")
    spool: str = "var/spool.db"
    collector_url: Url = "http://127.0.0.1:4318"
    token: SecretStr | None = Field(default=None, description="one of the collector's tokens")
    token_file: str | None = None
    spool_rows_max: Annotated[int, Field(ge=1000)] = 2_000_000
    spool_bytes_max: Annotated[int, Field(ge=1024 * 1024)] = 2 * 1024 * 1024 * 1024
    spool_age_max: DurationS = 30 * 86400.0
    batch_rows_max: Annotated[int, Field(ge=1, le=10_000)] = 500
    ship_every: DurationS = 1.0
    streams_max: Annotated[int, Field(ge=1, le=5000)] = 500
    lag_limit: DurationS = Field(default=0.25, description="event-loop lag above which timings are not trusted")
    clock_step_limit: DurationS = Field(default=0.01, description="step of the wall clock that makes them untrusted")
    streams_trusted_max: Annotated[int, Field(ge=1)] = Field(
        default=500, description="streams open at once above which timings are not trusted"
    )
    confirmations: Annotated[int, Field(ge=0, le=5)] = 2
    confirm_gap_min: DurationS = 0.3
    confirm_gap_max: DurationS = 0.5
    canaries: tuple[Canary, ...] = Field(
        default=(), max_length=16, description="URLs or host:port in unrelated networks; two at least"
    )

    @model_validator(mode="after")
    def _one_token(self) -> Agent:
        if self.token is not None and self.token_file is not None:
            raise ValueError("token and token_file exclude each other; give one")
        if self.token is not None:
            check_token(self.token)
        return self

    @field_validator("canaries")
    @classmethod
    def _not_one_alone(cls, canaries: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(canaries)) == 1:
            raise ValueError("one canary alone, when it is down, excuses every provider; give none, or two or more")
        return canaries


def _state(text: str) -> str:
    """*text*, when it is a path, or the URL of a PostgreSQL database without a password."""
    if "://" not in text:
        return text
    try:
        parts = urlsplit(text)
        password, query = parts.password, parts.query
    except ValueError:
        parts, password, query = urlsplit(""), None, ""
    if parts.scheme != "postgresql" or not parts.path.strip("/"):
        raise ValueError("neither a path nor postgresql://USER@HOST/DATABASE")
    if password is not None or "password" in query:
        raise ValueError("a URL is shown; give the password as state_password or state_password_file")
    return text


class Collector(Strict):
    """The receiving and judging process."""

    listen: Address = "127.0.0.1:4318"
    tokens: dict[Name, Token] = Field(default_factory=dict, max_length=64, description="any of them is let in")
    public: bool = Field(
        default=False, description="whether badges and the feed of incidents are shown without a token"
    )
    state: Annotated[str, AfterValidator(_state)] = Field(
        default="var/state.db", description="a file, or postgresql://USER@HOST/DATABASE for several collectors"
    )
    state_password: SecretStr | None = Field(default=None, description="write ${ENV_NAME}, never the password")
    state_password_file: str | None = None
    judge_every: DurationS = 60.0
    body_bytes_max: Annotated[int, Field(ge=1024)] = 16 * 1024 * 1024
    spans_max: Annotated[int, Field(ge=1)] = 10_000
    vantages: dict[Name, VantagePlace] = Field(
        default_factory=dict, max_length=1000, description="where the vantages stand that are not this machine's"
    )

    @model_validator(mode="after")
    def _guarded(self) -> Collector:
        host = self.listen.rpartition(":")[0]
        if not self.tokens and not is_loopback(host):
            raise ValueError(f"listens on {host} and has no tokens; give it tokens, or listen on 127.0.0.1")
        return self

    @model_validator(mode="after")
    def _one_password(self) -> Collector:
        if self.state_password is not None and self.state_password_file is not None:
            raise ValueError("state_password and state_password_file exclude each other; give one")
        if not self.shared_state and (self.state_password is not None or self.state_password_file is not None):
            raise ValueError("a file has no password: state_password goes with a postgresql:// state")
        return self

    @property
    def shared_state(self) -> bool:
        """Whether the state is on a server, where several collectors share it."""
        return "://" in self.state


class Telemetry(Strict):
    """OpenTelemetry out of the agent's process that ships: metrics and spans by OTLP, metrics for Prometheus."""

    otlp_endpoint: Url | None = None
    headers: dict[HeaderName, SecretStr] = Field(default_factory=dict, description="write ${ENV_NAME}, never the value")
    bearer: SecretStr | None = Field(default=None, description="sent as Authorization: Bearer")
    bearer_file: str | None = None
    interval: DurationS = 15.0
    spans: bool = True
    prometheus_listen: Address | None = None
    cardinality_limit: Annotated[int, Field(ge=1, le=100_000)] = 2000

    @model_validator(mode="after")
    def _sendable(self) -> Telemetry:
        if self.bearer is not None and self.bearer_file is not None:
            raise ValueError("bearer and bearer_file exclude each other; give one")
        for name, value in self.request_headers().items():
            if not value.isprintable():
                raise ValueError(f"the value of the header {name} holds a line break or another control character")
        return self

    @property
    def wanted(self) -> bool:
        """Whether anybody is to be told."""
        return self.otlp_endpoint is not None or self.prometheus_listen is not None

    def request_headers(self) -> dict[str, str]:
        """The headers of every request to the endpoint; they hold secrets."""
        headers = {name: value.get_secret_value() for name, value in self.headers.items()}
        return headers | ({"Authorization": f"Bearer {self.bearer.get_secret_value()}"} if self.bearer else {})


class Dashboard(Strict):
    """The Streamlit process."""

    listen: Address = "127.0.0.1:8501"
    collector_url: Url = Field(default="http://127.0.0.1:4318", description="where what people do on it is sent")
    token: SecretStr | None = Field(default=None, description="one of the collector's tokens")
    token_file: str | None = None
    read_only: bool = Field(default=False, description="show everything, and let nobody acknowledge or silence")
    login: Login | None = Field(default=None, description="nobody is asked who they are while this is null")

    @model_validator(mode="after")
    def _one_token(self) -> Dashboard:
        if self.token is not None and self.token_file is not None:
            raise ValueError("token and token_file exclude each other; give one")
        if self.token is not None:
            check_token(self.token)
        return self


class Integrity(Strict):
    """What the integrity probes draw their prompts and their times from, and how often claims are examined."""

    every: DurationS = Field(default=21_600.0, ge=60, description="between two examinations of all claims")
    reply_days: Annotated[int, Field(ge=0, le=90)] = Field(
        default=7, description="how long a provider may reply before it is suspect"
    )
    secret: SecretStr | None = Field(default=None, description="write ${ENV_NAME}, never the secret")
    secret_file: str | None = None

    @model_validator(mode="after")
    def _one_secret(self) -> Integrity:
        if self.secret is not None and self.secret_file is not None:
            raise ValueError("secret and secret_file exclude each other; give one")
        if self.secret is not None:
            check_token(self.secret)
        return self


Times = Annotated[float, Field(ge=1, le=1000)]
Monthly = Annotated[
    float, Field(gt=0, le=10_000, description="incidents that a cluster has in 30 days: their upper bound at most")
]


class GoldGates(Strict):
    """What earns gold."""

    availability_lower: Ratio = 0.999
    hold_availability_lower: Ratio = Field(default=0.9985, description="hysteresis: to keep gold, this much is enough")
    evidence: DurationS = 28 * 86400.0
    ttft_p95: DurationS = 1.0
    ttft_peers_max: Times = 2.0
    contract_broken_max: Annotated[int, Field(ge=0, le=10)] = 0
    incidents_max: Monthly = 15.0
    recovery_max: DurationS = Field(default=3600.0, description="how long the longest incident may last")
    degraded_share_max: Ratio = 0.01


class ReliableGates(Strict):
    """What earns reliable."""

    availability_lower: Ratio = 0.995
    hold_availability_lower: Ratio = 0.994
    evidence: DurationS = 7 * 86400.0
    ttft_p95: DurationS = 3.0
    ttft_peers_max: Times = 4.0
    contract_broken_max: Annotated[int, Field(ge=0, le=10)] = 2
    incidents_max: Monthly = 60.0
    recovery_max: DurationS = Field(default=4 * 3600.0, description="how long the longest incident may last")
    degraded_share_max: Ratio = 0.05


class SuspectGates(Strict):
    """What proves suspect: each alone is enough."""

    availability_upper: Ratio = 0.995
    hold_availability_upper: Ratio = 0.996
    evidence: DurationS = Field(
        default=86400.0, description="no provider is suspect on availability with less than this"
    )
    wrong_content_share: Ratio = 0.02
    truncated_share: Ratio = 0.01
    capacity_refused_share: Ratio = 0.01


class TierPolicy(Strict):
    """The published numeric rule of tiers. Gates look at the confidence bound, never at the point."""

    window: DurationS = 30 * 86400.0
    block: DurationS = 6 * 3600.0
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    observations_min: Annotated[int, Field(ge=1)] = 300
    gold: GoldGates = GoldGates()
    reliable: ReliableGates = ReliableGates()
    suspect: SuspectGates = SuspectGates()


class Value(Strict):
    """What providers are compared by, for the money."""

    capital_rate: Percent = Field(
        default=Decimal("0.08"), description="what money that was paid upfront costs us, a year (effective)"
    )
    currency: Currency = Field(default="USD", description="of the fleet's prices, where a provider names no other")


class Settings(Strict):
    """
    Everything in touchstone.yaml. *fleet* is a file or a folder of files, relative to it.

    Here modules are what they have in common; touchstone/settings_file.py says which kinds there are.
    """

    version: Literal[1]
    fleet: str = "fleet"
    contracts: str | None = Field(default=None, description="a file or a folder of files, relative to this one")
    simulated: bool = Field(default=False, description="marks every observation as simulated")
    store: Store = Store()
    vantage: Vantage = Vantage()
    agent: Agent = Agent()
    collector: Collector = Collector()
    telemetry: Telemetry = Telemetry()
    dashboard: Dashboard = Dashboard()
    modules: dict[Name, Module] = Field(min_length=1)
    objectives: tuple[Objective, ...] = ()
    tiers: TierPolicy = TierPolicy()
    integrity: Integrity = Integrity()
    value: Value = Value()
    paging: Paging = Paging()
    reports: tuple[Report, ...] = Field(default=(), max_length=100, description="scorecards that go out by themselves")

    @property
    def vantage_places(self) -> dict[str, VantagePlace]:
        """Every vantage of which it is known where it stands, by name; this machine's among them."""
        here = self.vantage
        mine = {} if here.site is None else {here.name: VantagePlace(site=here.site, operator=here.operator)}
        return {**self.collector.vantages, **mine}

    @model_validator(mode="after")
    def _objectives_are_told_apart(self) -> Settings:
        names = [objective.name for objective in self.objectives]
        if double := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"objectives: two are called {double!r}; give each a name of its own")
        return self

    @model_validator(mode="after")
    def _reports_are_told_apart(self) -> Settings:
        names = [report.name for report in self.reports]
        if double := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"reports: two are called {double!r}; give each a name of its own")
        return self

    @model_validator(mode="after")
    def _pages_lead_to_where_the_login_holds(self) -> Settings:
        login, linked = self.dashboard.login, self.paging.dashboard_url
        if login is not None and linked is not None and not f"{linked.lower()}/".startswith(f"{login.url}/"):
            raise ValueError(f"pages link to {linked} (paging.dashboard_url), and dashboard.login holds at {login.url}")
        return self

    @model_validator(mode="after")
    def _facts_outlive_the_window(self) -> Settings:
        if self.store.retention.raw < self.tiers.window:
            raise ValueError("store.retention.raw is shorter than tiers.window: verdicts would lose their facts")
        return self


class Configuration(Strict):
    """Settings, fleet and contracts (by provider) together, as every process is given them."""

    settings: Settings
    fleet: Fleet
    contracts: dict[Name, Contract] = Field(default_factory=dict)
