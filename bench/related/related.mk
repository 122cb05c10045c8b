# How often independent providers are said to fail together, and what is found: docs/correlation.md. `QUICK=1 make bench-related` is small.
.PHONY: bench-related

bench-related: $(VENV)/.installed-dev ## independent providers said to fail together, and power, by simulation (QUICK=1 for a small run)
	@$(BIN)/python -m bench.related $(if $(QUICK),--quick)
