# How true our timings are, beside the peers: docs/benches.md. `QUICK=1 make bench-measure` takes about a minute.
BLACKBOX := prometheus-blackbox-exporter

.PHONY: bench-measure

# A peer that cannot be had is reported as absent, so none of these may end the bench.
bench-measure: $(VENV)/.installed-dev ## timing errors, CPU and targets per core beside other tools (QUICK=1 for a small run, REPEATS=1)
	-@$(MAKE) --no-print-directory engine-install
	-@command -v $(BLACKBOX) >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(BLACKBOX) >/dev/null; } || \
	  echo "bench: not root, so $(BLACKBOX) stays absent: apt-get install $(BLACKBOX)"
	@$(BIN)/python -m bench.measure $(if $(QUICK),--quick) $(if $(REPEATS),--repeats $(REPEATS))
