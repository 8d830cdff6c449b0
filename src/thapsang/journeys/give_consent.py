"""A customer agrees to something on the portal, with proof of what was shown; or takes it back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.utils.crypto import salted_hmac

from thapsang.domain.customers import operations, queries
from thapsang.domain.customers.queries import ConsentText
from thapsang.kit.db.transactions import transaction


class UnknownPurposeError(LookupError):
    """There is no such purpose among the consent texts, or its text has changed: show the page again."""


def in_force(*, customer_id: int, purpose: str) -> tuple[str, datetime] | None:
    """Return version and time of a customer's consent in force for a purpose, or None."""
    given = [c for c in queries.consents(customer_id=customer_id) if c.purpose == purpose]
    return next(((c.text_version, c.granted_at) for c in given if c.withdrawn_at is None), None)


def text_of(*, purpose: str, language: str) -> ConsentText:
    """Return the text in force for a purpose. Raises UnknownPurposeError."""
    for text in queries.consent_texts(language=language):
        if text.purpose == purpose:
            return text
    raise UnknownPurposeError(f"There is no purpose {purpose!r} in consents.yaml.")


def give(
    *, customer_ids: Iterable[int], purpose: str, shown: str, language: str, session: str, at: datetime
) -> None:
    """Record that these customers agreed to the text with the hash `shown`, in the session with this key.

    Evidence: time, hash and language of the text, and a keyed hash of the session, never its key. Agreeing to
    the same version again adds nothing. Raises UnknownPurposeError when another text was shown than is in force.
    """
    text = text_of(purpose=purpose, language=language)
    if shown != text.sha256:
        raise UnknownPurposeError("The text changed while it was read: show it again.")
    proof = salted_hmac("consent-session", session, algorithm="sha256").hexdigest()
    evidence = {
        "channel": "portal", "time": at.isoformat(), "text_sha256": text.sha256, "language": text.language,
        "session": proof,
    }  # fmt: skip
    with transaction():
        for customer in sorted(customer_ids):
            now = in_force(customer_id=customer, purpose=purpose)
            if now and now[0] == text.version:
                continue
            operations.withdraw_consent(customer_id=customer, purpose=purpose, at=at)
            operations.grant_consent(
                customer_id=customer, purpose=purpose, text_version=text.version, evidence=evidence, at=at
            )


def take_back(*, customer_ids: Iterable[int], purpose: str, at: datetime) -> int:
    """Withdraw these customers' consents for a purpose; return how many were in force. It holds at once."""
    with transaction():
        return sum(
            operations.withdraw_consent(customer_id=customer, purpose=purpose, at=at)
            for customer in sorted(customer_ids)
        )
