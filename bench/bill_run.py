"""The whole bill run beside a bare binary COPY of the same rows into the same tables.

The run reads readings and terms, rates, and commits bills, lines, ledger entries and exceptions with two worker
processes and every constraint in force, start-up and totals included. The floor streams the very same rows,
encoded beforehand, by two connections in transactions of the same size into the next month's partitions and the
same ledger tables, which have the same keys, indexes, checks and triggers. The floor reads and computes nothing,
and leaves out the exceptions and the marks of the books; its ledger tables already hold the run's entries.

Growth is the pace from the first group committed to the last, at all points beside a quarter of them: start-up,
the same at any size, would make a quarter look slow.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import psutil
import psycopg
from django.core.management import call_command
from django.db import connection

from thapsang.domain.billing.types import Progress
from thapsang.journeys import run_billing
from thapsang.journeys.run_billing.running import GROUP_POINTS
from thapsang.kit.bulk.copy import url
from thapsang.kit.db.embedded import running
from thapsang.kit.db.place import embedded_place, is_embedded

POINTS = int(os.environ.get("THAPSANG_BENCH_CUSTOMERS", "1100000"))
NAME = "bench_bills"
PER_BOOK = 400
OCTOBER = date(2026, 10, 1)
AT = datetime(2026, 11, 3, 1, tzinfo=UTC)
CHUNK_POINTS = GROUP_POINTS

# One point in ten is a business, one in a hundred has three rates, one in a hundred lacks its closing reading.
# Households use 0 to 900 kWh, skewed to the low end: about 3.3 lines a bill.
_PROVINCE = """
SET session_replication_role = replica;
INSERT INTO network_areateam (id, code, name, doubt) VALUES (1, 'PA13VH', 'Đội', '');
INSERT INTO network_commune (id, code, name, kind, area_team_id, former_names)
    VALUES (1, '16690', 'P', 'phuong', 1, '{}');
INSERT INTO network_readingbook (id, code, area_team_id, reading_day)
    SELECT g, 'B' || lpad(g::text, 6, '0'), 1, 1 FROM generate_series(1, {books}) g;
INSERT INTO ledger_account (id, chart, code) SELECT g + 1000, '131', '131:' || g FROM generate_series(1, {points}) g;
SELECT setval(pg_get_serial_sequence('ledger_account', 'id'), {points} + 1000);
INSERT INTO customers_customer (id, code, kind, name, tax_code, account_id, created_at)
    SELECT g, 'PA13VH' || lpad(g::text, 7, '0'), 'person', 'Nguyễn Văn A', '', g + 1000, now()
    FROM generate_series(1, {points}) g;
INSERT INTO customers_premises (id, address, commune_id) VALUES (1, 'Số 1', 1);
INSERT INTO customers_supplypoint (id, code, premises_id, book_id, status)
    SELECT g, 'PA13VH' || lpad(g::text, 7, '0') || '001', 1, (g - 1) / {per_book} + 1, 'active'
    FROM generate_series(1, {points}) g;
INSERT INTO customers_supplyagreement (id, number, customer_id, supply_point_id, start)
    SELECT g, 'HD' || g, g, g, '2020-01-01' FROM generate_series(1, {points}) g;
INSERT INTO customers_agreementterm
        (id, agreement_id, start, category, household_quarters, voltage, time_of_use, reactive_charged, reason)
    SELECT g, g, '2020-01-01', CASE WHEN g % 10 = 0 THEN 'business' ELSE 'residential' END, 4, 'lt6',
        g % 100 = 0, false, ''
    FROM generate_series(1, {points}) g;
INSERT INTO metering_meter (id, serial, kind, remote)
    SELECT g, lpad(g::text, 12, '0'), CASE WHEN g % 100 = 0 THEN 'three-rate' ELSE 'single' END, true
    FROM generate_series(1, {points}) g;
INSERT INTO metering_installation (id, meter_id, supply_point_id, start, multiplier)
    SELECT g, g, g, '2020-01-01', 1 FROM generate_series(1, {points}) g;
INSERT INTO metering_register (id, installation_id, kind, digits)
    SELECT row_number() OVER (ORDER BY g, n), g,
        CASE WHEN g % 100 > 0 THEN 'total' ELSE (ARRAY['normal', 'peak', 'offpeak'])[n + 1] END, 6
    FROM generate_series(1, {points}) g, generate_series(0, 2) n WHERE n = 0 OR g % 100 = 0;
SELECT metering_ensure_months('2026-10-01', '2026-12-01');
INSERT INTO metering_reading (register_id, read_on, value, quality, source)
    SELECT id, '2026-10-01', 1000, 'A', 'import' FROM metering_register;
INSERT INTO metering_reading (register_id, read_on, value, quality, source)
    SELECT id, '2026-11-01', 1000 + (id * 7919 % 901) * (id * 104729 % 1000) / 1000, 'A', 'import'
    FROM metering_register WHERE installation_id % 101 <> 7;
