"""
The engine's configuration, written beside nothing of the user's: what the one user of the engine may do, and limits.

chDB runs every query as its user `default`; so what that user is not granted (other servers, URLs, users, shutting
down) nobody can do, whatever the text of the query.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

from collector.storage.embedded.limits import Limits

DISPLAY_NAME = "touchstone"

_GRANTS = (
    "SHOW, SELECT, INSERT, ALTER, TRUNCATE, OPTIMIZE, CHECK, BACKUP, KILL QUERY, dictGet, UNDROP TABLE",
    "CREATE DATABASE, CREATE TABLE, CREATE VIEW, CREATE TEMPORARY TABLE, CREATE ARBITRARY TEMPORARY TABLE",
    "CREATE FUNCTION, DROP DATABASE, DROP TABLE, DROP VIEW, DROP FUNCTION",
    "SYSTEM FLUSH, SYSTEM MERGES, SYSTEM TTL MERGES, SYSTEM MOVES, SYSTEM VIEWS, SYSTEM DROP CACHE",
)


def write_engine_files(folder: Path, *, limits: Limits, backups: Path | None) -> Path:
    """Write the engine's configuration to *folder*; the path of its main file."""
    users, main = folder / "users.xml", folder / "engine.xml"
    users.write_text(_users(limits))
    allowed = f"<backups><allowed_path>{escape(str(backups))}</allowed_path></backups>" if backups else ""
    main.write_text(
        f"<clickhouse><users_config>{escape(str(users))}</users_config>"
        f"<display_name>{DISPLAY_NAME}</display_name>"
        f"<max_server_memory_usage>{limits.memory_bytes}</max_server_memory_usage>{allowed}</clickhouse>\n"
    )
    return main


def _users(limits: Limits) -> str:
    values = "".join(f"<{name}>{value}</{name}>" for name, value in limits.settings().items())
    bounds = "".join(
        f"<{name}><min>{'0.001' if name == 'max_execution_time' else 1}</min><max>{value}</max></{name}>"
        for name, value in limits.settings().items()
    )
    grants = "".join(f"<query>GRANT {grant} ON *.*</query>" for grant in _GRANTS)
    return (
        "<clickhouse><profiles><default><implicit_select>0</implicit_select>"
        f"{values}<constraints>{bounds}</constraints></default></profiles><users><default><password></password>"
        "<networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>"
        f"<grants>{grants}<query>GRANT TABLE ENGINE ON *</query><query>GRANT READ, WRITE ON FILE</query></grants>"
        "</default></users><quotas><default/></quotas></clickhouse>\n"
    )
