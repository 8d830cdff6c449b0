"""Terms put right for days that are past: what they were is kept."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.db import connection

from thapsang.domain.customers.models import AgreementTerm, SupplyAgreement
from thapsang.domain.customers.operations.agreements import TermsError
from thapsang.kit.audit import operations as audit
from thapsang.kit.audit.operations import Person
from thapsang.kit.db.transactions import transaction_required

TERMS = ("category", "household_quarters", "voltage", "time_of_use", "reactive_charged")


@transaction_required
def correct_terms(
    *,
    agreement_id: int,
    start: date,
    reason: str,
    document: str,
    actor: Person | str,
    at: datetime,
    until: date | None = None,
    **changes: Any,
) -> int:
    """Say what an agreement's terms were from a past day on (`until`: up to that day); return how many rows changed.

    `changes`: category, household_quarters, voltage, time_of_use, reactive_charged; what is not named stays as it was,
    stretch by stretch. Rows that change are kept by the database as superseded, with reason and document; the audit
    log records it. Bills already made are not touched: see `journeys.correct_bills`. Raises TermsError.
    """
    agreement = _agreement(agreement_id, start, until, reason, document, changes)
    if agreement.end is not None and (until is None or until >= agreement.end):
        until = None
    rows = list(AgreementTerm.objects.filter(agreement=agreement).order_by("start"))
    before = [row for row in rows if row.start <= start]
    inside = [row for row in rows if row.start > start and (until is None or row.start < until)]
    if not before:
        raise TermsError(
            f"Agreement {agreement.number} has no terms on {start}: choose a day from {rows[0].start}."
        )
    last = {name: getattr(([*before, *inside])[-1], name) for name in TERMS}
    was = {name: getattr(before[-1], name) for name in changes}
    _mark(f"{reason.strip()} ({document.strip()})")
    changed = sum(_changed(row, changes, reason) for row in inside)
    if before[-1].start == start:
        changed += _changed(before[-1], changes, reason)
    elif any(getattr(before[-1], name) != value for name, value in changes.items()):
        kept = {name: getattr(before[-1], name) for name in TERMS}
        AgreementTerm.objects.create(
            agreement=agreement, start=start, reason=reason[:200], **(kept | changes)
        )
        changed += 1
    if until is not None and changed and not any(row.start == until for row in rows):
        AgreementTerm.objects.create(agreement=agreement, start=until, reason=reason[:200], **last)
    _mark("")
    if not changed:
        raise TermsError(
            f"Agreement {agreement.number} has these terms from {start} already: nothing to correct."
        )
    audit.record(
        actor=actor, action="customers.terms-corrected", subject=f"agreement:{agreement.number}",
        before={"from": start, **was},
        after={"from": start, "until": until, "document": document.strip(), **changes}, reason=reason, at=at,
    )  # fmt: skip
    return changed


def _agreement(
    agreement_id: int, start: date, until: date | None, reason: str, document: str, changes: dict[str, Any]
) -> SupplyAgreement:
    """Return the locked agreement. Raises TermsError for what does not fit it."""
    for name, text in (("reason", reason), ("document", document)):
        if not text.strip():
            raise TermsError(f"{name}: it is empty. Say why, and by which paper, the terms are corrected.")
    if unknown := changes.keys() - set(TERMS):
        raise TermsError(f"Unknown terms {', '.join(sorted(unknown))}: one of {', '.join(TERMS)}.")
    if not changes:
        raise TermsError(f"Nothing is changed: name one of {', '.join(TERMS)}.")
    agreement = SupplyAgreement.objects.select_for_update().filter(pk=agreement_id).first()
    if agreement is None:
        raise TermsError(f"There is no agreement {agreement_id}.")
    if start < agreement.start or (agreement.end and start >= agreement.end):
        raise TermsError(
            f"{start} is not inside agreement {agreement.number}, which begins on {agreement.start}."
        )
    if until is not None and until <= start:
        raise TermsError(f"Until {until}: it must be after {start}.")
    return agreement


def _changed(row: AgreementTerm, changes: dict[str, Any], reason: str) -> bool:
    """Put changes into a row; False when it says so already. A row that changed is superseded by the database."""
    if all(getattr(row, name) == value for name, value in changes.items()):
        return False
    for name, value in changes.items():
        setattr(row, name, value)
    row.reason = reason[:200]
    row.save(update_fields=[*changes, "reason"])
    return True


def _mark(why: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('thapsang.correction', %s, true)", [why[:500]])
