"""A whole house whose one target refuses every connection, so that an incident is open within seconds."""

from __future__ import annotations

from typing import Any

from tests.support.processes import Deployment

TOKEN = "a-token-of-the-collector"


def write(made: Deployment, listen: str, **dashboard: Any) -> None:
    """The settings of *made*: a collector that asks for a token, and a dashboard on *listen* that has it."""
    url = f"http://127.0.0.1:{made.collector_port}"
    (made.folder / "token").write_text(TOKEN)
    made.write(
        target={"model": "m", "url": "http://127.0.0.1:1/v1"},
        module={"kind": "http_request", "interval": "1s", "timeout": "1s"},
        agent={
            "spool": str(made.folder / "spool.db"), "collector_url": url, "ship_every": "250ms", "token_file": "token",
        },
        collector={
            "listen": f"127.0.0.1:{made.collector_port}", "state": str(made.folder / "state.db"),
            "judge_every": "1s", "tokens": {"all": {"secret_file": "token"}},
        },
        dashboard={"listen": listen, "collector_url": url, "token_file": "token"} | dashboard,
    )  # fmt: skip


def start(made: Deployment) -> None:
    """Everything, until each has said that it is there."""
    made.start("store")
    made.said("store", "store: http")
    made.start("collect")
    made.said("collect", "collector: http")
    made.start("agent")
    made.start("dashboard")
    made.said("dashboard", "dashboard: http")
