#!/usr/bin/env bash
# ruff, mypy strict, the import contracts, the architecture tests and the migrations check.
set -uo pipefail
cd "$(dirname "$0")/.."
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
failed=0

.venv/bin/mypy >"$log/mypy" 2>&1 & mypy=$!
run() { # name, command …
  local name=$1; shift
  if "$@" >"$log/$name" 2>&1; then echo "ok    $name"; else echo "FAILED $name"; cat "$log/$name"; failed=1; fi
}
run "ruff" .venv/bin/ruff check src tests bench tools
run "format" .venv/bin/ruff format --check -q src tests bench tools
run "contracts" .venv/bin/lint-imports
run "architecture" .venv/bin/pytest -q tests/architecture -p no:randomly
run "migrations" env PYTHONWARNINGS=ignore .venv/bin/django-admin makemigrations --check --dry-run --settings thapsang.config.settings
wait "$mypy" && echo "ok    mypy" || { echo "FAILED mypy"; cat "$log/mypy"; failed=1; }
exit $failed
