"""The relief journey over billed months, beside a bare COPY of the rows it reads and writes.

October is billed by the run; August and September are its bills under other numbers. A programme for households of an
area is simulated over the three months, asked for, computed, granted to October and taken back. The floor of reading
is two connections that COPY the same columns of the same bills out and throw them away; the floor of writing is two
that COPY the very rows the journey wrote, encoded beforehand, into tables with the same keys, indexes and checks.
The floors compute nothing, hold no lock, and write no credit notes or payments.

Each step says when it is done and what it took; granting says how far it is. THAPSANG_BENCH_CUSTOMERS: points;
THAPSANG_BENCH_RELIEF: `simulate` or `apply` for one half only; THAPSANG_BENCH_TIMES: how often it is simulated.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing, nullcontext
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from django.apps import apps
from django.db import connection

from bench.bill_run import OCTOBER, POINTS, database, fill
from thapsang.domain.reliefs import operations, queries
from thapsang.domain.reliefs.types import BatchProgress
from thapsang.domain.tariffs import queries as tariffs
from thapsang.journeys import relieve_months, run_billing
from thapsang.kit.bulk.copy import url
from thapsang.kit.db.embedded import running
from thapsang.kit.db.place import embedded_place, is_embedded
from thapsang.kit.db.transactions import transaction

AT = datetime(2026, 11, 3, 2, tzinfo=UTC)
MONTHS = [date(2026, 8, 1), date(2026, 9, 1), OCTOBER]
COMMUNE = "16690"
PROGRAMME = """kind: programme
code: storm
name: {vi: "Giảm tiền điện sau bão", en: "Storm relief"}
basis: {code: NQ 1, document: {vi: "Nghị quyết 1", en: "Resolution 1"}, signed: 2026-10-05}
valid: {by: bill-month, from: 2026-08-01, until: 2026-12-01}
stack: {order: 100, base: rest}
funding: {source: utility, vi: "Ngành điện", en: "The utility"}
rules:
  - code: small
    name: {vi: "Đến 200 kWh", en: "Up to 200 kWh"}
    article: {vi: "Điều 1", en: "article 1"}
    who: {categories: [residential], lists: {directive-16: 2026-10-10}}
    threshold: {up_to: 200, scaled_by: [days, households]}
    what: {kind: percent-off-bill, percent: 15, rounding: amount-half-up}
    source: "bench"
  - code: large
    name: {vi: "Trên 200 kWh", en: "Above 200 kWh"}
    article: {vi: "Điều 2", en: "article 2"}
    who: {categories: [residential], lists: {directive-16: 2026-10-10}}
    threshold: {above: 200, scaled_by: [days, households]}
    what: {kind: percent-off-bill, percent: 10, rounding: amount-half-up}
    source: "bench"
"""
_MONTH = """
SELECT billing_open_period({yymm});
SET session_replication_role = replica;
INSERT INTO billing_billrun (period, status, policy_version_id, started_at, finished_at, totals)
    SELECT period - interval '{back} month', status, policy_version_id, started_at, finished_at, totals
    FROM billing_billrun WHERE period = '2026-10-01';
INSERT INTO billing_bill_{yymm} (id, run_id, supply_point_id, customer_id, agreement_id, category,
        household_quarters, start, "end", kwh, kvarh, estimated, net, vat_rate, vat, total, issued_on, due_on)
    SELECT b.id - {back}::bigint * 10000000000, r.id, supply_point_id, customer_id, agreement_id, category,
           household_quarters, (start - interval '{back} month')::date, ("end" - interval '{back} month')::date, kwh,
           kvarh, estimated, net, vat_rate, vat, total, issued_on, due_on
    FROM billing_bill_2610 b, billing_billrun r
    WHERE r.period = '2026-10-01'::date - interval '{back} month' ORDER BY b.id;
