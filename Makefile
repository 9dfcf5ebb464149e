# `make demo` and `make test` need make and Python 3.11 or newer; each makes .venv itself, once.
PYTHON ?= python3
RECURRA = .venv/bin/recurra

.PHONY: demo test check clean

demo: .venv/complete  ## train five networks on the built-in flights, compare them, predict three sentences
	@$(RECURRA) compare slots --cells feedforward,elman,jordan,lstm,gru \
		--predict "arrive Taipei on November 2nd" \
		--predict "leave Taipei on November 2nd" \
		--predict "I would like to leave Berlin and then arrive Tokyo at nine"

test: .venv/complete  ## all tests
	@.venv/bin/python -m pytest -q

check: .venv/complete  ## style, types, layering
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/python -m pytest -q tests/test_layering.py

clean:  ## what the other targets made
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis recurra.egg-info build

.venv/complete: pyproject.toml constraints.txt tools/environment.py
	@command -v $(PYTHON) >/dev/null || { echo "Recurra needs Python 3.11 or newer, and there is no $(PYTHON): say make PYTHON=/path/to/python3." >&2; exit 2; }
	@$(PYTHON) tools/environment.py
