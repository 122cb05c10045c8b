"""A real PostgreSQL server of the tests' own, from Debian's package, on a loopback port, in a temporary folder."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.support.processes import wait_for
from touchstone.address import free_port

USER, PASSWORD = "touchstone", "hunter2-and-more"


class PostgresServer:
    """Started in *folder* under a user that is not root; clients show PASSWORD (SCRAM)."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder, self.port = programs, folder, free_port()
        self._who = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        if self._who:
            found = pwd.getpwnam("postgres")
            os.chown(folder, found.pw_uid, found.pw_gid)
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self._run(
            "initdb", "-D", str(folder / "data"), "-U", USER, "-A", "scram-sha-256", "--pwfile", str(secret), "-N"
        )
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._log = (self._folder / "log").open("ab")
        self._process = subprocess.Popen(
            [
                str(self._programs / "postgres"), "-D", str(self._folder / "data"), "-p", str(self.port),
                "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self._folder}",
                "-c", "fsync=off", "-c", "shared_buffers=16MB",
            ],
            stdout=self._log, stderr=self._log, cwd=self._folder, **self._who,
        )  # fmt: skip
        wait_for("PostgreSQL", self._answers)

    def stop(self) -> None:
        """Cut every connection and stop."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=30)
        self._log.close()

    def database(self, name: str) -> str:
        """The URL, without the password, of a database made anew."""
        for statement in (f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}"):
            self.tell(statement)
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"

    def tell(self, statement: str, database: str = "postgres") -> str:
        """What psql answers to *statement*."""
        return self._run(
            "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-d", database, "-AtXqc", statement
        )

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self._folder / "log").read_text()
        ready = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(ready, check=False).returncode == 0

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [str(self._programs / program), *arguments], capture_output=True, text=True, cwd=self._folder, check=False,
            env={"PATH": os.environ["PATH"], "PGPASSWORD": PASSWORD, "LC_ALL": "C.UTF-8"}, **self._who,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running server; skips, saying what is missing, where Debian's package or the driver is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("Debian's postgresql is not installed (apt-get install --no-install-recommends postgresql)")
    if find_spec("psycopg") is None:
        pytest.skip("psycopg is not installed (the extra `postgres`)")
    folder = Path(tempfile.mkdtemp(prefix="touchstone-postgres-"))
    folder.chmod(0o755)
    server = PostgresServer(found[-1].parent, folder)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def secret() -> SecretStr:
    """The password as the settings hold it."""
    return SecretStr(PASSWORD)
