"""Bill runs: which there were, how far one is, and its sums."""

from __future__ import annotations

from datetime import date

from django.db import connection
from django.db.models import Count, F, Q, QuerySet, Sum

from thapsang.domain.billing.models import BillRun, BillRunBook
from thapsang.domain.billing.types import PERIOD_FACTOR, CategoryTotal, Progress, RunView, yymm

_FIELDS = (
    "id",
    "period",
    "status",
    "policy_version_id",
    "started_at",
    "finished_at",
    "totals",
    "relief_version_id",
)


def _begun() -> QuerySet[BillRun]:
    return BillRun.objects.exclude(status="opened")


def runs(*, limit: int = 24) -> list[RunView]:
    """Return the bill runs, the newest month first; months with final bills only are not begun."""
    return [RunView(*row) for row in _begun().order_by("-period").values_list(*_FIELDS)[:limit]]


def run(*, period: date) -> RunView | None:
    """Return a month's bill run, or None."""
    row = _begun().filter(period=period).values_list(*_FIELDS).first()
    return RunView(*row) if row else None


def run_progress(*, period: date) -> Progress | None:
    """Return how far a month's run is, as every process sees it; None before its first start."""
    found = run(period=period)
    if found is None:
        return None
    done = Q(status="done")
    sums = BillRunBook.objects.filter(run_id=found.id).aggregate(
        book_count=Count("id"),
        done_count=Count("id", filter=done),
        failed_count=Count("id", filter=Q(status="failed")),
        point_count=Sum("points", default=0),
        points_done=Sum("points", default=0, filter=done),
        bill_count=Sum("bills", default=0),
        exception_count=Sum("exceptions", default=0),
        kwh_sum=Sum("kwh", default=0),
        total_sum=Sum("total", default=0),
    )
    return Progress(
        period=period, status=found.status, books=sums["book_count"], books_done=sums["done_count"],
        books_failed=sums["failed_count"], points=sums["point_count"], points_done=sums["points_done"],
        bills=sums["bill_count"], exceptions=sums["exception_count"], kwh=sums["kwh_sum"],
        total=sums["total_sum"], started_at=found.started_at, finished_at=found.finished_at,
    )  # fmt: skip


def failed_books(*, run_id: int) -> list[tuple[str, str]]:
    """Return code and problem of the books of a run that failed."""
    rows = BillRunBook.objects.filter(run_id=run_id, status="failed").order_by("book_id")
    return list(rows.values_list("book__code", "problem"))


def waiting_books(*, run_id: int) -> int:
    """Return how many books of a run are not billed yet."""
    return BillRunBook.objects.filter(run_id=run_id, status="waiting").count()


def run_books(*, run_id: int) -> list[tuple[int, str]]:
    """Return id and code of the reading books of a run, in order of id."""
    rows = BillRunBook.objects.filter(run_id=run_id).order_by("book_id")
    return list(rows.annotate(code=F("book__code")).values_list("book_id", "code"))


_RUN_TOTALS = """
SELECT category, sum(bills)::bigint, sum(kwh)::bigint, sum(net)::bigint, sum(vat)::bigint, sum(total)::bigint
FROM (
    SELECT c ->> 0, (c ->> 1)::bigint, (c ->> 2)::bigint, (c ->> 3)::bigint, (c ->> 4)::bigint, (c ->> 5)::bigint
    FROM billing_billrunbook b CROSS JOIN jsonb_array_elements(b.categories) c WHERE b.run_id = %(run)s
    UNION ALL
    SELECT category, 1, kwh, net, vat, total FROM billing_bill WHERE id IN (
        SELECT bill_id FROM billing_billlink WHERE bill_id >= %(low)s AND bill_id < %(high)s
        UNION ALL
        SELECT bill_id FROM billing_finalbill WHERE bill_id >= %(low)s AND bill_id < %(high)s)
) AS parts (category, bills, kwh, net, vat, total) GROUP BY category ORDER BY category
"""
_COUNTED = """
SELECT coalesce(sum(bills), 0) = coalesce(sum(
    (SELECT sum((c ->> 1)::bigint) FROM jsonb_array_elements(categories) c)), 0)
FROM billing_billrunbook WHERE run_id = %s
"""


def run_totals(*, run_id: int, period: date) -> list[CategoryTotal]:
    """Return what `category_totals` returns, from what the books of the month's run noted and the later bills.

    A month of a million bills is not read for it. A run with books billed before they noted it is read after all.
    """
    low = yymm(period) * PERIOD_FACTOR
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, [run_id])
        if not cursor.fetchone()[0]:
            return category_totals(period=period)
        cursor.execute(_RUN_TOTALS, {"run": run_id, "low": low, "high": low + PERIOD_FACTOR})
        return [CategoryTotal(*row) for row in cursor.fetchall()]


def category_totals(*, period: date) -> list[CategoryTotal]:
    """Return the sums of a month's bills by tariff category; empty when nothing was billed."""
    low = yymm(period) * PERIOD_FACTOR
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT category, count(*), sum(kwh)::bigint, sum(net)::bigint, sum(vat)::bigint, "
            "sum(total)::bigint "
            "FROM billing_bill WHERE id >= %s AND id < %s GROUP BY category ORDER BY category",
            [low, low + PERIOD_FACTOR],
        )
        return [CategoryTotal(*row) for row in cursor.fetchall()]
