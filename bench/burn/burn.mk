# How often a healthy target would page, and how late a sick one: docs/benches.md. `QUICK=1 make bench-false-pages` is small.
.PHONY: bench-false-pages

bench-false-pages: $(VENV)/.installed-dev ## false pages of burn rates by simulation, and their delay (QUICK=1 for a small run)
	@$(BIN)/python -m bench.burn $(if $(QUICK),--quick)
