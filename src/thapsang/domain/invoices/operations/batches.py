"""Opening a month's invoices, the series of a day, the books; finishing."""

from __future__ import annotations

from datetime import date, datetime

from django.db import connection
from django.db.models import Sum

from thapsang.domain.billing.types import PERIOD_FACTOR, yymm
from thapsang.domain.invoices.models import Batch, BatchBook, Series
from thapsang.domain.invoices.types import SeriesRule
from thapsang.kit.db.transactions import transaction_required


@transaction_required
def open_series(*, rule: SeriesRule, day: date) -> int:
    """Open the series a day's invoices stand in, or find it; return its id."""
    code = rule.code(day)
    Series.objects.bulk_create([Series(form=rule.form, code=code, year=day.year)], ignore_conflicts=True)
    return int(Series.objects.values_list("pk", flat=True).get(form=rule.form, code=code))


@transaction_required
def open_batch(*, period: date, at: datetime) -> int:
    """Open the month's batch, or find it, and lock it until the transaction ends; return its id."""
    Batch.objects.bulk_create([Batch(period=period, started_at=at)], ignore_conflicts=True)
    return int(Batch.objects.select_for_update().get(period=period).pk)


# Bills that are to have an invoice, by book: all but cancelling ones, cancelled ones that never had one, and
# those of nothing. A book waits while it has more of them than invoices.
_COUNTS = """
WITH due AS (
    SELECT p.book_id, count(*) AS bills, count(*) FILTER (WHERE i.id IS NULL) AS missing,
        count(*) FILTER (WHERE i.status = 'numbered') AS unsigned
    FROM billing_bill b JOIN customers_supplypoint p ON p.id = b.supply_point_id
    LEFT JOIN (SELECT bill_id, max(id) AS id, min(status) FILTER (WHERE status = 'numbered') AS status
               FROM invoices_invoice WHERE id BETWEEN %(low)s * 10 AND %(high)s * 10 + 9 GROUP BY bill_id) i
        ON i.bill_id = b.id
    WHERE b.id BETWEEN %(low)s AND %(high)s AND b.net <> 0
      AND NOT EXISTS (SELECT FROM billing_billlink k WHERE k.kind = 'cancels'
                      AND (k.bill_id = b.id OR (k.of_bill_id = b.id AND i.id IS NULL)))
    GROUP BY p.book_id)
INSERT INTO invoices_batchbook AS k (batch_id, book_id, status, problem, bills, invoices, total)
SELECT %(batch)s, book_id, CASE WHEN missing > 0 THEN 'waiting' WHEN unsigned > 0 THEN 'numbered' ELSE 'done' END,
    '', bills, 0, 0 FROM due
ON CONFLICT (batch_id, book_id) DO UPDATE SET bills = excluded.bills, status = excluded.status
WHERE k.status IN ('done', 'failed', 'waiting') AND (k.status, k.bills) <> (excluded.status, excluded.bills)
"""


@transaction_required
def prepare_books(*, batch_id: int, period: date, again: bool) -> tuple[int, int]:
    """Put the books with bills that lack an invoice in the queue; return how many books wait, and their bills.

    `again`: no other start is at work, so the books are looked through anew. Books under work are left alone.
    """
    low = yymm(period) * PERIOD_FACTOR
    if again:
        with connection.cursor() as cursor:
            cursor.execute(_COUNTS, {"batch": batch_id, "low": low, "high": low + PERIOD_FACTOR - 1})
    left = BatchBook.objects.filter(batch_id=batch_id, status__in=["waiting", "numbered"])
    waiting, bills = left.count(), left.aggregate(bills=Sum("bills", default=0))["bills"]
    if waiting:
        Batch.objects.filter(pk=batch_id).update(status="running", finished_at=None)
    return waiting, int(bills)


@transaction_required
def finish_batch(*, batch_id: int, at: datetime) -> bool:
    """Mark the batch finished unless books still wait or failed; return whether it is."""
    batch = Batch.objects.select_for_update().get(pk=batch_id)
    if BatchBook.objects.filter(batch_id=batch_id).exclude(status="done").exists():
        return False
    if batch.status != "finished":
        batch.status, batch.finished_at = "finished", at
        batch.save(update_fields=["status", "finished_at"])
    return True
