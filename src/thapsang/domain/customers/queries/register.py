"""Customers, their supply points, terms, contact points, consents and notes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

from django.db.models import QuerySet

from thapsang.domain.customers.models import (
    AgreementTerm,
    Consent,
    ContactPoint,
    Customer,
    Note,
    SupplyAgreement,
)
from thapsang.domain.customers.types import (
    ConsentView,
    ContactPointView,
    CustomerView,
    NoteView,
    SupplyPointView,
    TermView,
    masked_email,
    masked_phone,
    normalise_phone,
)
from thapsang.kit.db.statements import rows
from thapsang.kit.privacy import cipher


def _views(found: QuerySet[Customer]) -> list[CustomerView]:
    return [
        CustomerView(
            id=row.pk,
            code=row.code,
            kind=row.kind,
            name=row.name,
            account_id=row.account_id,
            tax_code=row.tax_code,
            has_id_number=row.id_number_index is not None,
            created_at=row.created_at,
        )
        for row in found.defer("search", "id_number_cipher")
    ]


def find_customer(*, code: str) -> CustomerView | None:
    """Return the customer with this 13-character code, or None."""
    return next(iter(_views(Customer.objects.filter(code=code))), None)


def customer(*, customer_id: int) -> CustomerView | None:
    """Return the customer with this number, or None."""
    return next(iter(_views(Customer.objects.filter(pk=customer_id))), None)


def customers_by_phone(*, phone: str) -> list[CustomerView]:
    """Return the customers who have this phone as a verified or primary contact point, by code.

    Raises InvalidValueError when the text is not a Vietnamese phone number.
    """
    index = cipher.blind_index(normalise_phone(phone), purpose="phone")
    points = ContactPoint.objects.filter(kind="phone", value_index=index)
    good = points.filter(is_primary=True) | points.filter(verified_at__isnull=False)
    return _views(Customer.objects.filter(pk__in=good.values("customer_id")).order_by("code"))


PHONES = """ARRAY (
    SELECT held.value_index FROM customers_contactpoint held
    WHERE held.customer_id = {customer} AND held.kind = 'phone'
      AND (held.is_primary OR held.verified_at IS NOT NULL))"""
"""The phones (blind indexes) of a customer, as `customers_by_phone` has it, for a statement that asks more."""


_POINTS = """
SELECT p.id, p.code, a.customer_id, c.code, r.address, m.name, t.category, t.household_quarters, t.voltage,
       team.name, p.status, t.time_of_use, b.code, a.id, a.number, a.start
FROM customers_supplyagreement a
JOIN customers_supplypoint p ON p.id = a.supply_point_id
JOIN customers_customer c ON c.id = a.customer_id
JOIN customers_premises r ON r.id = p.premises_id
JOIN network_commune m ON m.id = r.commune_id
JOIN network_readingbook b ON b.id = p.book_id
JOIN network_areateam team ON team.id = b.area_team_id
JOIN LATERAL (
    SELECT category, household_quarters, voltage, time_of_use FROM customers_agreementterm
    WHERE agreement_id = a.id ORDER BY start <= %(on)s DESC, abs(start - %(on)s) LIMIT 1
) t ON true
WHERE {column} = ANY(%(ids)s) AND a.start <= %(on)s AND (a."end" IS NULL OR a."end" > %(on)s)
ORDER BY p.id
"""


def _points(column: str, ids: Sequence[Any], on: date) -> list[SupplyPointView]:
    found = rows(_POINTS.format(column=column), {"ids": list(ids), "on": on})
    return [SupplyPointView(*row) for row in found]


def supply_points_of(*, customer_ids: Iterable[int], on: date) -> list[SupplyPointView]:
    """Return the supply points these customers have an agreement for on a day, with the terms of that day."""
    return _points("a.customer_id", list(customer_ids), on)


def supply_points(*, ids: Iterable[int], on: date) -> list[SupplyPointView]:
    """Return these supply points with the agreement and the terms of a day; without an agreement, nothing."""
    return _points("p.id", list(ids), on)


def find_supply_point(*, code: str, on: date) -> SupplyPointView | None:
    """Return the supply point with this 16-character code as it is on a day, or None."""
    return next(iter(_points("p.code", [code], on)), None)


def terms(*, agreement_id: int) -> list[TermView]:
    """Return all terms of an agreement in order; each runs until the next one's start."""
    kept = list(AgreementTerm.objects.filter(agreement_id=agreement_id).order_by("start"))
    ends = [later.start for _, later in pairwise(kept)]
    return [
        TermView(
            row.start, end, row.category, row.household_quarters, row.voltage,
            row.time_of_use, row.reactive_charged, row.reason,
        )
        for row, end in zip(kept, [*ends, None], strict=False)
    ]  # fmt: skip


def agreement_end(*, agreement_id: int) -> date | None:
    """Return the first day without an agreement, or None while it has no end."""
    return SupplyAgreement.objects.values_list("end", flat=True).get(pk=agreement_id)


def contact_points(*, customer_id: int) -> list[ContactPointView]:
    """Return a customer's contact points, opened, the primary ones first."""
    points = ContactPoint.objects.filter(customer_id=customer_id).order_by("-is_primary", "id")
    return [_contact_view(row) for row in points]


def _contact_view(row: ContactPoint) -> ContactPointView:
    value = cipher.decrypt(row.value_cipher, purpose=row.kind)
    masked = masked_email(value) if row.kind == "email" else masked_phone(value)
    return ContactPointView(row.pk, row.kind, value, masked, row.verified_at, row.is_primary, row.language)


def phone_for_messages(*, customer_id: int) -> str | None:
    """Return the phone that messages to a customer go to: primary first, verified first; None without one."""
    row = (
        ContactPoint.objects.filter(customer_id=customer_id, kind="phone")
        .order_by("-is_primary", "verified_at", "id")
        .first()
    )
    return cipher.decrypt(row.value_cipher, purpose="phone") if row else None


def notes(*, customer_id: int) -> list[NoteView]:
    """Return what staff wrote about a customer, newest first."""
    found = Note.objects.filter(customer_id=customer_id).order_by("-written_at", "-id")
    return [NoteView(row.pk, row.text, row.author_name, row.written_at) for row in found]


def consents(*, customer_id: int) -> list[ConsentView]:
    """Return a customer's consents, newest first, withdrawn ones included."""
    found = Consent.objects.filter(customer_id=customer_id).order_by("-granted_at", "-id")
    return [ConsentView(r.pk, r.purpose, r.text_version, r.granted_at, r.withdrawn_at) for r in found]
