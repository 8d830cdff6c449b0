"""A day's reconciliation: what was sent on it against what became of it, and against the authority's own list."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from thapsang.domain.invoices.models import Invoice
from thapsang.domain.invoices.types import DaySheet

_SAME = {"accepted": "accepted", "rejected": "rejected", "sent": "waiting", "unanswered": "waiting"}


def _of_day(day: date) -> QuerySet[Invoice]:
    start = datetime.combine(day, time.min, timezone.get_default_timezone())
    return Invoice.objects.filter(message__sent_at__gte=start, message__sent_at__lt=start + timedelta(days=1))


def outcomes_of_day(*, day: date) -> dict[str, str]:
    """Return invoice (1C26TNA-75757) → status of all that were sent on a day (Việt Nam's)."""
    rows = _of_day(day).values_list("series__form", "series__code", "number", "status")
    return {f"{form}{code}-{number}": status for form, code, number, status in rows}


def day_sheet(*, day: date, theirs: Mapping[str, str] | None = None) -> DaySheet:
    """Return a day's sheet. `theirs`: the authority's list (invoice → accepted, rejected, waiting), when asked."""
    ours = outcomes_of_day(day=day)
    rows: list[tuple[Any, ...]] = list(
        _of_day(day).filter(status="rejected").values_list(
            "series__form", "series__code", "number", "rejection"
        )
    )  # fmt: skip
    return DaySheet(
        day=day,
        sent=len(ours),
        accepted=sum(status == "accepted" for status in ours.values()),
        rejected=tuple(sorted((f"{form}{code}-{n}", why) for form, code, n, why in rows)),
        unanswered=tuple(sorted(name for name, status in ours.items() if status == "unanswered")),
        waiting=tuple(sorted(name for name, status in ours.items() if status == "sent")),
        differences=() if theirs is None else _differences(ours, theirs),
        asked=theirs is not None,
    )


def _differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    found = []
    for name in sorted({*ours, *theirs}):
        mine, other = ours.get(name, "not sent"), theirs.get(name, "not there")
        if _SAME.get(mine) != other:
            found.append((name, mine, other))
    return tuple(found)
