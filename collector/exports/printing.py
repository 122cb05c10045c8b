"""
Pages on paper: HTML to PDF by a Chromium that is installed here.

Chromium writes the time of printing into the file, the only thing of it that differs from one run to the next: it is
replaced by an instant that is given, so that the same page and the same Chromium make the same bytes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from schemas.errors import ExportError

BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
PRINT_S = 60
MISSING = (
    "a PDF is printed by Chromium, and none is installed (Debian: apt-get install chromium); format html needs none"
)
_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # the page asks for nothing, and could not
    "--no-pdf-header-footer",
    "--disable-pdf-tagging",
)
_DATE = re.compile(rb"/(CreationDate|ModDate) \(D:[0-9]{14}[^)]{0,7}\)")


def installed() -> str | None:
    """The program that prints; None without one."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def printed(html: str, dated: datetime) -> bytes:
    """*html* as PDF that says it was made at *dated*; raises ExportError."""
    browser = installed()
    if browser is None:
        raise ExportError(MISSING)
    with TemporaryDirectory(prefix="touchstone-print-") as folder:
        page, made = Path(folder) / "page.html", Path(folder) / "page.pdf"
        page.write_text(html, encoding="utf-8")
        sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()  # Chromium refuses root otherwise
        place = (f"--user-data-dir={folder}/profile", f"--print-to-pdf={made}", page.as_uri())
        try:
            done = subprocess.run(
                [browser, *_FLAGS, *sandbox, *place], capture_output=True, timeout=PRINT_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise ExportError(f"{browser} has not printed within {PRINT_S} s") from None
        if not made.exists():
            raise ExportError(f"{browser} printed nothing (exit code {done.returncode})")
        return _DATE.sub(lambda found: _stamped(found, dated), made.read_bytes())


def _stamped(found: re.Match[bytes], dated: datetime) -> bytes:
    """The same entry, as long as before (places in the file are counted in bytes), saying *dated*."""
    said = f"/{found[1].decode()} (D:{dated.astimezone(UTC):%Y%m%d%H%M%S}+00'00'"
    return said.encode()[: len(found[0]) - 1].ljust(len(found[0]) - 1) + b")"
