"""Imported lists and the rows that wait for a decision."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q

from thapsang.domain.reliefs.models import Evidence, EvidenceList, EvidenceRow, PremisesUse
from thapsang.domain.reliefs.types import ListRow, ListView, QueueRow

_WAITING = Q(match="unsure", decision="")


def lists() -> list[ListView]:
    """Return all imported lists, the newest first."""
    rows = EvidenceList.objects.order_by("-id").annotate(
        rows=Count("entries"), sure=Count("entries", filter=Q(entries__match="sure")),
        waiting=Count("entries", filter=Q(entries__match="unsure", entries__decision="")),
        none=Count("entries", filter=Q(entries__match="none")), bad=Count("entries", filter=Q(entries__match="bad")),
    )  # fmt: skip
    names = (
        "id", "code", "authority", "document", "document_date", "file_name", "imported_by", "imported_at",
        "rows", "sure", "waiting", "none", "bad",
    )  # fmt: skip
    return [ListView(*row) for row in rows.values_list(*names)]


def queue(*, list_id: int | None = None, limit: int = 50) -> list[QueueRow]:
    """Return unsure rows nobody has decided, the oldest first."""
    rows = EvidenceRow.objects.filter(_WAITING).select_related("list").order_by("list_id", "number")
    if list_id is not None:
        rows = rows.filter(list_id=list_id)
    return [
        QueueRow(
            r.pk, r.list_id, r.list.code, r.list.authority, r.list.document, r.number, r.given, tuple(r.candidates)
        )
        for r in rows[:limit]
    ]  # fmt: skip


def queue_length() -> int:
    """Return how many rows wait for a decision."""
    return EvidenceRow.objects.filter(_WAITING).count()


def rejected(*, list_id: int) -> list[ListRow]:
    """Return the rows of a list that mean nobody or are wrong, with reason and remedy."""
    rows = EvidenceRow.objects.filter(list_id=list_id, match__in=["none", "bad"]).order_by("number")
    return [ListRow(number=r.number, given=r.given, problem=r.problem, remedy=r.remedy) for r in rows]


def evidence_of(*, supply_point_id: int, area: str) -> list[dict[str, Any]]:
    """Return on which lists a point stands, itself or through its commune, with document and days."""
    rows = Evidence.objects.filter(Q(supply_point_id=supply_point_id) | (Q(area=area) & ~Q(area="")))
    names = ("code", "area", "start", "end", "list__document", "list__authority", "list__document_date")
    return [dict(row) for row in rows.order_by("start").values(*names)]


def uses_of(*, supply_point_id: int) -> list[dict[str, Any]]:
    """Return what a point's premises were used for, with days and source."""
    rows = PremisesUse.objects.filter(supply_point_id=supply_point_id).order_by("start")
    return [dict(row) for row in rows.values("use", "start", "end", "source")]
