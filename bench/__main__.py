"""Run the benchmarks and print JSON lines: `python -m bench [name …]`.

A module of this folder has `run() -> Iterable[dict]` with name, value, unit, floor, ratio.
Each runs in a process of its own; THAPSANG_BENCH_CUSTOMERS sizes those that touch the database. The product's
modules are compiled beforehand, as every start but the first finds them.
"""

from __future__ import annotations

import compileall
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

NAMES = [
    "rating", "relief", "relief_journey", "readings", "demo_load", "search", "bill_run", "payments", "portal",
    "einvoice", "invoices", "bill_pdf",
]  # fmt: skip


def one(name: str) -> None:
    """Run one benchmark in this process."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "thapsang.config.settings")
    import django

    django.setup()
    for row in importlib.import_module(f"bench.{name}").run():
        print(json.dumps(row, ensure_ascii=False), flush=True)


def main() -> int:
    """Run the named benchmarks, or all that exist."""
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2])
        return 0
    here = Path(__file__).parent
    compileall.compile_dir(here.parent / "src", quiet=1)
    names = sys.argv[1:] or [n for n in NAMES if (here / f"{n}.py").exists()]
    environment = {**os.environ, "THAPSANG_DB_KEY": os.environ.get("THAPSANG_BENCH_DB_KEY", "bench")}
    failed = [
        name
        for name in names
        if subprocess.run(
            [sys.executable, "-m", "bench", "--one", name], env=environment, check=False
        ).returncode
    ]
    if failed:
        print("failed:", *failed, file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
