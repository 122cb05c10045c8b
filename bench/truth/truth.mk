# Whether tiers are the truth, on a thousand simulated markets: docs/benches.md. `QUICK=1 make bench-truth` is small.
.PHONY: bench-truth

bench-truth: $(VENV)/.installed-dev ## tiers of simulated markets whose truth is known: errors, and days to it (QUICK=1 for a small run)
	@$(BIN)/python -m bench.truth $(if $(QUICK),--quick)
