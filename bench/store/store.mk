# How fast rows come in and questions are answered, beside the peers: docs/benches.md. `QUICK=1 make bench-store` is small.
.PHONY: bench-store

bench-store: $(VENV)/.installed-dev ## ingest, and the dashboard's queries over 70 million observations (QUICK=1 for two days)
	@$(BIN)/python -m bench.store $(if $(QUICK),--quick)
