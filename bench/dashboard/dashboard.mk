# How fast the dashboard is over ninety days of ninety clusters, and with twenty viewers: docs/benches.md. `QUICK=1 make bench-dashboard` is small.
.PHONY: bench-dashboard

bench-dashboard: $(VENV)/.installed-dev $(VENV)/.installed-debian ## pages, filters, 20 viewers at once over 70 million observations (QUICK=1 for two days)
	@$(BIN)/python -m bench.dashboard $(if $(QUICK),--quick)
