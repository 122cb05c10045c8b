"""What measures a simulated fleet: touchstone.yaml, for each provider a fleet file and a contract, their secrets."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from simulator.certificate import certificate
from simulator.commerce import contract, token_price
from simulator.dice import throw
from simulator.sky import HOST, port_of, tls_cluster
from simulator.world import MODEL, PAGE_MODULE, TARGET, VANTAGES, Cloud, Site, World

DATABASE = "touchstone_simulated"
MODULE = "chat-short"
PAGE_EVERY = "10s"  # three good ones end an incident: at 30 s the end of an outage was paged 80 s later
_LINE = 120

# name -> (file in the folder `secrets`, environment variable)
_SECRETS: Mapping[str, tuple[str, str]] = {
    "key": ("cloud-key", "SIMULATED_CLOUD_KEY"),
    "webhook": ("webhook-secret", "SIMULATED_WEBHOOK_SECRET"),
    "pagerduty": ("pagerduty-routing-key", "SIMULATED_ROUTING_KEY"),
    "ingest": ("ingest-token", "SIMULATED_INGEST_TOKEN"),
}


def write_configuration(
    world: World,
    folder: Path,
    *,
    cloud_port: int,
    store_url: str,
    store_path: str,
    collector_listen: str,
    dashboard_listen: str,
    receiver_url: str,
    spool: str,
    state: str,
    ca_dir: Path | None = None,
    secret_files: bool = True,
) -> Path:
    """
    Write folder/touchstone.yaml, folder/fleet/*.yaml and folder/contracts/*.yaml; the path of the first.

    Paths are written as given. With *ca_dir* one cluster is asked over TLS, under the authority made there (give the
    same folder to `simulate serve`). Without *secret_files* no secret is written: the files name environment variables.
    """
    fleet, contracts = folder / "fleet", folder / "contracts"
    for made in (fleet, contracts):
        made.mkdir(parents=True, exist_ok=True)
    tls = certificate(ca_dir) if ca_dir else None
    if secret_files:
        _write_secrets(world, folder / "secrets")
    for cloud in world.clouds:
        provider = _provider(world, cloud, cloud_port, tls.authority.resolve() if tls else None, secret_files)
        _write(fleet / f"{cloud.id}.yaml", {"providers": {cloud.id: provider}})
        _write(contracts / f"{cloud.id}.yaml", {"contracts": {cloud.id: contract(world, cloud)}})
    settings = {
        "version": 1,
        "fleet": "fleet",
        "contracts": "contracts",
        "simulated": True,
        "vantage": {"name": VANTAGES[0], "region": "loopback"},
        "store": {"url": store_url, "database": DATABASE, "embedded": {"path": store_path}},
        "agent": {
            "spool": spool,
            "collector_url": f"http://{collector_listen}",
            **_secret("ingest", "token", secret_files),
        },
        "collector": {
            "listen": collector_listen,
            "tokens": {"agents": _secret("ingest", "secret", secret_files)},
            "state": state,
            "judge_every": "5s",
        },
        "dashboard": {
            "listen": dashboard_listen,
            "collector_url": f"http://{collector_listen}",
            **_secret("ingest", "token", secret_files),
        },
        "integrity": {"reply_days": 0},  # nobody reads letters there
        "modules": {
            MODULE: _module(),
            PAGE_MODULE: {"kind": "engine_metrics", "interval": PAGE_EVERY, "timeout": "5s"},
        },
        "objectives": [{"name": "chat-availability", "providers": ["*"], "objective": "99.5%", "window": "30d"}],
        "paging": _paging(receiver_url, secret_files),
    }
    path = folder / "touchstone.yaml"
    _write(path, settings)
    return path


def _secrets(world: World) -> dict[str, str]:
    """Every secret of *world*, derived from its seed: they guard nothing but a simulation on loopback."""
    signing = b64encode(throw(world.seed, "webhook", world.shuffle, size=32)).decode()
    routing = throw(world.seed, "routing", world.shuffle, size=16).hex()
    ingest = throw(world.seed, "ingest", world.shuffle, size=24).hex()
    return {"key": world.key, "webhook": f"whsec_{signing}", "pagerduty": routing, "ingest": ingest}


def _write_secrets(world: World, folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    for name, value in _secrets(world).items():
        file = folder / _SECRETS[name][0]
        file.touch(mode=0o600)
        file.write_text(value + "\n")


def _secret(name: str, key: str, secret_files: bool, up: str = "") -> dict[str, str]:
    """`key: ${ENV_NAME}`, or `key_file: secrets/...`; *up* leads from the file to the folder of touchstone.yaml."""
    file, variable = _SECRETS[name]
    return {f"{key}_file": f"{up}secrets/{file}"} if secret_files else {key: f"${{{variable}}}"}


def _module() -> dict[str, Any]:
    return {
        "kind": "chat_stream",
        "interval": "3s",
        "timeout": "5s",
        "ttft_timeout": "2s",
        "stall_timeout": "2s",
        "max_tokens_min": 8,
        "max_tokens": 24,
        "ttft_objective": "1s",
        "expect": {"echo_nonce": True},
    }


def _paging(receiver_url: str, secret_files: bool) -> dict[str, Any]:
    webhook = {"kind": "webhook", "url": f"{receiver_url}/webhook", **_secret("webhook", "secret", secret_files)}
    pagerduty = {
        "kind": "pagerduty",
        "url": f"{receiver_url}/v2/enqueue",
        **_secret("pagerduty", "routing_key", secret_files),
    }
    both = ["webhook", "pagerduty"]
    return {
        "deployment": "simulated",
        "private_addresses": True,  # the receiver is on loopback
        "destinations": {"webhook": webhook, "pagerduty": pagerduty},
        "routes": {"P0": both, "P1": list(both)},
    }


def _provider(
    world: World, cloud: Cloud, cloud_port: int, authority: Path | None, secret_files: bool
) -> dict[str, Any]:
    clusters = {}
    for site in cloud.sites:
        cluster = f"{cloud.id}/{site.name}"
        secure = authority is not None and cluster == tls_cluster(world)
        port = port_of(world, cluster, cloud_port)
        target = {
            "model": MODEL,
            "url": f"{'https' if secure else 'http'}://{HOST}:{port}/v1",
            "auth": _secret("key", "bearer", secret_files, up="../"),
            **({"tls": {"ca_file": str(authority)}} if secure else {}),
            "access_path": "direct",
            "modules": [MODULE, PAGE_MODULE],
            "count_by": "words",
        }
        clusters[site.name] = {"region": site.region, "claims": _claims(site), "targets": {TARGET: target}}
    return {"name": cloud.name, "price": token_price(world, cloud), "clusters": clusters}


def _claims(site: Site) -> dict[str, Any]:
    return {"gpu": site.gpu, "count": site.count, "precision": site.precision, "region": site.region}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    text = yaml.safe_dump(dict(content), sort_keys=False, width=_LINE, default_flow_style=False)
    said = (
        "# Written by `touchstone simulate config`: a fleet of simulated clouds, each on a loopback port of its own.\n"
    )
    path.write_text(said + text)
