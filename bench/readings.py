"""Import of readings and consumption of a period, each beside what the database alone needs for the same rows."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import psycopg
import pyarrow as pa
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from thapsang.domain.metering import bulk, operations
from thapsang.kit.bulk.copy import bulk_connection, copy_rows, execute, fetch
from thapsang.kit.db.embedded import running
from thapsang.kit.db.place import embedded_place, is_embedded

POINTS = int(os.environ.get("THAPSANG_BENCH_CUSTOMERS", "1100000"))
NAME = "bench_readings"
OCT, NOV = date(2026, 10, 1), date(2026, 11, 1)
BEFORE = (date(2025, 10, 1), date(2025, 11, 1), date(2026, 8, 1), date(2026, 9, 1), OCT)
PER_BOOK = 400

_PROVINCE = """
SET session_replication_role = replica;
INSERT INTO network_areateam (id, code, name, doubt) VALUES (1, 'PA13VH', 'Đội', '');
INSERT INTO network_commune (id, code, name, kind, area_team_id, former_names)
VALUES (1, '16690', 'P', 'phuong', 1, '{}');
INSERT INTO network_readingbook (id, code, area_team_id, reading_day)
SELECT g, 'B' || g, 1, 1 FROM generate_series(1, {books}) g;
INSERT INTO ledger_account (id, chart, code) VALUES (999999, '131', '131:X');
INSERT INTO customers_customer (id, code, kind, name, tax_code, account_id, created_at)
VALUES (1, 'PA13VH0000001', 'person', 'A', '', 999999, now());
INSERT INTO customers_premises (id, address, commune_id) VALUES (1, 'Số 1', 1);
INSERT INTO customers_supplypoint (id, code, premises_id, book_id, status)
SELECT g, 'P' || g, 1, (g - 1) / {per_book} + 1, 'active' FROM generate_series(1, {points}) g;
INSERT INTO metering_meter (id, serial, kind, remote)
SELECT g, lpad(g::text, 12, '0'), 'single', false FROM generate_series(1, {points}) g;
INSERT INTO metering_installation (id, meter_id, supply_point_id, start, multiplier)
SELECT g, g, g, '2020-01-01', 1 FROM generate_series(1, {points}) g;
INSERT INTO metering_register (id, installation_id, kind, digits)
SELECT g, g, 'total', 6 FROM generate_series(1, {points}) g;
INSERT INTO metering_readingimport (id, name, sha256, channel, status, problem, size, done, rows, accepted, replaced,
       repeated, rejected, flagged, missing, started_at)
