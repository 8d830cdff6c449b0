"""A batch's way: asked for, computed, approved by a second person, applied; and the same way back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any

from django.db import connection

from thapsang.domain.reliefs.models import Batch, BatchBook
from thapsang.domain.reliefs.operations.programmes import person_name
from thapsang.domain.reliefs.queries.batches import evidence_mark
from thapsang.domain.reliefs.types import (
    GRANTING,
    TAKING_BACK,
    BatchStateError,
    FourEyesError,
    ReliefError,
    UnknownBatchError,
)
from thapsang.kit.audit import operations as audit
from thapsang.kit.audit.operations import Person
from thapsang.kit.db.transactions import transaction_required


@transaction_required
def open_batch(
    *,
    version_id: int,
    programmes: Collection[str],
    months: Collection[date],
    name: str,
    actor: Person | str,
    reason: str,
    at: datetime,
    request_id: str = "",
) -> int:
    """Ask for a batch and return its number; nothing is granted until somebody else approves it.

    Raises ReliefError when programmes, months or the reason are missing.
    """
    if not programmes or not months or not reason.strip():
        raise ReliefError("A batch needs programmes, months and a reason: give all three.")
    made = Batch.objects.create(
        version_id=version_id, programmes=sorted(programmes), months=sorted(months), name=name,
        asked_by=person_name(actor), asked_at=at, reason=reason.strip(),
    )  # fmt: skip
    audit.record(
        actor=actor, action="reliefs.batch-asked", subject=f"relief-batch:{made.pk}", before=None,
        after={"programmes": ", ".join(made.programmes), "months": ", ".join(map(str, made.months))},
        reason=reason, at=at, request_id=request_id,
    )  # fmt: skip
    return made.pk


@transaction_required
def standing_batch(
    *, version_id: int, month: date, programmes: Collection[str], name: str, at: datetime
) -> int:
    """Return the batch under which a month's bills grant by a book version as they are issued; made when missing.

    Nobody asks for it or approves it: the programmes were reviewed and put in force by two people each.
    """
    Batch.objects.bulk_create(
        [
            Batch(version_id=version_id, programmes=sorted(programmes), months=[month], name=name, status="standing",
                  asked_by=person_name(audit.SYSTEM), asked_at=at, reason=name)
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    return Batch.objects.get(version_id=version_id, months=[month], status="standing").pk


@transaction_required
def keep_totals(*, batch_id: int, totals: Mapping[str, Any], mark: str) -> None:
    """Keep what a batch's simulation came to, with the mark of the evidence it saw; it then waits for approval."""
    found = _locked(batch_id, "computing", "ready")
    found.totals, found.evidence_mark, found.status, found.problem = dict(totals), mark, "ready", ""
    found.save(update_fields=["totals", "evidence_mark", "status", "problem"])


@transaction_required
def approve(*, batch_id: int, actor: Person | str, at: datetime, request_id: str = "") -> None:
    """Let a computed batch begin. Raises FourEyesError for the one who asked, BatchStateError.

    Refused too when evidence or uses changed since the totals were computed: they would no longer be what was seen.
    """
    found = _locked(batch_id, "ready")
    if found.asked_by == person_name(actor):
        raise FourEyesError(f"Batch {batch_id} was asked for by {found.asked_by}: somebody else approves it.")
    if found.evidence_mark != evidence_mark():
        raise BatchStateError(
            f"Lists or uses of premises changed since batch {batch_id} was computed: compute it again first."
        )
    found.status, found.approved_by, found.approved_at = "applying", person_name(actor), at
    found.save(update_fields=["status", "approved_by", "approved_at"])
    _enqueue(batch_id, GRANTING)
    _told(found, "batch-approved", "ready", actor, at, "", request_id)


@transaction_required
def refuse(*, batch_id: int, actor: Person | str, reason: str, at: datetime, request_id: str = "") -> None:
    """Turn a batch down before anything was granted; raises BatchStateError, ReliefError for an empty reason."""
    if not reason.strip():
        raise ReliefError("reason: it is empty. Say why the batch is refused.")
    found = _locked(batch_id, "computing", "ready")
    before, found.status = found.status, "refused"
    found.save(update_fields=["status"])
    _told(found, "batch-refused", before, actor, at, reason, request_id)


