#!/usr/bin/env bash
# Create .venv and install the lock file. Works on a bare Debian 12 with Python 3.11, as root or not.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(command -v python3.11 || command -v python3)
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "Python 3.11 or newer is needed; $("$python" --version) was found." >&2; exit 1; }

if [ ! -x .venv/bin/pip ]; then
  rm -rf .venv
  if ! "$python" -m venv .venv 2>/dev/null; then
    rm -rf .venv
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
      echo "Installing python3-venv (Debian keeps it apart) …"
      apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
      "$python" -m venv .venv
    else
      echo "Python's venv is missing. As root: apt-get install python3-venv. Then run this again." >&2; exit 1
    fi
  fi
fi
echo "Installing the pinned packages …"
.venv/bin/python -m pip install -q --require-hashes -r requirements/bootstrap.txt
# Compiled now, once: Python itself may not be allowed to keep what it compiles, and then each start takes twice as long.
.venv/bin/python -m uv pip sync --compile-bytecode --require-hashes --python .venv/bin/python requirements/lock.txt
.venv/bin/python -m uv pip install -q --no-deps --python .venv/bin/python -e .
touch .venv/installed
