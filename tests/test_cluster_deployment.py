"""deploy/cluster: compose file, servers' configuration and DDL agree with each other; nothing is started."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path, PurePosixPath

import pytest
import yaml

from collector.storage.otel_traces import definitions
from schemas.config import Configuration, Store
from tests.support.compose import ROOT, SECRETS, Compose
from touchstone.config_file import load_configuration

FOLDER = ROOT / "deploy" / "cluster"
COMPOSE = Compose(FOLDER / "docker-compose.yml")
CLUSTER = ET.parse(FOLDER / "cluster.xml").getroot()
KEEPER = ET.parse(FOLDER / "keeper.xml").getroot()
OTEL = yaml.safe_load((FOLDER / "otel-collector.yaml").read_text())
SERVERS = sorted(name for name in COMPOSE.services if name.startswith("clickhouse-"))
KEEPERS = sorted(name for name in COMPOSE.services if name.startswith("keeper-"))


def configuration(tmp_path: Path) -> Configuration:
    """What collect would read."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in COMPOSE.services["collect"].secrets:
        (secrets / name).write_text("whsec_c2VjcmV0LW9mLXRoZS10ZXN0cy10aGF0LWlzLWxvbmc=")
    for inside, outside in (("touchstone", FOLDER / "config"), ("touchstone-fleet", ROOT / "deploy/config/fleet")):
        (tmp_path / inside).mkdir()
        for file in outside.glob("*.yaml"):
            (tmp_path / inside / file.name).write_text(file.read_text().replace(str(SECRETS), str(secrets)))
    environment = COMPOSE.services["collect"].environment | {"TOUCHSTONE_PAGE_URL": "http://pages.example/webhook"}
    return load_configuration(tmp_path / "touchstone/touchstone.yaml", environment)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """The store of those settings."""
    return configuration(tmp_path).settings.store


def text_of(root: ET.Element, path: str) -> list[str]:
    """The texts at *path*."""
    return [(element.text or "").strip() for element in root.findall(path)]


def test_there_are_two_shards_of_two_replicas_and_three_keepers() -> None:
    """Every server of the cluster is a service, in the shard that its environment says."""
    shards = CLUSTER.findall("remote_servers/touchstone/shard")
    hosts = [text_of(shard, "replica/host") for shard in shards]

    assert [len(several) for several in hosts] == [2, 2]
    assert sorted(host for several in hosts for host in several) == SERVERS
    for number, several in enumerate(hosts, 1):
        for replica, host in enumerate(several, 1):
            environment = COMPOSE.services[host].environment
            assert (environment["SHARD"], environment["REPLICA"]) == (str(number), str(replica))
    assert all(shard.findtext("internal_replication") == "true" for shard in shards)
    assert len(KEEPERS) == 3


def test_a_service_is_known_by_the_name_that_the_others_call_it() -> None:
    """Replicas fetch from the host name that a server announces."""
    for name in (*SERVERS, *KEEPERS):
        assert COMPOSE.services[name].value["hostname"] == name


def test_the_macros_are_those_that_the_tables_ask_for(store: Store) -> None:
    """Both from the environment, so that one file serves every server."""
    asked = {macro for sql in definitions(store) for macro in re.findall(r"\{(\w+)\}", sql)}
    macros = {element.tag: element.get("from_env") for element in CLUSTER.find("macros") or ()}

    assert set(macros) == asked == {"shard", "replica"}
    for name in SERVERS:
        assert {variable for variable in macros.values() if variable} <= set(COMPOSE.services[name].environment)


def test_the_cluster_is_the_one_of_the_settings(store: Store) -> None:
    """Its name, its address, its user; the password is a file that servers and settings share."""
    assert store.cluster in {element.tag for element in CLUSTER.find("remote_servers") or ()}
    assert store.url == "http://clickhouse:8123"
    for name in SERVERS:
        service = COMPOSE.services[name]
        assert service.value["networks"]["default"]["aliases"] == ["clickhouse"]
        assert service.environment["CLICKHOUSE_USER"] == store.user
        assert service.environment["CLICKHOUSE_PASSWORD_FILE"] == "/run/secrets/clickhouse_password"
        assert {"clickhouse_password", "cluster_secret.xml"} == set(service.secrets)


def test_keeper_is_where_the_servers_look_for_it() -> None:
    """Each member by its name, port and number."""
    port = KEEPER.findtext("keeper_server/tcp_port")
    nodes = [(node.findtext("host"), node.findtext("port")) for node in CLUSTER.findall("zookeeper/node")]
    members = KEEPER.findall("keeper_server/raft_configuration/server")

    assert nodes == [(name, port) for name in KEEPERS]
    assert [member.findtext("hostname") for member in members] == KEEPERS
    for member in members:
        number = COMPOSE.services[member.findtext("hostname") or ""].environment["KEEPER_ID"]
        assert number == member.findtext("id")
    identity = KEEPER.find("keeper_server/server_id")
    assert identity is not None and identity.get("from_env") == "KEEPER_ID"
    for name in KEEPERS:
        assert f"127.0.0.1/{port}" in " ".join(COMPOSE.services[name].value["healthcheck"]["test"])