VALUES (1, 'x', 'x', 'csv', 'finished', '', 0, 0, 0, 0, 0, 0, 0, 0, '[]', now());
SELECT setval('metering_readingimport_id_seq', 1);
SELECT metering_ensure_months('2025-10-01', '2026-12-01');
RESET session_replication_role;
"""


def say(name: str, value: float, unit: str, floor: float) -> dict[str, object]:
    return {
        "name": name,
        "value": round(value),
        "unit": unit,
        "floor": round(floor),
        "ratio": round(value / floor, 3),
    }


@contextmanager
def database() -> Iterator[None]:
    """Use a fresh database of this server for the block."""
    with psycopg.connect(_admin_url(), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {NAME}")
        connection.close()
        before = connection.settings_dict["NAME"]
        connection.settings_dict["NAME"] = NAME
        try:
            call_command("migrate", verbosity=0, interactive=False)
            yield
        finally:
            connection.close()
            connection.settings_dict["NAME"] = before
            admin.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")


def _admin_url() -> str:
    from thapsang.kit.bulk.copy import url

    return url()


def fill() -> None:
    sql = _PROVINCE.replace("{points}", str(POINTS)).replace("{books}", str(-(-POINTS // PER_BOOK)))
    with connection.cursor() as cursor:
        cursor.execute(sql.replace("{per_book}", str(PER_BOOK)))
    with bulk_connection() as link:
        for number, day in enumerate(BEFORE):
            copy_rows(link, f"metering_reading_{day:%Y%m}", rows(day, 1000 + 180 * number))
        link.commit()
        execute(link, "ANALYZE")
        link.commit()


def rows(day: date, value: int) -> pa.Table:
    ids = pl.int_range(1, POINTS + 1, dtype=pl.Int64, eager=True)
    frame = pl.DataFrame({"register_id": ids, "value": value + ids % 300})
    return frame.with_columns(
        read_on=pl.lit(day), quality=pl.lit("A"), source=pl.lit("import"), import_file_id=pl.lit(1, pl.Int64)
    ).to_arrow()  # fmt: skip


def files(folder: Path) -> dict[str, Path]:
    ids = pl.int_range(1, POINTS + 1, dtype=pl.Int64, eager=True)
    frame = pl.DataFrame(
        {
            "serial": ids.cast(pl.String).str.zfill(12),
            "register": "total",
            "read_on": NOV,
            "value": 1000 + 180 * 5 + ids % 300,
        }
    )
    frame.write_csv(folder / "readings.csv")
    return {"csv": folder / "readings.csv"}


def bare_copy() -> float:
    """Seconds to COPY the same rows into a table with the same key and checks, no triggers."""
    with bulk_connection() as link:
        execute(link, "CREATE TABLE bare (LIKE metering_reading INCLUDING ALL)")
        link.commit()
        began = time.perf_counter()
        copy_rows(link, "bare", rows(NOV, 2000))
        link.commit()
        seconds = time.perf_counter() - began
        execute(link, "DROP TABLE bare")
        link.commit()
    return seconds


def guarded_copy() -> float:
    """Seconds for the same COPY into the real table, its guards in force (rolled back)."""
    with bulk_connection() as link:
        began = time.perf_counter()
        copy_rows(link, "metering_reading_202612", rows(date(2026, 12, 1), 2000))
        return time.perf_counter() - began


def usage() -> tuple[float, float]:
    """Seconds for every point's consumption in chunks of books, and to read the two months' values alone."""
    numbers = list(range(1, -(-POINTS // PER_BOOK) + 1))
    with bulk_connection() as link:
        execute(link, "ANALYZE metering_reading")
        link.commit()
        began = time.perf_counter()
        found = sum(
            bulk.period_usage(link, book_ids=numbers[at : at + 120], period=OCT)[0].num_rows
            for at in range(0, len(numbers), 120)
        )
        seconds = time.perf_counter() - began
        assert found == POINTS, found
        began = time.perf_counter()
        fetch(link, "SELECT a.register_id, a.value, b.value AS after FROM metering_reading a JOIN metering_reading b "
                    "ON b.register_id = a.register_id AND b.read_on = '2026-11-01' "
                    "WHERE a.read_on = '2026-10-01'")  # fmt: skip
        return seconds, time.perf_counter() - began


def run() -> Iterable[dict[str, Any]]:
    if not is_embedded():
        yield from _run()
        return
    with running(embedded_place()):
        yield from _run()


def _run() -> Iterable[dict[str, Any]]:
    with database(), tempfile.TemporaryDirectory() as folder:
        settings.FILES = Path(folder) / "files"
        fill()
        floor = bare_copy()
        yield say("readings: COPY with its guards", POINTS / guarded_copy(), "rows/s", POINTS / floor)
        began = time.perf_counter()
        outcome = operations.import_file(
            files(Path(folder))["csv"], name="x.csv", at=datetime(2026, 11, 23, tzinfo=UTC)
        )
        seconds = time.perf_counter() - began
        assert outcome.accepted == POINTS, outcome
        yield say("readings: import of a CSV", POINTS / seconds, "rows/s", POINTS / floor)
        seconds, least = usage()
        yield say("readings: consumption of a period", POINTS / seconds, "points/s", POINTS / least)
        memory = psutil.Process().memory_info().rss
        print(f"# memory {memory >> 20} MiB", flush=True)
