"""Say that something happened, in the transaction in which it happened; tell the handlers afterwards.

A journey registers a handler: `@handle("payment-received")`. A handler is called at least once, outside any
transaction, and must be able to hear the same event twice.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from thapsang.kit.db.transactions import transaction, transaction_required
from thapsang.kit.events.models import Event, Watermark

logger = logging.getLogger(__name__)
LEASE = timedelta(minutes=5)
"""A worker that died leaves its events to others after this time."""
_LONGEST_WAIT = timedelta(hours=1)


@dataclass(frozen=True)
class Happened:
    """An event as its handlers hear it."""

    id: int
    name: str
    key: str
    body: Mapping[str, Any]
    attempts: int


Handler = Callable[[Happened], None]
_handlers: dict[str, list[Handler]] = {}


def handle(name: str) -> Callable[[Handler], Handler]:
    """Register a function for the events of a name."""

    def register(handler: Handler) -> Handler:
        if handler not in _handlers.setdefault(name, []):
            _handlers[name].append(handler)
        return handler

    return register


@transaction_required
def emit(*, name: str, key: str, body: Mapping[str, Any], at: datetime) -> bool:
    """Write an event to the outbox; False when one with this key is there already (it is told only once).

    `body` holds identifiers, not personal data.
    """
    # No NOTIFY: at commit it takes one lock for the whole database and would line all payments up behind it.
    _, created = Event.objects.get_or_create(
        key=key, defaults={"name": name, "body": body, "happened_at": at}
    )
    return created


_CLAIM = """
UPDATE events_event SET attempts = attempts + 1, due_at = %(until)s
WHERE id IN (
    SELECT id FROM events_event WHERE handled_at IS NULL AND (due_at IS NULL OR due_at <= %(now)s)
    ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
) RETURNING id, name, key, body, attempts
"""


def drain(*, limit: int = 100) -> int:
    """Tell the handlers of up to `limit` waiting events; return how many events were in hand.

    Several workers may drain at once: each event is in one's hands only, for `LEASE`.
    A handler that fails is logged by the class of its error, and tried again after a growing pause.
    """
    claimed = _claim(limit)
    for event in claimed:
        _tell(event)
    return len(claimed)


def _claim(limit: int) -> list[Happened]:
    now = timezone.now()
    with transaction(), connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"until": now + LEASE, "now": now, "limit": limit})
        rows = cursor.fetchall()
    events = [Happened(id=r[0], name=r[1], key=r[2], body=_parsed(r[3]), attempts=r[4]) for r in rows]
    return sorted(events, key=lambda event: event.id)


def _parsed(body: Any) -> Mapping[str, Any]:
    found = json.loads(body) if isinstance(body, str) else body
    return found if isinstance(found, dict) else {}


def _tell(event: Happened) -> None:
    try:
        for handler in _handlers.get(event.name, []):
            handler(event)
    except Exception as error:
        wait = min(_LONGEST_WAIT, timedelta(seconds=2 ** min(event.attempts, 12)))
        logger.warning(
            "event %s (%s) failed: %s, next try in %s", event.id, event.name, type(error).__name__, wait
        )
        Event.objects.filter(pk=event.id).update(due_at=timezone.now() + wait, problem=type(error).__name__)
    else:
        Event.objects.filter(pk=event.id).update(handled_at=timezone.now(), problem="")


def waiting() -> int:
    """Return how many events nobody has been told yet."""
    return Event.objects.filter(handled_at__isnull=True).count()


@transaction_required
def take_watermark(*, name: str, first: int) -> int | None:
    """Lock how far a sweep has come and return it; None when another process is sweeping.

    A sweep that never ran begins at `first`: what was there before it is not told.
    """
    Watermark.objects.bulk_create([Watermark(name=name, value=first)], ignore_conflicts=True)
    rows = Watermark.objects.select_for_update(skip_locked=True).filter(name=name)
    return rows.values_list("value", flat=True).first()


@transaction_required
def move_watermark(*, name: str, value: int) -> None:
    """Say that everything up to `value` is told; call it after `take_watermark`, in the same transaction."""
    Watermark.objects.filter(name=name, value__lt=value).update(value=value)


@transaction_required
def forget_handled(*, before: datetime) -> int:
    """Delete events that were handled before a moment; return how many."""
    return Event.objects.filter(handled_at__lt=before).delete()[0]
