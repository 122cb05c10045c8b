"""The fleet: provider -> cluster with claims -> target with model, url, auth and access path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from schemas.site import checked_site


def _reachable(url: str) -> str:
    """*url*, when something could listen there; else it would look like the provider's fault at every tick."""
    try:
        parts = urlsplit(url)
        (parts.hostname or "").encode("idna")
        known = parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        known = False
    if not known:
        raise ValueError("no host, or no port from 1 to 65535, can be read from this URL")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL is shown and stored; give the user and the password another way, never in it")
    return url


ACCOUNTS_MAX = 16
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Url = Annotated[
    str, StringConstraints(pattern=r"^https?://[^\s/?#]+[^\s?#]*$", max_length=2000), AfterValidator(_reachable)
]
Site = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(checked_site)]
Text = Annotated[str, StringConstraints(max_length=200)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Money = Annotated[Decimal, Field(ge=0, le=1_000_000_000, max_digits=18, decimal_places=9)]


class Strict(BaseModel):
    """Every configuration model: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Claims(Strict):
    """
    What the provider asserts about a cluster; every one is a thing to check.

    What a model on it needs, for the bounds of speed and of memory: GPUs that serve one copy, billions of parameters
    (those that one token uses apart), bytes of the KV cache for each token, and the longest context in tokens.
    """

    gpu: Text = ""
    count: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    precision: Text = ""
    region: Text = ""
    interconnect: Text = ""
    site: Site | None = Field(default=None, description="where it stands: `50.11,8.68`, or a place by its name")
    gpus_per_replica: Annotated[int, Field(ge=1, le=100_000)] | None = None
    params_b: Annotated[float, Field(gt=0, le=100_000)] | None = None
    active_params_b: Annotated[float, Field(gt=0, le=100_000)] | None = None
    kv_bytes_per_token: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    context: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None

    @model_validator(mode="after")
    def _active_are_some_of_all(self) -> Claims:
        if self.params_b is not None and (self.active_params_b or 0) > self.params_b:
            raise ValueError("active_params_b is more than params_b")
        return self


class Auth(Strict):
    """How to authenticate: at most one of bearer and bearer_file; the value never leaves the process."""

    bearer: SecretStr | None = Field(default=None, description="the key itself; write ${ENV_NAME}, never the key")
    bearer_file: str | None = Field(default=None, description="a file that holds the key, read at start")
    header: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")] = "Authorization"

    @model_validator(mode="after")
    def _one_way(self) -> Auth:
        if self.bearer is not None and self.bearer_file is not None:
            raise ValueError("bearer and bearer_file exclude each other; give one")
        return self

    @field_validator("bearer")
    @classmethod
    def _one_line(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and not key.get_secret_value().isprintable():
            raise ValueError("the key holds a line break or another control character; it cannot go into a header")
        return key


class Tls(Strict):
    """How to trust the endpoint. Verification can name another CA, never be switched off."""

    ca_file: str | None = None


class Price(Strict):
    """What a million tokens cost, in the currency of the provider."""

    tokens_in: Money
    tokens_out: Money


class Budget(Strict):
    """What probing a provider may cost in a day (UTC); what is not given has no limit."""

    requests_day: Annotated[int, Field(ge=0)] | None = None
    tokens_day: Annotated[int, Field(ge=0)] | None = None
    money_day: Money | None = None


class Target(Strict):
    """One model behind one endpoint."""

    model: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    url: Url
    auth: Auth = Auth()
    accounts: dict[Name, Auth] = Field(
        default_factory=dict,
        max_length=ACCOUNTS_MAX,
        description="several ways to authenticate, used in turn at random",
    )
    tls: Tls = Tls()
    access_path: Text = "direct"
    modules: tuple[Name, ...] = Field(min_length=1, description="names of probe modules in touchstone.yaml")
    count_by: Literal["chunks", "words", "tokenizer"] = "chunks"
    tokenizer: str | None = Field(default=None, description="the model's tokenizer.json, for `count_by: tokenizer`")
    price: Price | None = Field(default=None, description="else the provider's")

    @model_validator(mode="after")
    def _one_way_to_authenticate(self) -> Target:
        if self.accounts and self.auth != Auth():
            raise ValueError("auth and accounts exclude each other; give one")
        return self

    @model_validator(mode="after")
    def _a_tokenizer_is_a_file(self) -> Target:
        if (self.count_by == "tokenizer") != (self.tokenizer is not None):
            raise ValueError("count_by: tokenizer and the file tokenizer go together; give both or neither")
        return self


class Cluster(Strict):
    """One pool of hardware in one region."""

    region: Text = ""
    claims: Claims = Claims()
    targets: dict[Name, Target] = Field(min_length=1)


class Provider(Strict):
    """A company that rents out GPUs or serves inference on them."""

    name: Text = ""
    budget: Budget = Budget()
    price: Price | None = None
    currency: Currency | None = Field(
        default=None, description="of its prices and of its budget, three letters; null: `value.currency`"
    )
    clusters: dict[Name, Cluster] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Place:
    """One target with where it stands. id is `provider/cluster/target`."""

    provider: str
    cluster: str  # `provider/cluster`
    id: str
    region: str
    target: Target
    price: Price | None = None  # the target's, else the provider's


class Fleet(Strict):
    """All providers, as merged from every fleet file."""

    providers: dict[Name, Provider] = Field(min_length=1)

    def budgets(self) -> dict[str, Budget]:
        """The budget of every provider that has one."""
        return {name: provider.budget for name, provider in self.providers.items() if provider.budget != Budget()}

    def prices(self) -> dict[str, Price]:
        """What a million tokens cost, by provider, and by target where that has a price of its own."""
        found = {name: provider.price for name, provider in self.providers.items() if provider.price is not None}
        return found | {one.id: one.target.price for one in self.places() if one.target.price is not None}

    def currencies(self, usual: str) -> dict[str, str]:
        """The currency of every provider's prices: its own, else the *usual* one."""
        return {name: provider.currency or usual for name, provider in self.providers.items()}

    def places(self) -> Iterator[Place]:
        """Every target with where it stands, sorted by id."""
        for provider_id, provider in sorted(self.providers.items()):
            for cluster_name, cluster in sorted(provider.clusters.items()):
                for target_name, target in sorted(cluster.targets.items()):
                    yield Place(
                        provider=provider_id,
                        cluster=f"{provider_id}/{cluster_name}",
                        id=f"{provider_id}/{cluster_name}/{target_name}",
                        region=cluster.region,
                        target=target,
                        price=target.price or provider.price,
                    )
