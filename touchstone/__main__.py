"""`python -m touchstone`."""

from touchstone.cli import main

main()
