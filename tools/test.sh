#!/usr/bin/env bash
# All tests against a real PostgreSQL. Extra words go to pytest: `bash tools/test.sh tests/unit -k rating`.
set -euo pipefail
cd "$(dirname "$0")/.."
bash tools/system.sh
export THAPSANG_DB_KEY="${THAPSANG_TEST_DB_KEY:-test}"
if [ $# -gt 0 ]; then exec .venv/bin/pytest "$@"; fi
.venv/bin/pytest -q -n 2 --dist loadfile --durations=15
