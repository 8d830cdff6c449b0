"""Messages to the tax authority: made once, sent until they are received, asked about until they are answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models.functions import Coalesce

from thapsang.domain.invoices.models import Message, Pack
from thapsang.domain.invoices.types import Answer, AuthorityRule
from thapsang.kit.db.transactions import transaction_required


@dataclass(frozen=True)
class Due:
    """A message in this process's hands until its next try is due."""

    id: int
    code: str
    status: str
    tries: int
    questions: int
    sha256: bytes | None
    sent_at: datetime | None


@transaction_required
def make_message(*, code: str, most: int, at: datetime, numbers: tuple[int, int] | None = None) -> int | None:
    """Put up to `most` signed invoices of one pack (of a range of invoice ids, when given) into a new message.

    Returns how many; None when no pack is left (packs another process has in hand are passed over), 0 when the
    pack looked at had all its invoices in messages and was struck off.
    """
    low, high = numbers or (0, 2**62)
    packs = Pack.objects.select_for_update(skip_locked=True, no_key=True).filter(in_messages=False)
    pack = packs.filter(last_invoice__gte=low, first_invoice__lte=high).order_by("pk").first()
    if pack is None:
        return None
    message = Message(code=code, invoices=0, made_at=at, next_try_at=at)
    message.save()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE invoices_invoice SET message_id = %s WHERE id = ANY(ARRAY(SELECT id FROM invoices_invoice "
            "WHERE id BETWEEN %s AND %s AND pack_id = %s AND status = 'signed' AND message_id IS NULL "
            "ORDER BY id LIMIT %s))",
            [message.pk, pack.first_invoice, pack.last_invoice, pack.pk, most],
        )
        count = int(cursor.rowcount)
    if count < most:
        Pack.objects.filter(pk=pack.pk).update(in_messages=True)
    if count:
        message.invoices = count
        message.save(update_fields=["invoices"])
    else:
        message.delete()
    return count


@transaction_required
def claim_due(*, at: datetime, rule: AuthorityRule, limit: int) -> list[Due]:
    """Take messages whose next try is due: their next try moves on, so that a process that dies leaves them."""
    due = list(
        Message.objects.select_for_update(skip_locked=True, no_key=True)
        .filter(status__in=["ready", "received"], next_try_at__lte=at)
        .order_by("next_try_at", "pk")[:limit]
    )
    for message in due:
        if message.status == "ready":
            message.tries += 1
        else:
            message.questions += 1
        message.next_try_at = at + rule.pause(
            message.tries if message.status == "ready" else message.questions
        )
    Message.objects.bulk_update(due, ["tries", "questions", "next_try_at"])
    return [
        Due(m.pk, m.code, m.status, m.tries, m.questions, bytes(m.sha256) if m.sha256 else None, m.sent_at)
        for m in due
    ]


@transaction_required
def note_received(*, message_id: int, at: datetime, ask_after: timedelta) -> None:
    """The authority has the message: its invoices are sent. A second time changes nothing."""
    changed = Message.objects.filter(pk=message_id, status="ready").update(
        status="received", sent_at=Coalesce("sent_at", at), next_try_at=at + ask_after, problem=""
    )
    if changed:
        _move(message_id, at, "status = 'sent', steps = steps + 1", "status = 'signed'")


@transaction_required
def note_hash(*, message_id: int, sha256: bytes) -> None:
    """Keep what the envelope hashes to, before it is first sent."""
    Message.objects.filter(pk=message_id, sha256=None).update(sha256=sha256)


@transaction_required
def note_unreachable(*, message_id: int, problem: str) -> None:
    """Nobody answered; the next try is set already."""
    Message.objects.filter(pk=message_id).update(problem=problem[:500])


@transaction_required
def note_forgotten(*, message_id: int, at: datetime) -> None:
    """The authority does not know the message it had received: send it again, the same bytes."""
    Message.objects.filter(pk=message_id, status="received").update(
        status="ready", next_try_at=at, problem="The authority did not know the message: it is sent again."
    )


@transaction_required
def note_refused(*, message_id: int, problem: str) -> None:
    """The authority refused the message as a whole; an officer decides."""
    Message.objects.filter(pk=message_id).update(status="refused", problem=problem[:500], next_try_at=None)


@transaction_required
def give_up(*, message_id: int, problem: str) -> None:
    """Too many tries; an officer decides."""
    Message.objects.filter(pk=message_id).update(status="given-up", problem=problem[:500], next_try_at=None)


_ANSWERS = """
UPDATE invoices_invoice i SET steps = i.steps + 1, status = v.status, authority_code = v.code, rejection = v.reason
FROM unnest(%(forms)s::text[], %(series)s::text[], %(numbers)s::int[], %(statuses)s::text[], %(codes)s::text[],
            %(reasons)s::text[]) AS v(form, series, number, status, code, reason)
JOIN invoices_series s ON s.form = v.form AND s.code = v.series
WHERE i.series_id = s.id AND i.number = v.number AND i.message_id = %(message)s
  AND i.status IN ('sent', 'unanswered')
"""
_CONFLICTS = """
SELECT s.form || s.code || '-' || i.number FROM unnest(%(forms)s::text[], %(series)s::text[], %(numbers)s::int[],
    %(statuses)s::text[], %(codes)s::text[]) AS v(form, series, number, status, code)
LEFT JOIN invoices_series s ON s.form = v.form AND s.code = v.series
LEFT JOIN invoices_invoice i ON i.series_id = s.id AND i.number = v.number
WHERE i.id IS NULL OR i.message_id <> %(message)s OR i.status <> v.status OR i.authority_code <> v.code
"""


@transaction_required
def keep_answer(*, message_id: int, answers: Sequence[Answer], sha256: bytes, at: datetime) -> list[str]:
    """Apply an answer: each invoice of the message is accepted with its code or rejected with its reason.

    The same answer again changes nothing. Returns the invoices for which it says something else than what is
    kept (another decision before, or not in this message); those stay as they are and the message names them.
    """
    message = Message.objects.select_for_update(no_key=True).get(pk=message_id)
    columns: dict[str, Any] = {
        "forms": [a.form for a in answers], "series": [a.series for a in answers],
        "numbers": [a.number for a in answers], "codes": [a.code for a in answers],
        "statuses": ["accepted" if a.code else "rejected" for a in answers],
        "reasons": ["" if a.code else a.reason[:500] for a in answers], "message": message_id,
    }  # fmt: skip
    with connection.cursor() as cursor:
        _set_clock(cursor, at)
        cursor.execute(_ANSWERS, columns)
        cursor.execute(_CONFLICTS, columns)
        conflicts = [str(row[0]) for row in cursor.fetchall()]
        cursor.execute(
            "SELECT count(*) FROM invoices_invoice WHERE message_id = %s AND status IN ('sent', 'unanswered')",
            [message_id],
        )
        left = int(cursor.fetchone()[0])
        cursor.execute(
            "SELECT count(*) FROM invoices_invoice WHERE message_id = %s AND status = 'rejected'",
            [message_id],
        )
        message.rejected = int(cursor.fetchone()[0])
    message.answers += 1
    message.answer_sha256 = sha256
    if conflicts:
        message.problem = (
            f"The answer differs from what is kept, or names others: {', '.join(conflicts[:10])}"
        )
    if not left:
        message.status, message.answered_at, message.next_try_at = "answered", message.answered_at or at, None
    message.save()
    return conflicts


@transaction_required
def mark_overdue(*, before: datetime, at: datetime) -> int:
    """Invoices sent before a moment and not answered yet become unanswered; return how many."""
    with connection.cursor() as cursor:
        _set_clock(cursor, at)
        cursor.execute(
            "UPDATE invoices_invoice SET status = 'unanswered', steps = steps + 1 WHERE status = 'sent' AND "
            "message_id IN (SELECT id FROM invoices_message WHERE status = 'received' AND sent_at < %s)",
            [before],
        )
        return int(cursor.rowcount)


@transaction_required
def ask_now(*, at: datetime) -> int:
    """Make every message due at once that waits for an answer or is to be sent (an officer's wish)."""
    waiting = Message.objects.filter(status__in=["ready", "received"], next_try_at__gt=at)
    return waiting.update(next_try_at=at)


@transaction_required
def try_again(*, message_id: int, at: datetime) -> bool:
    """Queue a message again that was given up (an officer's decision); a refused one stays refused."""
    given_up = Message.objects.filter(pk=message_id, status="given-up")
    values = {"tries": 0, "questions": 0, "next_try_at": at, "problem": ""}
    asked = given_up.filter(sent_at__isnull=False).update(status="received", **values)
    return bool(asked or given_up.update(status="ready", **values))


def _move(message_id: int, at: datetime, change: str, condition: str) -> None:
    with connection.cursor() as cursor:
        _set_clock(cursor, at)
        cursor.execute(
            f"UPDATE invoices_invoice SET {change} WHERE message_id = %s AND {condition}",  # noqa: S608 - constants
            [message_id],
        )


def _set_clock(cursor: CursorWrapper, at: datetime) -> None:
    cursor.execute("SELECT set_config('thapsang.at', %s, true)", [at.isoformat()])
