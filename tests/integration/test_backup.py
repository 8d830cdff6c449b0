"""The backup and the restore of docs/operations/backup-and-restore.md, done for real with PostgreSQL's own programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from thapsang.kit.db import embedded
from thapsang.kit.db.embedded import EmbeddedServer
from thapsang.kit.db.place import embedded_place

pytestmark = pytest.mark.slow
THAPSANG = [sys.executable, "-m", "thapsang.interfaces.cli.main"]
MONTH = (date.today().replace(day=1) - timedelta(days=1)).replace(day=1)  # noqa: DTZ011
COUNTED = (
    "billing_bill", "billing_billline", "ledger_entry", "metering_reading", "customers_customer",
    "customers_contactpoint", "audit_auditentry",
)  # fmt: skip


@pytest.fixture(scope="module")
def original() -> Iterator[str]:
    """A province of 500 customers with its month billed; yields its address."""
    place = embedded_place(key=f"backup-{os.getpid()}")
    server = EmbeddedServer(place, small=True)
    server.start()
    try:
        url = place.url
        thapsang(url, "migrate")
        thapsang(url, "demo", "load", "--customers", "500", "--json")
        thapsang(url, "bills", "run", "--period", f"{MONTH:%Y-%m}", "--json")
        thapsang(url, "staff", "demo", "--json")
        yield url
    finally:
        server.remove()


def thapsang(url: str, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DATABASE_URL": url}
    done = subprocess.run([*THAPSANG, *words], env=environment, capture_output=True, text=True)
    assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done


def program(name: str, *words: str) -> None:
    done = subprocess.run([embedded.programs() / name, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def facts(url: str) -> dict[str, object]:
    """What must be the same afterwards: every row of the large tables, and every guard of the database."""
    with psycopg.connect(url) as link:
        found: dict[str, object] = {}
        for table in COUNTED:
            whole = "SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} t"
            found[table] = link.execute(sql.SQL(whole).format(sql.Identifier(table))).fetchone()
        found["triggers"] = link.execute(
            "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2"
        ).fetchall()
        found["constraints"] = link.execute(
            # By name and kind: PostgreSQL prints a check it read from a dump with other casts.
            "SELECT conrelid::regclass::text, conname, contype, convalidated, condeferrable, condeferred"
            " FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n' ORDER BY 1, 2"
        ).fetchall()
        return found


def bill(url: str) -> tuple[int, object]:
    """The dearest bill, as the product explains it from the readings."""
    with psycopg.connect(url) as link:
        row = link.execute("SELECT id FROM billing_bill ORDER BY total DESC, id LIMIT 1").fetchone()
    assert row
    return row[0], json.loads(thapsang(url, "bills", "explain", str(row[0]), "--json").stdout)


def test_a_restored_database_is_the_same_and_proves_it(original: str, tmp_path: Path) -> None:
    assert thapsang(original, "db", "url").stdout.strip() == original
    dump = tmp_path / "thapsang.dump"
    program("pg_dump", "--format=custom", f"--file={dump}", original)
    anchor = json.loads(thapsang(original, "audit", "anchor", "--json").stdout)
    assert dump.stat().st_size > 100_000

    with psycopg.connect(original, autocommit=True) as link:
        link.execute("CREATE DATABASE restored")
    address = original.replace("/thapsang?", "/restored?")
    program("pg_restore", f"--dbname={address}", "--jobs=2", "--exit-on-error", str(dump))

    assert facts(address) == facts(original)
    assert bill(address) == bill(original)
    report = json.loads(thapsang(address, "bills", "check", "--period", f"{MONTH:%Y-%m}", "--json").stdout)
    assert report["violations"] == [] and report["bills"] > 500
    words = f"{anchor['entries']}:{anchor['hash']}"
    assert thapsang(address, "audit", "verify", "--anchor", words).returncode == 0
    again = json.loads(thapsang(address, "bills", "run", "--period", f"{MONTH:%Y-%m}", "--json").stdout)
    assert again["new_bills"] == 0
    found = thapsang(address, "customers", "find", "Nguyễn", "--json")
    assert json.loads(found.stdout)

    with psycopg.connect(address) as link:
        link.execute("SET session_replication_role = replica")
        link.execute("UPDATE audit_auditentry SET reason = 'nothing' WHERE id = 1")
    assert thapsang(address, "audit", "verify", "--anchor", words, check=False).returncode != 0
