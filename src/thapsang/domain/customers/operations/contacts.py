"""Contact points, consents, notes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from thapsang.domain.customers.models import Consent, ContactPoint, Note
from thapsang.domain.customers.types import InvalidValueError, normalise_email, normalise_phone
from thapsang.kit.db.transactions import transaction_required
from thapsang.kit.privacy import cipher


class ContactPointMissingError(ValueError):
    """The contact point is not there (any more): load the customer's page again."""


@transaction_required
def add_contact_point(*, customer_id: int, kind: str, value: str, primary: bool = False) -> int:
    """Add a phone, e-mail or Zalo number (a phone) of a customer, not yet verified; return its number.

    A value the customer already has is not added twice. Raises InvalidValueError.
    """
    plain = normalise_email(value) if kind == "email" else normalise_phone(value)
    index = cipher.blind_index(plain, purpose=kind)
    known = ContactPoint.objects.filter(customer_id=customer_id, kind=kind)
    if primary:
        known.update(is_primary=False)
    point, _ = known.get_or_create(
        customer_id=customer_id,
        kind=kind,
        value_index=index,
        defaults={"value_cipher": cipher.encrypt(plain, purpose=kind), "is_primary": primary},
    )
    if primary and not point.is_primary:
        ContactPoint.objects.filter(pk=point.pk).update(is_primary=True)
    return point.pk


@transaction_required
def verify_contact_point(*, contact_point_id: int, at: datetime) -> None:
    """Mark a contact point as proven to be the customer's. Raises ContactPointMissingError."""
    if not ContactPoint.objects.filter(pk=contact_point_id).update(verified_at=at):
        raise ContactPointMissingError(f"Contact point {contact_point_id} is not there.")


@transaction_required
def verify_phone(*, phone: str, at: datetime) -> int:
    """Mark a phone (E.164) as proven wherever it is a customer's primary contact point; return how many were new.

    A number that is only noted down beside the primary one stays unproven: it opens nobody's pages.
    """
    index = cipher.blind_index(phone, purpose="phone")
    points = ContactPoint.objects.filter(kind="phone", value_index=index, is_primary=True, verified_at=None)
    return points.update(verified_at=at)


@transaction_required
def confirm_email(*, customer_id: int, address: str, language: str, at: datetime) -> list[str]:
    """Make a proven address a customer's only e-mail address; return the verified ones it takes the place of.

    `language` is what letters to it are written in (`vi`, `en`). Raises InvalidValueError.
    """
    point = add_contact_point(customer_id=customer_id, kind="email", value=address, primary=True)
    ContactPoint.objects.filter(pk=point).update(verified_at=at, language=language)
    return _drop(ContactPoint.objects.filter(customer_id=customer_id, kind="email").exclude(pk=point))


@transaction_required
def remove_email(*, customer_id: int, address: str) -> tuple[bool, list[str]]:
    """Remove an e-mail address from a customer: tell whether it was there, and return it if it was verified."""
    index = cipher.blind_index(address, purpose="email")
    points = ContactPoint.objects.filter(customer_id=customer_id, kind="email", value_index=index)
    return points.exists(), _drop(points)


def _drop(points: QuerySet[ContactPoint]) -> list[str]:
    proven = [bytes(row.value_cipher) for row in points if row.verified_at]
    points.delete()
    return [cipher.decrypt(value, purpose="email") for value in proven]


@transaction_required
def choose_language(*, customer_id: int, address: str, language: str) -> bool:
    """Set the language of letters to a customer's e-mail address; False when there is no such address."""
    index = cipher.blind_index(address, purpose="email")
    points = ContactPoint.objects.filter(customer_id=customer_id, kind="email", value_index=index)
    return bool(points.update(language=language))


@transaction_required
def grant_consent(
    *, customer_id: int, purpose: str, text_version: str, evidence: dict[str, Any], at: datetime
) -> int:
    """Record what a customer allowed and the proof of it; return its number.

    Law 91/2025/QH15: a consent is given, never pre-ticked; without proof it is refused.
    """
    if not evidence:
        raise InvalidValueError("evidence", "Chưa có bằng chứng đồng ý: hãy ghi cách khách hàng đã xác nhận.")
    return Consent.objects.create(
        customer_id=customer_id, purpose=purpose, text_version=text_version, evidence=evidence, granted_at=at
    ).pk


@transaction_required
def withdraw_consent(*, customer_id: int, purpose: str, at: datetime) -> int:
    """Withdraw a customer's consents for a purpose; return how many were in force. The record stays."""
    rows = Consent.objects.filter(customer_id=customer_id, purpose=purpose, withdrawn_at=None)
    return rows.update(withdrawn_at=at)


@transaction_required
def add_note(*, customer_id: int, text: str, author_id: int, author_name: str, at: datetime) -> int:
    """Write a note on a customer's page; return its number. Raises InvalidValueError on an empty one."""
    if not text.strip():
        raise InvalidValueError("text", "Ghi chú còn trống: hãy viết nội dung.")
    return Note.objects.create(
        customer_id=customer_id,
        text=text.strip(),
        author_id=author_id,
        author_name=author_name,
        written_at=at,
    ).pk
