#!/usr/bin/env bash
# All tests against a real PostgreSQL. Extra words go to pytest: `bash tools/test.sh tests/unit -k rating`.
set -euo pipefail
cd "$(dirname "$0")/.."
bash tools/system.sh
export THAPSANG_DB_KEY="${THAPSANG_TEST_DB_KEY:-test}"
if [ $# -gt 0 ]; then exec .venv/bin/pytest "$@"; fi
# The browser's tests apart: Playwright leaves an event loop in its thread, which others must not find.
failed=0
.venv/bin/pytest -q -n 2 --dist loadfile --durations=10 --ignore tests/functional || failed=1
.venv/bin/pytest -q -n 2 --dist loadfile --durations=10 tests/functional || failed=1
exit $failed
