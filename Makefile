# Every command of the project: demo · test · check · bench · docs. Each sets up what it needs.
SHELL := /bin/bash
PY := .venv/bin/python
export THAPSANG_DB_KEY ?= main

.PHONY: demo test check bench docs install lock format

install: .venv/installed
	@:

.venv/installed: requirements/lock.txt requirements/bootstrap.txt pyproject.toml tools/install.sh
	@bash tools/install.sh

demo: install
	@.venv/bin/thapsang demo run $(if $(PORT),--port $(PORT))

test: install
	@bash tools/test.sh

check: install
	@bash tools/check.sh

bench: install
	@$(PY) -m bench

docs: install
	@$(PY) tools/docs.py

format: install
	@.venv/bin/ruff check -q --fix src tests bench tools; .venv/bin/ruff format -q src tests bench tools

lock:
	@.venv/bin/uv pip compile -q --python-version 3.11 --generate-hashes --no-header requirements/dev.in -o requirements/lock.txt
	@grep -A100 '^uv==' requirements/lock.txt | awk 'NR>1 && /^[a-z]/ {exit} {print}' | grep -v '# ' > requirements/bootstrap.txt