RESET session_replication_role;
"""

_SHIFTED = {
    "bill": """
        SELECT b.id + 10000000000, {run}::bigint, supply_point_id, customer_id, agreement_id, category,
               household_quarters, (start + interval '1 month')::date, ("end" + interval '1 month')::date, kwh, kvarh,
               estimated, net, vat_rate, vat, total, issued_on, due_on
        FROM billing_bill_2610 b WHERE b.id BETWEEN {low} AND {high} ORDER BY b.id""",
    "line": """
        SELECT bill_id + 10000000000, line_no, kind, tier, band, kwh, price, amount,
               (start + interval '1 month')::date, ("end" + interval '1 month')::date, reference
        FROM billing_billline_2610 WHERE bill_id BETWEEN {low} AND {high} ORDER BY bill_id, line_no""",
    "journal": """
        SELECT id + 1000000000, kind, 'bare:' || reference, business_date, posted_at, created_in
        FROM ledger_journal WHERE id IN (
            SELECT journal_id FROM ledger_entry WHERE document BETWEEN {low} AND {high})""",
    "entry": """
        SELECT journal_id + 1000000000, account_id, amount, document + 10000000000
        FROM ledger_entry WHERE journal_id IN (
            SELECT journal_id FROM ledger_entry WHERE document BETWEEN {low} AND {high}) ORDER BY id""",
}
_INTO = {
    "bill": "billing_bill_2611 (id, run_id, supply_point_id, customer_id, agreement_id, category, household_quarters, "
    'start, "end", kwh, kvarh, estimated, net, vat_rate, vat, total, issued_on, due_on)',
    "line": 'billing_billline_2611 (bill_id, line_no, kind, tier, band, kwh, price, amount, start, "end", reference)',
    "journal": "ledger_journal (id, kind, reference, business_date, posted_at, created_in)",
    "entry": "ledger_entry (journal_id, account_id, amount, document)",
}


@contextmanager
def database() -> Iterator[None]:
    """Use a fresh database of this server for the block."""
    with psycopg.connect(url(), autocommit=True) as admin:
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


def fill(points: int) -> None:
    """Make a province of `points` points with two readings each."""
    sql = _PROVINCE.replace("{points}", str(points)).replace("{books}", str(-(-points // PER_BOOK)))
    with connection.cursor() as cursor:
        cursor.execute(sql.replace("{per_book}", str(PER_BOOK)))
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")


class Peak:
    """The most memory this process, its workers and the database's backends held at once, in MiB.

    Resident memory of ours; private memory of the backends (the shared buffers are the server's, sized by its
    settings). Read from statm, because summing page tables would slow down what is measured.
    """

    def __init__(self) -> None:
        self.mib = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        with psycopg.connect(url(), autocommit=True) as link:
            while not self._stop.wait(0.5):
                # The embedded server is a child of ours too: its processes count by their private memory only.
                helpers = [child.pid for child in me.children() if child.name().startswith("python")]
                ours = [me.pid, *helpers]
                rows = link.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
                total = sum(_resident(pid) for pid in ours) + sum(
                    _resident(pid, private=True) for (pid,) in rows
                )
                self.mib = max(self.mib, total / 2**20)


def _resident(pid: int, *, private: bool = False) -> int:
    try:
        _, resident, shared, *_ = map(int, Path(f"/proc/{pid}/statm").read_text().split())
    except OSError:
        return 0
    return (resident - (shared if private else 0)) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def idle(what: str) -> Iterator[None]:
    """Say how much of the processors' time nobody used in a block: 0 means that only less work helps."""
    before, began = psutil.cpu_times(), time.perf_counter()
    yield
    after, seconds = psutil.cpu_times(), time.perf_counter() - began
    unused = after.idle + after.iowait - before.idle - before.iowait
    print(f"# processors idle during {what}: {unused / seconds / psutil.cpu_count():.1%}", flush=True)


@dataclass(frozen=True)
class Measured:
    """A whole run: its seconds, the most memory in MiB, its bills, and bills a second between first and last commit."""

    seconds: float
    mib: float
    bills: int
    pace: float


def whole_run() -> Measured:
    """Run October with two processes."""
    seen: list[tuple[float, int]] = []

    def note(progress: Progress) -> None:
        if progress.status == "running" and progress.bills:
            seen.append((time.perf_counter(), progress.bills))

    gc.collect()
    with Peak() as peak, idle("the run"):
        began = time.perf_counter()
        outcome = run_billing.start(period=OCTOBER, workers=2, at=AT, progress=note)
        seconds = time.perf_counter() - began
    (first, few), (last, many) = seen[0], seen[-1]
    pace = (many - few) / (last - first) if many > few else outcome.new_bills / seconds
    return Measured(seconds, peak.mib, outcome.new_bills, pace)