@transaction_required
def ask_reversal(
    *, batch_id: int, actor: Person | str, reason: str, at: datetime, request_id: str = ""
) -> None:
    """Ask to take back all a batch granted, for a stated reason; raises BatchStateError, ReliefError."""
    if not reason.strip():
        raise ReliefError("reason: it is empty. Say why the batch is to be reversed.")
    found = _locked(batch_id, "applied")
    found.reverse_asked_by, found.reverse_asked_at, found.reverse_reason = (
        person_name(actor),
        at,
        reason.strip(),
    )
    found.save(update_fields=["reverse_asked_by", "reverse_asked_at", "reverse_reason"])
    _told(found, "reversal-asked", "applied", actor, at, reason, request_id)


@transaction_required
def approve_reversal(*, batch_id: int, actor: Person | str, at: datetime, request_id: str = "") -> None:
    """Let a reversal begin. Raises FourEyesError for the one who asked, BatchStateError when nobody did."""
    found = _locked(batch_id, "applied")
    if not found.reverse_asked_by:
        raise BatchStateError(f"Nobody asked to reverse batch {batch_id}: ask first, with a reason.")
    if found.reverse_asked_by == person_name(actor):
        raise FourEyesError(
            f"The reversal of batch {batch_id} was asked for by {found.reverse_asked_by}: somebody else approves it."
        )
    found.status, found.reverse_approved_by, found.reverse_approved_at = "reversing", person_name(actor), at
    found.save(update_fields=["status", "reverse_approved_by", "reverse_approved_at"])
    _enqueue(batch_id, TAKING_BACK)
    _told(found, "reversal-approved", "applied", actor, at, "", request_id)


@transaction_required
def try_again(*, batch_id: int, phase: int) -> int:
    """Put the books that failed back in the queue of a batch at work; return how many books wait."""
    rows = BatchBook.objects.filter(batch_id=batch_id, phase=phase)
    rows.filter(status="failed").update(status="waiting", problem="")
    return rows.filter(status="waiting").count()


@transaction_required
def finish(*, batch_id: int, at: datetime) -> str:
    """Mark a batch at work applied or reversed when no book waits or failed; return its status either way."""
    found = _locked(batch_id, "applying", "applied", "reversing", "reversed")
    phase = {"applying": GRANTING, "reversing": TAKING_BACK}.get(found.status)
    if phase is None or BatchBook.objects.filter(batch_id=batch_id, phase=phase).exclude(status="done"):
        return found.status
    before = found.status
    found.status, found.finished_at = ("applied" if phase == GRANTING else "reversed"), at
    found.save(update_fields=["status", "finished_at"])
    _told(found, found.status, before, audit.SYSTEM, at, "", "")
    return found.status


_QUEUE = """
INSERT INTO reliefs_batchbook (batch_id, phase, month, book_id, status, problem, points, bills, net, vat, cash)
SELECT %(batch)s, %(phase)s, m, b.id, 'waiting', '', 0, 0, 0, 0, 0
FROM reliefs_batch a, unnest(a.months) m, network_readingbook b WHERE a.id = %(batch)s
ON CONFLICT (batch_id, phase, month, book_id) DO NOTHING
"""
_QUEUE_BACK = """
INSERT INTO reliefs_batchbook (batch_id, phase, month, book_id, status, problem, points, bills, net, vat, cash)
SELECT %(batch)s, %(phase)s, month, book_id, 'waiting', '', 0, 0, 0, 0, 0
FROM reliefs_batchbook WHERE batch_id = %(batch)s AND phase = 1 AND points > 0
ON CONFLICT (batch_id, phase, month, book_id) DO NOTHING
"""


def _enqueue(batch_id: int, phase: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_QUEUE if phase == GRANTING else _QUEUE_BACK, {"batch": batch_id, "phase": phase})


def _locked(batch_id: int, *states: str) -> Batch:
    found = Batch.objects.select_for_update().filter(pk=batch_id).first()
    if found is None:
        raise UnknownBatchError(f"There is no relief batch {batch_id}.")
    if found.status not in states:
        raise BatchStateError(
            f"Batch {batch_id} is {found.status}: the step needs one that is {' or '.join(states)}."
        )
    return found


def _told(
    found: Batch, verb: str, before: str, actor: Person | str, at: datetime, reason: str, request_id: str
) -> None:
    audit.record(
        actor=actor, action=f"reliefs.{verb}", subject=f"relief-batch:{found.pk}", before={"status": before},
        after={"status": found.status}, reason=reason, at=at, request_id=request_id,
    )  # fmt: skip
