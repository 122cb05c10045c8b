# kill -9 at random moments under load, and what it must come to: nothing lost, nothing doubled, rollups equal the facts.
KILLS ?= 50
CHAOS_SEEDS ?= 1

.PHONY: chaos chaos-outage

chaos: $(VENV)/.installed-dev ## kill agent, collector and store under load, then count (KILLS=50 CHAOS_SEEDS=1)
	$(BIN)/python -m tests.chaos.kills --kills $(KILLS) --seeds $(CHAOS_SEEDS)

OUTAGE_S ?= 600
chaos-outage: $(VENV)/.installed-dev ## the store gone for ten minutes under load (OUTAGE_S=600)
	TOUCHSTONE_OUTAGE_S=$(OUTAGE_S) $(BIN)/python -m pytest -s tests/chaos/test_outage.py
