"""What the `dashboard` command hands over to the pages: through the environment, never on the command line."""

from __future__ import annotations

import os
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from functools import cache
from itertools import count, takewhile
from typing import Any

from pydantic import SecretStr

from collector.judgement.capacity.holdings import Holdings, holdings
from collector.judgement.value.gpu_hour import Purchase, purchases
from collector.judgement.wording import claimed
from collector.monitor_signs import stale_after_s
from collector.storage.records import configuration_digest
from schemas.config import Configuration, Module, Retention, Store, TierPolicy, VantagePlace
from schemas.contract import Percent
from schemas.fleet import Price, Strict
from schemas.login import Login
from schemas.objectives import Objective
from schemas.paging import Acknowledgement, FlapRule, HardDownRule, SeverityPolicy, SilenceRule

SETTINGS_VARIABLE = "TOUCHSTONE_DASHBOARD"
PART_CHARS = 100_000
PASSWORD_VARIABLE = "TOUCHSTONE_STORE_PASSWORD"
TOKEN_VARIABLE = "TOUCHSTONE_DASHBOARD_TOKEN"
CLIENT_VARIABLE = "TOUCHSTONE_DASHBOARD_CLIENT_SECRET"
COOKIE_VARIABLE = "TOUCHSTONE_DASHBOARD_COOKIE_SECRET"
APART: dict[str, Any] = {"password": True, "token": True, "login": {"client_secret", "cookie_secret"}}


class ProviderFace(Strict):
    """How a provider is shown: its name, the one that is configured ('' for none), and what each cluster claims."""

    name: str
    configured: str = ""
    clusters: dict[str, str]


class Method(Strict):
    """How it is measured and judged beside the tiers: the same objects that agents and the judge are given."""

    modules: dict[str, Module]
    vantages: dict[str, VantagePlace]
    hard_down: HardDownRule
    silence: SilenceRule
    flapping: FlapRule
    severities: SeverityPolicy
    acknowledgement: Acknowledgement
    objectives: tuple[Objective, ...]
    reply_days: int
    retention: Retention
    digest: str  # of the whole configuration

    @classmethod
    def of(cls, configuration: Configuration) -> Method:
        """What *configuration* says of it; of a module what all kinds have in common."""
        settings = configuration.settings
        paging = settings.paging
        return cls(
            modules={name: _in_common(module) for name, module in sorted(settings.modules.items())},
            vantages=settings.vantage_places,
            hard_down=paging.hard_down,
            silence=paging.silence,
            flapping=paging.flapping,
            severities=paging.severities,
            acknowledgement=paging.acknowledgement,
            objectives=settings.objectives,
            reply_days=settings.integrity.reply_days,
            retention=settings.store.retention,
            digest=configuration_digest(configuration),
        )


class PageSettings(Strict):
    """Everything the pages need; secrets are the store's password, the collector's token and the login's two."""

    store_url: str
    database: str
    user: str
    password: SecretStr | None = None
    collector_url: str
    token: SecretStr | None = None
    read_only: bool
    login: Login | None = None
    deployment: str
    simulated: bool
    stale_after_s: float
    examined_every_s: float
    policy: TierPolicy
    providers: dict[str, ProviderFace]
    contracts: tuple[str, ...]
    prices: dict[str, Price]
    currencies: dict[str, str]
    bought: dict[str, tuple[Purchase, ...]]
    capital_rate: Percent
    method: Method
    capacity: Holdings

    @property
    def store(self) -> Store:
        """Where the facts are."""
        return Store(url=self.store_url, database=self.database, user=self.user, password=self.password, embedded=None)

    def to_environ(self) -> dict[str, str]:
        """
        The variables that `from_environ` reads; the settings packed, in as many as it takes.

        No variable may be longer than 128 KiB on Linux, and all together not than 2 MiB: a large fleet is.
        """
        plain = self.model_dump_json(exclude=APART).encode()
        packed = b64encode(zlib.compress(plain)).decode()
        parts = range(0, len(packed), PART_CHARS)
        variables = {f"{SETTINGS_VARIABLE}_{n}": packed[at : at + PART_CHARS] for n, at in enumerate(parts)}
        secrets = {PASSWORD_VARIABLE: self.password, TOKEN_VARIABLE: self.token}
        if self.login is not None:
            secrets |= {CLIENT_VARIABLE: self.login.client_secret, COOKIE_VARIABLE: self.login.cookie_secret}
        return variables | {name: secret.get_secret_value() for name, secret in secrets.items() if secret is not None}

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> PageSettings:
        """The settings that the `dashboard` command put there, a login whole; raises KeyError when it did not."""
        names = takewhile(environ.__contains__, (f"{SETTINGS_VARIABLE}_{n}" for n in count()))
        packed = "".join(environ[name] for name in names)
        if not packed:
            raise KeyError(f"{SETTINGS_VARIABLE}_0")
        settings = cls.model_validate_json(zlib.decompress(b64decode(packed)))
        secrets = {"password": environ.get(PASSWORD_VARIABLE), "token": environ.get(TOKEN_VARIABLE)}
        update: dict[str, Any] = {name: SecretStr(value) for name, value in secrets.items() if value}
        if settings.login is not None:
            two = {"client_secret": environ[CLIENT_VARIABLE], "cookie_secret": environ[COOKIE_VARIABLE]}
            update["login"] = settings.login.model_copy(update={name: SecretStr(value) for name, value in two.items()})
        return settings.model_copy(update=update)

    @classmethod
    def of(cls, configuration: Configuration) -> PageSettings:
        """What the pages need of *configuration*."""
        settings, fleet = configuration.settings, configuration.fleet
        return cls(
            store_url=settings.store.url,
            database=settings.store.database,
            user=settings.store.user,
            password=settings.store.password,
            collector_url=settings.dashboard.collector_url,
            token=settings.dashboard.token,
            read_only=settings.dashboard.read_only,
            login=settings.dashboard.login,
            deployment=settings.paging.deployment,
            simulated=settings.simulated,
            stale_after_s=stale_after_s(configuration),
            examined_every_s=settings.integrity.every,
            policy=settings.tiers,
            providers={
                id: ProviderFace(
                    name=provider.name or id,
                    configured=provider.name,
                    clusters={
                        f"{id}/{name}": claimed(
                            cluster.region, cluster.claims.count, cluster.claims.gpu, cluster.claims.precision
                        )
                        for name, cluster in sorted(provider.clusters.items())
                    },
                )
                for id, provider in sorted(fleet.providers.items())
            },
            contracts=tuple(sorted(configuration.contracts)),
            prices=fleet.prices(),
            currencies=fleet.currencies(settings.value.currency),
            bought={name: purchases(one) for name, one in sorted(configuration.contracts.items())},
            capital_rate=settings.value.capital_rate,
            method=Method.of(configuration),
            capacity=holdings(configuration),
        )


@cache
def page_settings() -> PageSettings:
    """What the `dashboard` command handed over to this process."""
    return PageSettings.from_environ(os.environ)


def _in_common(module: Module) -> Module:
    return Module(**{name: getattr(module, name) for name in Module.model_fields})
