"""`thapsang doctor` on a sound installation, and on one whose tables are missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from thapsang.kit.db.embedded import EmbeddedServer
from thapsang.kit.db.place import embedded_place


def _doctor(key: str, *more: str) -> tuple[int, dict[str, dict[str, object]]]:
    environment = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"} | {"THAPSANG_DB_KEY": key}
    command = [sys.executable, "-m", "thapsang.interfaces.cli.main"]
    for words in (*([["migrate"]] if more else []), ["doctor", "--json"]):
        done = subprocess.run(
            [*command, *words], env=environment, capture_output=True, text=True, check=False
        )
    return done.returncode, {finding["name"]: finding for finding in json.loads(done.stdout)}


def test_it_finds_missing_tables_says_what_to_do_and_is_content_afterwards() -> None:
    key = f"doctor-{os.getpid()}"
    try:
        code, found = _doctor(key)
        assert code == 1
        assert not found["tables"]["ok"]
        assert "thapsang migrate" in str(found["tables"]["remedy"])
        assert found["PostgreSQL"]["ok"] and found["durability"]["ok"] and found["policies"]["ok"]
        code, found = _doctor(key, "after migrate")
        assert {name for name, one in found.items() if not one["ok"]} <= {"packages"}
        assert code == (0 if found["packages"]["ok"] else 1)
    finally:
        EmbeddedServer(embedded_place(key=key)).remove()
