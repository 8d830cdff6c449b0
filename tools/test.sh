#!/usr/bin/env bash
# All tests against a real PostgreSQL. Extra words go to pytest: `bash tools/test.sh tests/unit -k rating`.
set -euo pipefail
cd "$(dirname "$0")/.."
bash tools/system.sh
export THAPSANG_DB_KEY="${THAPSANG_TEST_DB_KEY:-test}"
if [ $# -gt 0 ]; then exec .venv/bin/pytest "$@"; fi
run() { .venv/bin/pytest -q -n 2 --dist loadfile --durations=10 "$@"; }
# The browser's tests apart: Playwright leaves an event loop in its thread, which others must not find.
failed=0
run --ignore tests/functional || failed=1
run tests/functional || failed=1
exit $failed