RESET session_replication_role;
"""
_READ = """COPY (SELECT supply_point_id, category, household_quarters, start, "end", kwh, kvarh, net, vat_rate
FROM billing_bill_{yymm} WHERE id % 10 = 0 ORDER BY id) TO STDOUT (FORMAT binary)"""
_WRITTEN = {
    "billing_bill_2610": "id % 10 > 0 AND id % 20 / 10 = {half}",
    "billing_billline_2610": "bill_id % 10 > 0 AND bill_id % 20 / 10 = {half}",
    "billing_billlink": "bill_id % 20 / 10 = {half}",
    "reliefs_grant": "bill_id % 20 / 10 = {half}",
    "ledger_entry": "document % 10 > 0 AND document % 20 / 10 = {half}",
}


def programme() -> None:
    """Put the programme in force, and the only commune on its list."""
    with transaction():
        number = operations.draft(
            file="2026-08-storm.yaml",
            text=PROGRAMME,
            tariffs=tariffs.current_book(),
            actor="a",
            reason="b",
            at=AT,
        )
    with transaction():
        operations.review(programme_id=number, actor="b", at=AT)
        operations.put_in_force(programme_id=number, tariffs=tariffs.current_book(), actor="b", at=AT)
    lists, entries, stays = (
        apps.get_model(f"reliefs.{name}").objects for name in ("EvidenceList", "EvidenceRow", "Evidence")
    )
    made = lists.create(
        code="directive-16", authority="UBND", document="QĐ", document_date=OCTOBER, file_name="x", file_sha256="0",
        imported_by="a", imported_at=AT,
    )  # fmt: skip
    row = entries.create(list=made, number=1, given={}, match="sure", candidates=[])
    stays.create(list=made, row=row, code="directive-16", area=COMMUNE, start=date(2026, 7, 1))


def billed_months(*, copies: bool = True) -> None:
    """Bill October and copy its bills to the two months before, if those are wanted."""
    run_billing.start(period=OCTOBER, workers=2, at=AT)
    with connection.cursor() as cursor:
        for back in (1, 2) if copies else ():
            cursor.execute(_MONTH.format(yymm=2610 - back, back=back))
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")


def timed(work: Callable[[], Any], what: str) -> tuple[float, Any]:
    """Return the seconds by the clock, and what the work gave; say when it is done."""
    began = time.perf_counter()
    found = work()
    seconds = time.perf_counter() - began
    print(f"# {what}: {seconds:.2f} s", flush=True)
    return seconds, found


class Tenths:
    """Say how far a batch is, each tenth once."""

    def __init__(self, what: str) -> None:
        self.what, self.said, self.began = what, 0, time.perf_counter()

    def __call__(self, now: BatchProgress) -> None:
        tenth = 10 * now.done // max(1, now.books)
        if tenth > self.said:
            self.said = tenth
            seconds = time.perf_counter() - self.began
            print(f"# {self.what}: {tenth * 10} %, {now.points:,} customers, {seconds:.1f} s", flush=True)


def in_two(work: Callable[[psycopg.Connection[Any], int], None]) -> float:
    """Do work on two connections at once; return the seconds."""

    def one(half: int) -> None:
        with closing(psycopg.connect(url())) as link:
            work(link, half)
            link.commit()

    threads = [threading.Thread(target=one, args=(half,)) for half in (0, 1)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began


def read_floor() -> float:
    """Return the seconds in which two connections only copy the bills' columns out, a month at a time."""
    waiting = iter(MONTHS)

    def work(link: psycopg.Connection[Any], _: int) -> None:
        for month in waiting:
            with link.cursor() as cursor, cursor.copy(_READ.format(yymm=f"{month:%y%m}")) as source:
                for _ in source:
                    pass

    return in_two(work)


