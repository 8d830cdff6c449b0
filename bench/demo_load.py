"""Loading the demonstration province, beside a bare COPY of its readings alone, in the same database."""

from __future__ import annotations

import time
from collections.abc import Iterable

from bench.province import AT, CUSTOMERS, database
from thapsang.journeys.load_demo import load
from thapsang.kit.bulk.copy import bulk_connection, copy_rows, execute, fetch

_TABLES = (
    "ledger_account", "customers_customer", "customers_premises", "customers_supplypoint",
    "customers_supplyagreement", "customers_agreementterm", "customers_contactpoint",
    "metering_meter", "metering_installation", "metering_register", "metering_reading",
)  # fmt: skip


def run() -> Iterable[dict[str, object]]:
    """Rows a second of the whole load: people made, encrypted, copied, all indexes built, all keys checked."""
    with database("bench_demo_load"):
        started = time.perf_counter()
        load(customers=CUSTOMERS, at=AT)
        seconds = time.perf_counter() - started
        with bulk_connection() as link:
            rows = sum(fetch(link, f"SELECT count(*) AS n FROM {table}")["n"][0].as_py() for table in _TABLES)
            readings = fetch(link, "SELECT register_id, read_on, value FROM metering_reading ORDER BY 2, 1")
            execute(link, "CREATE TABLE bare (register_id bigint, read_on date, value bigint)")
            execute(link, "ALTER TABLE bare ADD PRIMARY KEY (register_id, read_on)")
            started = time.perf_counter()
            copy_rows(link, "bare", readings)
            link.commit()
            floor = readings.num_rows / (time.perf_counter() - started)
    rate = rows / seconds
    yield {
        "name": "demo load, all tables",
        "value": round(rate),
        "unit": "rows/s",
        "floor": round(floor),
        "ratio": round(rate / floor, 3),
    }
    yield {
        "name": f"demo load of {CUSTOMERS} customers", "value": round(seconds, 1), "unit": "s",
        "floor": round(readings.num_rows / floor, 1), "ratio": round(seconds * floor / readings.num_rows, 2),
    }  # fmt: skip
