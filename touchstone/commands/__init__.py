"""One file per command; touchstone/cli.py is the catalogue."""
