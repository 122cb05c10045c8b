"""What the `dashboard` command hands over to the pages: through the environment, never on the command line."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import SecretStr

from collector.judgement.capacity.holdings import Holdings, holdings
from schemas.config import Configuration, Store, TierPolicy
from schemas.fleet import Strict

SETTINGS_VARIABLE = "TOUCHSTONE_DASHBOARD"
PASSWORD_VARIABLE = "TOUCHSTONE_STORE_PASSWORD"
TOKEN_VARIABLE = "TOUCHSTONE_DASHBOARD_TOKEN"
STALE_INTERVALS = 3
STALE_MIN_S = 60.0


class ProviderFace(Strict):
    """How a provider is shown: its name, and what each cluster (full id) claims to be."""

    name: str
    clusters: dict[str, str]


class PageSettings(Strict):
    """Everything the pages need beside the store; its secrets are the store's password and the collector's token."""

    store_url: str
    database: str
    user: str
    password: SecretStr | None = None
    collector_url: str
    token: SecretStr | None = None
    read_only: bool
    deployment: str
    simulated: bool
    stale_after_s: float
    examined_every_s: float
    policy: TierPolicy
    providers: dict[str, ProviderFace]
    contracts: tuple[str, ...]
    capacity: Holdings

    @property
    def store(self) -> Store:
        """Where the facts are."""
        return Store(url=self.store_url, database=self.database, user=self.user, password=self.password, embedded=None)

    def to_environ(self) -> dict[str, str]:
        """The variables that `from_environ` reads."""
        variables = {SETTINGS_VARIABLE: self.model_dump_json(exclude={"password", "token"})}
        for name, secret in ((PASSWORD_VARIABLE, self.password), (TOKEN_VARIABLE, self.token)):
            if secret is not None:
                variables[name] = secret.get_secret_value()
        return variables

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> PageSettings:
        """The settings that the `dashboard` command put there; raises KeyError when it did not."""
        settings = cls.model_validate_json(environ[SETTINGS_VARIABLE])
        secrets = {"password": environ.get(PASSWORD_VARIABLE), "token": environ.get(TOKEN_VARIABLE)}
        return settings.model_copy(update={name: SecretStr(value) for name, value in secrets.items() if value})

    @classmethod
    def of(cls, configuration: Configuration) -> PageSettings:
        """What the pages need of *configuration*."""
        settings, fleet = configuration.settings, configuration.fleet
        used = {name for place in fleet.places() for name in place.target.modules}
        shortest_s = min((settings.modules[name].interval for name in used), default=STALE_MIN_S)
        return cls(
            store_url=settings.store.url,
            database=settings.store.database,
            user=settings.store.user,
            password=settings.store.password,
            collector_url=settings.dashboard.collector_url,
            token=settings.dashboard.token,
            read_only=settings.dashboard.read_only,
            deployment=settings.paging.deployment,
            simulated=settings.simulated,
            stale_after_s=max(STALE_MIN_S, STALE_INTERVALS * shortest_s),
            examined_every_s=settings.integrity.every,
            policy=settings.tiers,
            providers={
                id: ProviderFace(
                    name=provider.name or id,
                    clusters={
                        f"{id}/{name}": _claims(
                            cluster.region, cluster.claims.count, cluster.claims.gpu, cluster.claims.precision
                        )
                        for name, cluster in sorted(provider.clusters.items())
                    },
                )
                for id, provider in sorted(fleet.providers.items())
            },
            contracts=tuple(sorted(configuration.contracts)),
            capacity=holdings(configuration),
        )


def _claims(region: str, count: int | None, gpu: str, precision: str) -> str:
    hardware = f"{count} × {gpu}" if count and gpu else gpu
    return ", ".join(part for part in (region, hardware, precision) if part)
