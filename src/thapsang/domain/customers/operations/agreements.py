"""Supply agreements and their dated terms."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import IntegrityError
from django.db import transaction as django_transaction

from thapsang.domain.customers.models import AgreementTerm, SupplyAgreement
from thapsang.kit.db.transactions import transaction_required


class AgreementOverlapError(ValueError):
    """The point already has an agreement on some of these days: close that one first."""


class TermsError(ValueError):
    """Terms or an end that do not fit the agreement; the message names the day and the remedy."""


@transaction_required
def open_agreement(
    *,
    number: str,
    customer_id: int,
    supply_point_id: int,
    start: date,
    category: str,
    household_quarters: int = 4,
    voltage: str = "lt6",
    time_of_use: bool = False,
    reactive_charged: bool = False,
) -> int:
    """Open an agreement from `start` with its first terms; return its number.

    `household_quarters`: households sharing the meter × 4. Raises AgreementOverlapError; the database
    itself holds that a point has one agreement a day.
    """
    try:
        with django_transaction.atomic():
            agreement = SupplyAgreement.objects.create(
                number=number, customer_id=customer_id, supply_point_id=supply_point_id, start=start
            )
    except IntegrityError as error:
        raise AgreementOverlapError(
            f"Agreement {number} cannot start on {start}: the supply point has one then, or the number "
            "is in use. Close the earlier agreement first."
        ) from error
    AgreementTerm.objects.create(
        agreement=agreement, start=start, category=category, household_quarters=household_quarters,
        voltage=voltage, time_of_use=time_of_use, reactive_charged=reactive_charged,
    )  # fmt: skip
    return agreement.pk


@transaction_required
def change_terms(*, agreement_id: int, start: date, reason: str, **changes: Any) -> int:
    """Change terms from a day on; what is not named stays as it was. Return the new terms' number.

    `changes`: category, household_quarters, voltage, time_of_use, reactive_charged.
    Raises TermsError when the day is outside the agreement or already has a change, or a name is unknown.
    """
    agreement = SupplyAgreement.objects.select_for_update().get(pk=agreement_id)
    if start <= agreement.start or (agreement.end and start >= agreement.end):
        raise TermsError(f"{start} is not inside agreement {agreement.number}: choose a day after its start.")
    before = AgreementTerm.objects.filter(agreement=agreement, start__lte=start).order_by("-start").first()
    if before is None or before.start == start:
        raise TermsError(f"Agreement {agreement.number} already changes on {start}: choose another day.")
    kept = {
        name: getattr(before, name)
        for name in ("category", "household_quarters", "voltage", "time_of_use", "reactive_charged")
    }
    if unknown := changes.keys() - kept.keys():
        raise TermsError(f"Unknown terms {', '.join(sorted(unknown))}: one of {', '.join(kept)}.")
    terms = AgreementTerm.objects.create(agreement=agreement, start=start, reason=reason, **(kept | changes))
    return terms.pk


@transaction_required
def close_agreement(*, agreement_id: int, end: date) -> None:
    """End an agreement before the day `end` (the first day without it).

    Raises TermsError when it is closed already, or when it would end before it or its last terms begin.
    """
    agreement = SupplyAgreement.objects.select_for_update().get(pk=agreement_id)
    if agreement.end is not None:
        raise TermsError(f"Agreement {agreement.number} is already closed on {agreement.end}.")
    last = AgreementTerm.objects.filter(agreement=agreement).order_by("-start").first()
    if last and end <= last.start:
        raise TermsError(
            f"Agreement {agreement.number} has terms from {last.start}: close it on a later day."
        )
    agreement.end = end
    agreement.save(update_fields=["end"])
