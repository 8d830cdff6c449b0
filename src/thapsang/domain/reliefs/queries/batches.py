"""Batches, how far they are, and what they granted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import Count, Max, Q, Sum

from thapsang.domain.reliefs.models import Batch, BatchBook, Evidence, Grant, PremisesUse
from thapsang.domain.reliefs.types import BatchProgress, BatchView, GrantView, UnknownBatchError

_FIELDS = [field.name for field in fields(BatchView)]
_SUMS = ("points", "bills", "net", "vat", "cash")


def batches(*, limit: int = 50) -> list[BatchView]:
    """Return the newest batches first; standing ones, which bills grant by as they are issued, are left out."""
    asked = Batch.objects.exclude(status="standing").order_by("-id")
    return [_view(row) for row in asked.values(*_FIELDS)[:limit]]


def batch(*, batch_id: int) -> BatchView:
    """Return one batch; raises UnknownBatchError."""
    row = Batch.objects.filter(pk=batch_id).values(*_FIELDS).first()
    if row is None:
        raise UnknownBatchError(f"There is no relief batch {batch_id}: see `thapsang relief batches`.")
    return _view(row)


def _view(row: dict[str, Any]) -> BatchView:
    return BatchView(**{**row, "programmes": tuple(row["programmes"]), "months": tuple(row["months"])})


def progress(*, batch_id: int, phase: int) -> BatchProgress:
    """Return how far a phase of a batch is; zeros before it began."""
    rows = BatchBook.objects.filter(batch_id=batch_id, phase=phase)
    sums = rows.aggregate(
        books=Count("id"), done=Count("id", filter=Q(status="done")), failed=Count("id", filter=Q(status="failed")),
        **{name: Sum(name, default=0) for name in _SUMS},
    )  # fmt: skip
    return BatchProgress(phase=phase, **sums)


def failed_books(*, batch_id: int, phase: int) -> list[tuple[date, str, str]]:
    """Return month, book code and problem of the books that failed."""
    rows = BatchBook.objects.filter(batch_id=batch_id, phase=phase, status="failed").order_by(
        "month", "book_id"
    )
    return list(rows.values_list("month", "book__code", "problem"))


def by_programme(*, batch_id: int) -> list[dict[str, Any]]:
    """Return points, kWh, đồng, VAT and cash of a batch by phase, month, programme and rule."""
    rows = Grant.objects.filter(batch_id=batch_id).values("phase", "month", "programme", "rule")
    sums = {name: Sum(name, default=0) for name in ("kwh", "amount", "vat", "cash")}
    found = rows.annotate(points=Count("bill_id"), **sums)
    return [dict(row) for row in found.order_by("phase", "month", "programme", "rule")]


def grants_of_bills(*, bill_ids: Iterable[int]) -> list[GrantView]:
    """Return every grant for these regular or final bills, in the order they were made."""
    rows = (
        Grant.objects.filter(bill_id__in=list(bill_ids))
        .order_by("batch_id", "phase", "bill_id", "line_no")
        .values_list(
            "bill_id", "batch_id", "phase", "month", "adjusting_bill_id", "programme", "rule", "kwh", "amount",
            "vat", "cash", "reference", "batch__version_id",
        )
    )  # fmt: skip
    return [GrantView(*row) for row in rows]


def evidence_mark() -> str:
    """Return a mark that changes whenever evidence or a use is added."""
    marks = []
    for model in (Evidence, PremisesUse):
        found = model.objects.aggregate(last=Max("id"), count=Count("id"))
        marks.append(f"{found['last'] or 0}/{found['count']}")
    return " ".join(marks)


def granted_total() -> dict[str, int]:
    """Return net, VAT and cash over all grants, in đồng."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(amount), 0), coalesce(sum(vat), 0), coalesce(sum(cash), 0) FROM reliefs_grant"
        )
        net, vat, cash = cursor.fetchone()
    return {"net": int(net), "vat": int(vat), "cash": int(cash)}
