"""What `touchstone dashboard` becomes: Streamlit, with the clock that sessions of a login end by."""

from __future__ import annotations


def main() -> None:
    """Run Streamlit's command line."""
    from streamlit.web.cli import main as streamlit

    from dashboard import login
    from touchstone.system_clock import SystemClock

    login.keep_time_by(SystemClock())
    streamlit(prog_name="streamlit")


if __name__ == "__main__":
    main()
