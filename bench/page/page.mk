# How soon a page comes, and what it survives, beside Alertmanager: docs/benches.md. `QUICK=1 make bench-page` is small,
# `THREE=1` watches the outages from three vantages.
.PHONY: bench-page

bench-page: $(VENV)/.installed-dev ## failure to page, recovery to resolve, delivery through faults, beside Alertmanager (QUICK=1, THREE=1)
	@sh bench/page/install_peers.sh
	@$(BIN)/python -m bench.page $(if $(QUICK),--quick) $(if $(THREE),--three)