def encode(folder: Path) -> list[list[str]]:
    """Write the run's rows, moved to November, as binary COPY files; return the chunks of each connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT billing_open_period(2611)")
        cursor.execute(
            "INSERT INTO billing_billrun (period, status, policy_version_id, started_at, totals) "
            "SELECT '2026-11-01', 'running', policy_version_id, now(), '{}' FROM billing_billrun RETURNING id"
        )
        run = cursor.fetchone()[0]
        cursor.execute("SELECT max(supply_point_id) FROM billing_bill_2610")
        points = cursor.fetchone()[0]
        cursor.execute("SET enable_hashagg = on")
    chunks: list[list[str]] = [[], []]
    step = CHUNK_POINTS // PER_BOOK * PER_BOOK
    with psycopg.connect(url()) as link:
        link.execute("CREATE INDEX bench_document ON ledger_entry (document)")
        for number, first in enumerate(range(0, points, step)):
            low, high = (26100000000000 + p * 10 for p in (first + 1, first + step))
            for name, sql in _SHIFTED.items():
                path = folder / f"{number}-{name}"
                with path.open("wb") as sink, link.cursor().copy(
                    f"COPY ({sql.format(run=run, low=low, high=high)}) TO STDOUT (FORMAT binary)"
                ) as rows:  # fmt: skip
                    for block in rows:
                        sink.write(block)
            chunks[number % 2].append(str(folder / str(number)))
        link.rollback()
    return chunks


def stream(where: str, chunks: list[str], ready: object, go: object) -> None:
    """Copy chunks by one connection, one transaction each."""
    with psycopg.connect(where) as link:
        ready.release()  # type: ignore[attr-defined]
        go.wait()  # type: ignore[attr-defined]
        for chunk in chunks:
            for name, table in _INTO.items():
                with link.cursor().copy(f"COPY {table} FROM STDIN (FORMAT binary)") as sink:
                    for block in _blocks(Path(f"{chunk}-{name}")):
                        sink.write(block)
            link.commit()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as source:
        while block := source.read(1 << 20):
            yield block


def bare_copy() -> float:
    """Return the seconds two connections need to copy the run's rows into the next month."""
    with tempfile.TemporaryDirectory() as folder:
        chunks = encode(Path(folder))
        with connection.cursor() as cursor:
            cursor.execute("CHECKPOINT")
        context = multiprocessing.get_context("fork")  # nothing of Django or Polars runs in the children
        ready, go = context.Semaphore(0), context.Event()
        both = [context.Process(target=stream, args=(url(), part, ready, go)) for part in chunks]
        for process in both:
            process.start()
        for _ in both:
            ready.acquire()
        with idle("the bare COPY"):
            began = time.perf_counter()
            go.set()
            for process in both:
                process.join()
            seconds = time.perf_counter() - began
        if any(process.exitcode for process in both):
            raise RuntimeError("The bare COPY failed: see above.")
    return seconds


def measure(points: int, *, floor: bool) -> tuple[Measured, float]:
    """Return the run and the seconds of the bare COPY (0 when not asked for)."""
    with database():
        fill(points)
        whole = whole_run()
        report = run_billing.check(period=OCTOBER)
        if not report.sound or report.bills != whole.bills:
            raise RuntimeError(f"The run is not sound: {report.violations[:3]}")
        return whole, bare_copy() if floor else 0.0


def run() -> Iterable[dict[str, object]]:
    """Measure at a quarter of the customers and at all of them."""
    with running(embedded_place()) if is_embedded() else _nothing():
        quarter, _ = measure(POINTS // 4, floor=False)
        whole, floor = measure(POINTS, floor=True)
    yield from lines(whole, floor, quarter)


def lines(whole: Measured, floor: float, quarter: Measured) -> Iterable[dict[str, object]]:
    """Return what was measured, a line a claim."""
    rate, bare = whole.bills / whole.seconds, whole.bills / floor
    yield {"name": f"bill run, {POINTS:,} points", "value": round(rate), "unit": "bills/s", "floor": round(bare),
           "ratio": round(rate / bare, 3)}  # fmt: skip
    yield {"name": "bill run, whole", "value": round(whole.seconds, 2), "unit": "s", "floor": round(floor, 2),
           "ratio": round(floor / whole.seconds, 3)}  # fmt: skip
    yield {"name": "bill run, pace at all points against a quarter (1 = linear)", "value": round(whole.pace),
           "unit": "bills/s", "floor": round(quarter.pace), "ratio": round(whole.pace / quarter.pace, 3)}  # fmt: skip
    yield {"name": "bill run, most memory of all processes", "value": round(whole.mib), "unit": "MiB",
           "floor": 2048, "ratio": round(whole.mib / 2048, 3)}  # fmt: skip


@contextmanager
def _nothing() -> Iterator[None]:
    yield
