"""`touchstone dashboard`: serve the dashboard."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import click

from touchstone.session import Session, json_option, pass_session


@click.command("dashboard")
@click.option("--listen", metavar="HOST:PORT", help="Where to listen (default: dashboard.listen of the settings).")
@json_option
@pass_session
def command(session: Session, listen: str | None, as_json: bool) -> NoReturn:
    """Serve the dashboard until SIGTERM; this process becomes Streamlit's."""
    from importlib.util import find_spec
    from pathlib import Path

    import dashboard
    from dashboard.settings import PageSettings
    from touchstone.address import split_address

    if find_spec("streamlit") is None:
        raise click.ClickException("the dashboard needs Streamlit: install touchstone[dashboard]")
    configuration = session.configuration
    login = configuration.settings.dashboard.login
    if login is not None and not (find_spec("authlib") and find_spec("httpx")):
        raise click.ClickException("dashboard.login needs Authlib and httpx: install touchstone[dashboard]")
    host, port = split_address(listen or configuration.settings.dashboard.listen)
    shown = f"[{host}]" if ":" in host else host
    environ = os.environ | PageSettings.of(configuration).to_environ()
    environ |= {
        "TOUCHSTONE_CONFIG": str((session.config_path or Path("touchstone.yaml")).absolute()),
        "TOUCHSTONE_DASHBOARD_URL": f"http://{shown}:{port}",
        "TOUCHSTONE_DASHBOARD_READY": "json" if as_json else "text",
    }
    script = Path(dashboard.__file__).with_name("server.py")
    options: tuple[str, ...] = ("--server.address", host, "--server.port", str(port))
    if login is not None:  # whatever the environment or a file of Streamlit's says
        options += ("--server.trustedUserHeaders", "{}", "--server.enableAgentApi", "false")
    arguments = [sys.executable, "-m", "touchstone.dashboard_process", "run", str(script), *options]
    sys.stdout.flush()
    os.execve(sys.executable, arguments, environ)  # the signals of this process are Streamlit's from here on
