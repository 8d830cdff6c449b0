"""A bill run by area team: how far each is and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db.models import Count, F, Q, Sum

from thapsang.domain.billing.models import BillRunBook


@dataclass(frozen=True)
class TeamTotal:
    """One area team's part of a run; `points_done` stand in books that are billed, `total` in đồng."""

    team: str
    books: int
    books_done: int
    points: int
    points_done: int
    bills: int
    exceptions: int
    kwh: int
    total: int


def team_totals(*, period: date) -> list[TeamTotal]:
    """Return a month's run by area team, by name; empty before its first start."""
    done = Q(status="done")
    rows = (
        BillRunBook.objects.filter(run__period=period)
        .values("book__area_team__name")
        .annotate(
            team=F("book__area_team__name"), n=Count("id"), n_done=Count("id", filter=done), p=Sum("points"),
            p_done=Sum("points", filter=done, default=0), b=Sum("bills"), e=Sum("exceptions"), k=Sum("kwh"),
            t=Sum("total"),
        )
        .order_by("team")
        .values_list("team", "n", "n_done", "p", "p_done", "b", "e", "k", "t")
    )  # fmt: skip
    return [TeamTotal(*row) for row in rows]
