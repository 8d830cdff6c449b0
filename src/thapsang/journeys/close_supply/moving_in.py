"""A customer moves in: the agreement begins that day, and so does the first regular bill."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.utils import timezone

from thapsang.domain.billing import bulk as billing
from thapsang.domain.billing.types import FinalBillError
from thapsang.domain.customers import operations as customers
from thapsang.domain.customers import queries as register
from thapsang.domain.metering import operations as metering
from thapsang.kit.audit import operations as audit
from thapsang.kit.audit.operations import Person
from thapsang.kit.bulk.copy import bulk_connection
from thapsang.kit.db.transactions import transaction


def move_in(
    *,
    point_code: str,
    customer_code: str,
    number: str,
    on: date,
    reason: str,
    actor: Person | str,
    at: datetime | None = None,
    readings: Mapping[str, int] | None = None,
    **terms: Any,
) -> int:
    """Open an agreement of a customer at a point from a day; return its id.

    `readings`: the dial's values of that day by register kind; left out when the day before was closed with them, or
    when the meter is hung that day. `terms`: category, household_quarters, voltage, time_of_use, reactive_charged.
    Raises FinalBillError (unknown customer or point), AgreementOverlapError, MeterWorkError, CorrectionRefusedError.
    """
    at = at or timezone.now()
    found = register.find_customer(code=customer_code)
    if found is None:
        raise FinalBillError(f"No customer has the code {customer_code}: register the customer first.")
    with bulk_connection() as link:
        points = billing.points_with_books(link, point_codes=[point_code])["point"].to_list()
    if not points:
        raise FinalBillError(f"No supply point has the code {point_code}: check the 16 characters.")
    with transaction():
        if readings:
            metering.read_between(
                supply_point_id=points[0], on=on, values=readings, reason=reason, actor=actor, at=at
            )
        made = customers.open_agreement(
            number=number, customer_id=found.id, supply_point_id=points[0], start=on, **terms
        )
        audit.record(
            actor=actor, action="customers.agreement-opened", subject=f"agreement:{number}", before=None,
            after={"customer": customer_code, "start": on, **terms}, reason=reason, at=at,
        )  # fmt: skip
    return made