def write_floor() -> float:
    """Return the seconds of a bare COPY of what was written, into tables with the same keys, indexes and checks."""
    parts: dict[tuple[str, int], bytes] = {}
    with closing(psycopg.connect(url())) as link:
        for table, where in _WRITTEN.items():
            link.execute(f"CREATE TABLE bare_{table} (LIKE {table} INCLUDING ALL)")
            for half in (0, 1):
                mine = f"SELECT * FROM {table} WHERE {where.format(half=half)} ORDER BY 1"
                rows = f"COPY ({mine}) TO STDOUT (FORMAT binary)"
                with link.cursor() as cursor, cursor.copy(rows) as source:
                    parts[table, half] = b"".join(source)
        link.commit()

    def work(link: psycopg.Connection[Any], half: int) -> None:
        for table in _WRITTEN:
            with (
                link.cursor() as cursor,
                cursor.copy(f"COPY bare_{table} FROM STDIN (FORMAT binary)") as sink,
            ):
                sink.write(parts[table, half])

    found = in_two(work)
    with closing(psycopg.connect(url())) as link:
        for table in _WRITTEN:
            link.execute(f"DROP TABLE bare_{table}")
        link.commit()
    return found


def apply_and_back() -> tuple[float, float, float, int]:
    """Return the seconds of computing, granting and taking back October, and how many bills were adjusted."""
    number = relieve_months.ask(
        programmes=["storm"], months=[OCTOBER], name="bench", actor="asker", reason="bench", at=AT
    )
    timed(lambda: relieve_months.compute(batch_id=number), "computed for approval")
    relieve_months.approve(batch_id=number, actor="approver", at=AT)
    granted, _ = timed(
        lambda: relieve_months.run(batch_id=number, at=AT, progress=Tenths("granting")), "granted"
    )
    points = queries.progress(batch_id=number, phase=1).points
    _, floor = timed(write_floor, "floor of writing, rows made ready included")
    relieve_months.ask_reversal(batch_id=number, actor="asker", reason="bench", at=AT)
    relieve_months.approve(batch_id=number, actor="approver", at=AT)
    back, _ = timed(
        lambda: relieve_months.run(batch_id=number, at=AT, progress=Tenths("taking back")), "taken back"
    )
    return granted, back, floor, points


def simulated() -> Iterable[dict[str, object]]:
    """Yield the seconds of simulating three months beside only reading them."""
    variant = relieve_months.variant_of(name="storm", codes=["storm"])
    best, floors = [], []
    for _ in range(int(os.environ.get("THAPSANG_BENCH_TIMES", "2"))):
        seconds, (found,) = timed(
            lambda: relieve_months.simulate(variants=[variant], months=MONTHS), "simulated"
        )
        best.append(seconds)
        floors.append(timed(read_floor, "floor of reading")[1])
    assert found["customers"] > POINTS // 2
    yield {
        "name": f"relief: simulated, {found['bills']:,} bills of 3 months, {found['customers']:,} reached",
        "value": round(min(best), 2), "unit": "s", "floor": round(min(floors), 2),
        "ratio": round(min(floors) / min(best), 3),
    }  # fmt: skip


def applied() -> Iterable[dict[str, object]]:
    """Yield the seconds of granting one month and taking it back, each beside the bare COPY of its rows."""
    granted, back, floor, points = apply_and_back()
    for what, seconds in (("granted to", granted), ("taken back from", back)):
        yield {
            "name": f"relief: {what} {points:,} billed customers, bills, ledger, credit and grants committed",
            "value": round(seconds, 2), "unit": "s", "floor": round(floor, 2), "ratio": round(floor / seconds, 3),
        }  # fmt: skip


def run() -> Iterable[dict[str, object]]:
    """Yield the seconds of simulating three months, and of granting and taking back one, each beside its floor."""
    half = os.environ.get("THAPSANG_BENCH_RELIEF", "")
    with running(embedded_place()) if is_embedded() else nullcontext(), database():
        os.environ["DATABASE_URL"] = url()  # the helpers find the bench's own database
        timed(lambda: fill(POINTS), f"{POINTS:,} points made")
        timed(lambda: billed_months(copies=half != "apply"), "October billed, other months copied")
        programme()
        if half != "apply":
            yield from simulated()
        if half != "simulate":
            yield from applied()
