"""The whole house on one machine: the simulated fleet, the store, the collector, the agent and the dashboard."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from simulator.configuration import write_configuration
from simulator.world import World
from touchstone.address import free_port
from touchstone.supervisor import Program

CLUSTERS = 90
CLOUD_PORTS = range(18100, 30000, 100)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything listens, on loopback."""

    clouds: int
    store: int
    collector: int
    dashboard: int
    receiver: int

    @classmethod
    def free(cls) -> Addresses:
        """Ports that nobody listens on now, the usual ones when they are free."""
        clouds = next(first for first in CLOUD_PORTS if all(_is_free(first + n) for n in range(CLUSTERS)))
        return cls(clouds, free_port(8123), free_port(4318), free_port(8501), free_port(18099))

    @property
    def dashboard_url(self) -> str:
        """What to open in a browser."""
        return f"http://127.0.0.1:{self.dashboard}"


@dataclass(frozen=True, slots=True)
class House:
    """What `up` runs: files in *folder*, programs by name."""

    folder: Path
    world: World
    addresses: Addresses
    config: Path

    @classmethod
    def built(cls, folder: Path, world: World, addresses: Addresses) -> House:
        """Write the configuration of *world* into *folder*."""
        config = write_configuration(
            world,
            folder / "config",
            cloud_port=addresses.clouds,
            store_url=f"http://127.0.0.1:{addresses.store}",
            store_path=str(folder / "store"),
            collector_listen=f"127.0.0.1:{addresses.collector}",
            dashboard_listen=f"127.0.0.1:{addresses.dashboard}",
            receiver_url=f"http://127.0.0.1:{addresses.receiver}",
            spool=str(folder / "spool.db"),
            state=str(folder / "state.db"),
            ca_dir=folder / "authority",
        )
        return cls(folder, world, addresses, config)

    @property
    def pages_file(self) -> Path:
        """Where the receiver records what arrives."""
        return self.folder / "pages.jsonl"

    def programs(self, script_starts: datetime, history_days: int) -> tuple[Program, ...]:
        """Everything to start, in order; *script_starts* is the zero of the live incidents."""
        world = ("--seed", str(self.world.seed), "--shuffle", str(self.world.shuffle))
        config = ("-c", str(self.config))
        secret = str(self.config.parent / "secrets" / "webhook-secret")
        clouds = ("simulate", "serve", "--base-port", str(self.addresses.clouds))
        receiver = ("receiver", "--listen", f"127.0.0.1:{self.addresses.receiver}")
        return (
            Program("store", (*config, "store"), stop_s=20.0),
            Program(
                "clouds",
                (*clouds, "--start", script_starts.isoformat(), "--ca-dir", str(self.folder / "authority"), *world),
            ),
            Program("receiver", (*receiver, "--file", str(self.pages_file), "--secret-file", secret)),
            Program("collect", (*config, "-v", "collect"), stop_s=20.0),
            Program("agent", (*config, "agent"), stop_s=60.0),
            Program("traffic", (*config, "simulate", "traffic", *world), nice=5, stop_s=15.0),
            Program("dashboard", (*config, "dashboard"), nice=5),
            Program(
                "history", (*config, "simulate", "history", "--days", str(history_days), *world), once=True, nice=10
            ),
        )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
