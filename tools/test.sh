#!/usr/bin/env bash
# All tests against a real PostgreSQL. Extra words go to pytest: `bash tools/test.sh tests/unit -k rating`.
set -euo pipefail
cd "$(dirname "$0")/.."
bash tools/system.sh
export THAPSANG_DB_KEY="${THAPSANG_TEST_DB_KEY:-test}"
if [ $# -gt 0 ]; then exec .venv/bin/pytest "$@"; fi
# A test that failed beside another on a crowded machine is run once more, alone, and said so; a second failure counts.
run() {
  local log ids
  log=$(mktemp)
  .venv/bin/pytest -q -n 2 --dist loadfile --durations=10 "$@" 2>&1 | tee "$log" && return 0
  mapfile -t ids < <(sed -nE 's/^(FAILED|ERROR) ([^ ]+::.*)$/\2/p' "$log" | sed 's/ - .*//' | sort -u)
  [ ${#ids[@]} -gt 0 ] && [ ${#ids[@]} -le 12 ] || return 1
  echo "Once more, alone: ${ids[*]}"
  .venv/bin/pytest -q "${ids[@]}"
}
# The browser's tests apart: Playwright leaves an event loop in its thread, which others must not find.
failed=0
run --ignore tests/functional || failed=1
run tests/functional || failed=1
exit $failed