def test_every_file_that_is_mounted_exists() -> None:
    """At a place where the server, the Keeper or the collector reads it."""
    places = {"config.d/cluster.xml", "clickhouse-keeper/keeper_config.xml", "otelcol/otel-collector.yaml"}
    found = set()
    for service in COMPOSE.services.values():
        for volume in service.value.get("volumes", ()):
            source, inside = volume.split(":")[:2]
            if source.startswith("."):
                assert (FOLDER / source).exists(), source
                found.add("/".join(PurePosixPath(inside).parts[-2:]))
    assert places <= found


def test_no_secret_stands_in_a_file() -> None:
    """Passwords are included from files that git ignores, named once for all who need them."""
    defined = COMPOSE.value["secrets"]
    granted = {secret for service in COMPOSE.services.values() for secret in service.secrets}
    included = [
        element for root in (CLUSTER, KEEPER) for element in root.iter() if element.tag in {"secret", "password"}
    ]

    assert granted == set(defined)
    assert {str((FOLDER / secret["file"]).resolve().parent) for secret in defined.values()} == {
        str(ROOT / "deploy/secrets")
    }
    assert included and all(one.get("incl") == "cluster_secret" and not one.text for one in included)
    assert text_of(CLUSTER, "include_from") == ["/run/secrets/cluster_secret.xml"]
    assert OTEL["exporters"]["clickhouse"]["password"] == "${file:/run/secrets/clickhouse_password}"
    assert OTEL["extensions"]["bearertokenauth"] == {"filename": "/run/secrets/ingest_token"}
    assert {"clickhouse_password", "ingest_token"} == set(COMPOSE.services["otel-collector"].secrets)


def test_the_exporter_writes_to_the_table_of_the_settings(store: Store) -> None:
    """Which touchstone makes; acknowledged only when it is stored, and tried for ever."""
    exporter = OTEL["exporters"]["clickhouse"]

    assert (exporter["endpoint"], exporter["database"], exporter["username"]) == (store.url, store.database, store.user)
    assert exporter["traces_table_name"] == store.otel_traces
    assert (exporter["create_schema"], exporter["async_insert"]) == (False, False)
    assert exporter["connection_params"]["distributed_foreground_insert"] == "1"
    assert exporter["connection_params"]["insert_quorum"] == "auto"
    assert exporter["retry_on_failure"]["max_elapsed_time"] == "0s"
    assert exporter["sending_queue"]["block_on_overflow"] is True


def test_what_the_otel_collector_acknowledges_is_on_its_disk() -> None:
    """A queue in a volume, fsynced; every part that is defined is switched on."""
    service, storage = COMPOSE.services["otel-collector"], OTEL["extensions"]["file_storage"]

    assert OTEL["exporters"]["clickhouse"]["sending_queue"]["storage"] == "file_storage"
    assert storage["fsync"] is True
    assert any(folder in PurePosixPath(storage["directory"]).parents for folder in service.writable)
    assert set(OTEL["service"]["extensions"]) == set(OTEL["extensions"])
    assert OTEL["service"]["pipelines"] == {"traces": {"receivers": ["otlp"], "exporters": ["clickhouse"]}}
    http = OTEL["receivers"]["otlp"]["protocols"]["http"]
    assert http["auth"] == {"authenticator": "bearertokenauth"}
    assert service.published == {int(http["endpoint"].rsplit(":")[-1]): "127.0.0.1:4319"}
    assert service.argv == ["--config=/etc/otelcol/otel-collector.yaml"]


def test_published_ports_are_loopbacks_and_images_are_the_pinned_ones() -> None:
    """The server's version is that of the deployment on one server; Keeper's is the server's."""
    for service in COMPOSE.services.values():
        assert all(outside.startswith("127.0.0.1:") for outside in service.published.values()), service.name
    single = Compose().services["clickhouse"].value["image"]
    tag = single.rsplit(":", 1)[1]

    assert {COMPOSE.services[name].value["image"] for name in SERVERS} == {single}
    assert {COMPOSE.services[name].value["image"] for name in KEEPERS} == {f"clickhouse/clickhouse-keeper:{tag}"}
    assert re.fullmatch(r"[\w./-]+:\d+\.\d+\.\d+", COMPOSE.services["otel-collector"].value["image"])


def test_what_must_survive_lies_in_a_volume_of_its_own() -> None:
    """Every server, Keeper, the queue and the ledger."""
    named = [
        volume.split(":")[0]
        for service in COMPOSE.services.values()
        for volume in service.value.get("volumes", ())
        if not volume.startswith(".")
    ]
    assert sorted(named) == sorted(COMPOSE.value["volumes"])
    for name in (*SERVERS, *KEEPERS):
        assert PurePosixPath("/var/lib/clickhouse") in COMPOSE.services[name].writable


def test_the_settings_are_valid(tmp_path: Path) -> None:
    """With what compose grants; the providers are those of the deployment on one server."""
    read = configuration(tmp_path)

    assert read.settings.store.embedded is None
    assert read.fleet.providers
    assert (read.settings.collector.listen, read.settings.dashboard.listen) == ("0.0.0.0:4318", "0.0.0.0:8501")
