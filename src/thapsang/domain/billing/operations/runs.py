"""Opening a month, its run and its books; finishing it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.db import connection
from django.db.models import Count, Sum

from thapsang.domain.billing.models import BillRun, BillRunBook
from thapsang.domain.billing.types import OpenedRun, yymm
from thapsang.kit.db.transactions import transaction_required


@transaction_required
def open_period(*, period: date) -> bool:
    """Make the month's partitions of bills and lines; return whether they were missing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT billing_open_period(%s)", [yymm(period)])
        return bool(cursor.fetchone()[0])


@transaction_required
def open_month(*, period: date, policy_version_id: int, book_id: int, at: datetime) -> int:
    """Find the month's run, or open the month for final bills before its run begins; return the run's id.

    Until the transaction ends no start of the run prepares it, and no worker bills this reading book.
    """
    if not BillRun.objects.filter(period=period).exists():  # an insert waits for whoever writes bills
        opened = BillRun(period=period, policy_version_id=policy_version_id, started_at=at, status="opened")
        BillRun.objects.bulk_create([opened], ignore_conflicts=True)
    run = BillRun.objects.select_for_update().get(period=period)
    BillRunBook.objects.select_for_update().filter(run_id=run.pk, book_id=book_id).first()
    return run.pk


@transaction_required
def open_run(
    *, period: date, policy_version_id: int, at: datetime, relief_version_id: int | None = None
) -> OpenedRun:
    """Open the month's run, or find it, and lock it until the transaction ends.

    A run keeps the versions of tariffs and of reliefs it began with, whatever versions are given later.
    """
    begun = {"policy_version_id": policy_version_id, "relief_version_id": relief_version_id, "started_at": at}
    BillRun.objects.bulk_create([BillRun(period=period, **begun)], ignore_conflicts=True)
    run = BillRun.objects.select_for_update().get(period=period)
    if run.status == "opened":  # only final bills so far, each with tariffs of its own: the run begins now
        BillRun.objects.filter(pk=run.pk).update(status="running", **begun)
        return OpenedRun(run.pk, policy_version_id, relief_version_id, at)
    return OpenedRun(run.pk, run.policy_version_id, run.relief_version_id, run.started_at)


# A finished run is taken up again only where points may still wait for a bill: in books with open exceptions,
# and in books that have more or fewer points than when they were billed.
_PREPARE = """
INSERT INTO billing_billrunbook
    (run_id, book_id, status, problem, passes, points, bills, exceptions, kwh, total)
SELECT %(run)s, b.id, 'waiting', '', 0, coalesce(p.points, 0), 0, 0, 0, 0
FROM network_readingbook b
LEFT JOIN (SELECT book_id, count(*) AS points FROM customers_supplypoint GROUP BY book_id) p
    ON p.book_id = b.id
ON CONFLICT (run_id, book_id) DO NOTHING
"""
_AGAIN = """
UPDATE billing_billrunbook SET status = 'waiting', problem = ''
WHERE run_id = %(run)s AND (status = 'failed' OR (status = 'done' AND book_id IN (
    SELECT p.book_id FROM billing_billingexception e JOIN customers_supplypoint p ON p.id = e.supply_point_id
    WHERE e.run_id = %(run)s AND e.status = 'open'
    UNION ALL
    SELECT b.book_id FROM billing_billrunbook b
    JOIN (SELECT book_id, count(*) AS points FROM customers_supplypoint GROUP BY book_id) now USING (book_id)
    WHERE b.run_id = %(run)s AND b.status = 'done' AND b.points <> now.points)))
"""


@transaction_required
def prepare_books(*, run_id: int, again: bool) -> tuple[int, int]:
    """Put every reading book in the run's queue; return how many books wait, and how many points they hold.

    `again` (for a start that finds no other at work) puts back those that failed or have open exceptions.
    Books billed before keep their sums; only their points without a bill are billed when they come up again.
    """
    with connection.cursor() as cursor:
        cursor.execute(_PREPARE, {"run": run_id})
        if again:
            cursor.execute(_AGAIN, {"run": run_id})
    left = BillRunBook.objects.filter(run_id=run_id, status="waiting")
    waiting = left.aggregate(books=Count("id"), points=Sum("points", default=0))
    if waiting["books"]:
        BillRun.objects.filter(pk=run_id).update(status="running", finished_at=None)
    return waiting["books"], waiting["points"]


@transaction_required
def finish_run(*, run_id: int, totals: dict[str, Any], at: datetime) -> bool:
    """Mark the run finished with its totals unless books still wait or failed; return whether it is."""
    run = BillRun.objects.select_for_update().get(pk=run_id)
    if BillRunBook.objects.filter(run_id=run_id).exclude(status="done").exists():
        return False
    if run.status != "finished":
        run.status, run.finished_at, run.totals = "finished", at, totals
        run.save(update_fields=["status", "finished_at", "totals"])
    return True
