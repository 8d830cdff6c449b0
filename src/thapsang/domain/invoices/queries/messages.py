"""How messages to the tax authority stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from thapsang.domain.invoices.models import Message


@dataclass(frozen=True)
class MessageView:
    """A message an officer should look at."""

    id: int
    code: str
    status: str
    invoices: int
    tries: int
    problem: str
    made_at: datetime


def message_counts() -> dict[str, int]:
    """Return how many messages there are of each status."""
    return dict(Message.objects.values_list("status").annotate(count=Count("id")).order_by())


def stuck_messages(*, limit: int = 50) -> list[MessageView]:
    """Return messages refused as a whole, given up, or with a problem noted, newest first."""
    rows = Message.objects.filter(status__in=["refused", "given-up"]) | Message.objects.exclude(problem="")
    return [
        MessageView(m.pk, m.code, m.status, m.invoices, m.tries, m.problem, m.made_at)
        for m in rows.order_by("-pk")[:limit]
    ]
