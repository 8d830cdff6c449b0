"""Months: how far their invoices are, what hinders, the packs."""

from __future__ import annotations

from datetime import date

from django.db.models import Count, Q, Sum

from thapsang.domain.billing.types import PERIOD_FACTOR, yymm
from thapsang.domain.invoices.models import Batch, BatchBook, Invoice, Obstacle, Pack
from thapsang.domain.invoices.types import BatchProgress, ObstacleView, PackView


def batches() -> list[date]:
    """Return the months with invoices, newest first."""
    return list(Batch.objects.order_by("-period").values_list("period", flat=True))


def progress(*, period: date, statuses: bool = True) -> BatchProgress | None:
    """Return how far a month's invoices are, None before the first start.

    `statuses` counts all invoices of the month: who asks every second leaves them out, and gets none.
    """
    batch = Batch.objects.filter(period=period).first()
    if batch is None:
        return None
    done = Q(status="done")
    books = BatchBook.objects.filter(batch=batch).aggregate(
        books=Count("id"), books_done=Count("id", filter=done),
        books_failed=Count("id", filter=Q(status="failed")), bills=Sum("bills", default=0),
        invoices=Sum("invoices", default=0), total=Sum("total", default=0),
    )  # fmt: skip
    hindered = Obstacle.objects.filter(batch_book__batch=batch).count()
    return BatchProgress(
        period=period, status=batch.status, obstacles=hindered, statuses=_statuses(period) if statuses else {},
        started_at=batch.started_at, finished_at=batch.finished_at, **books,
    )  # fmt: skip


def _statuses(period: date) -> dict[str, int]:
    low = yymm(period) * PERIOD_FACTOR * 10
    rows = Invoice.objects.filter(pk__gte=low, pk__lt=low + PERIOD_FACTOR * 10)
    return dict(rows.values_list("status").annotate(count=Count("id")).order_by())


def failed_books(*, period: date) -> list[tuple[str, str]]:
    """Return code and problem of the books that failed."""
    rows = BatchBook.objects.filter(batch__period=period, status="failed").order_by("book_id")
    return list(rows.values_list("book__code", "problem"))


def obstacles(*, period: date | None = None, limit: int = 200) -> list[ObstacleView]:
    """Return the bills that have no invoice, with what to do about each."""
    rows = Obstacle.objects.order_by("bill_id")
    if period:
        rows = rows.filter(batch_book__batch__period=period)
    return [
        ObstacleView(row.bill_id, row.element, row.problem, row.remedy, row.found_at) for row in rows[:limit]
    ]


def packs(*, period: date, limit: int = 10_000) -> list[PackView]:
    """Return a month's packs in order of name."""
    rows = Pack.objects.filter(batch_book__batch__period=period).order_by("name")
    values = rows.values_list("pk", "name", "sha256", "batch_book__book__code", "invoices", "size", "made_at")
    return [PackView(*row) for row in values[:limit]]


def pack(*, pack_id: int) -> PackView | None:
    """Return one pack."""
    rows = Pack.objects.filter(pk=pack_id)
    values = rows.values_list("pk", "name", "sha256", "batch_book__book__code", "invoices", "size", "made_at")
    return next((PackView(*row) for row in values), None)
