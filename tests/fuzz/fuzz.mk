# Coverage-guided fuzzing of the stream readers; atheris lies outside the lock files, only this uses it.
ATHERIS := .bench/atheris
SECONDS ?= 60

.PHONY: fuzz

$(ATHERIS)/.installed: | $(BIN)/python
	@rm -rf $(ATHERIS)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --no-deps --target $(ATHERIS) atheris==3.0.0
	@touch $@

fuzz: $(VENV)/.installed-dev $(ATHERIS)/.installed ## fuzz the stream readers, guided by coverage (SECONDS=60)
	@mkdir -p .bench/fuzz/corpus
	PYTHONPATH=.:$(ATHERIS) $(BIN)/python -m tests.fuzz.guided .bench/fuzz/corpus -dict=tests/fuzz/words.dict \
	  -max_total_time=$(SECONDS) -max_len=4096 -artifact_prefix=.bench/fuzz/ -print_final_stats=1
