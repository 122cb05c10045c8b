# False alarms and power of the integrity checks, by simulation: docs/benches.md. `QUICK=1 make bench-integrity` is small.
.PHONY: bench-integrity

bench-integrity: $(VENV)/.installed-dev ## false alarms, power and delay of the integrity checks (QUICK=1 for a small run)
	@$(BIN)/python -m bench.integrity $(if $(QUICK),--quick)
