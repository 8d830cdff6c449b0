"""Watching the seller's signing key: how long its certificate still lasts, and when to say so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from thapsang.domain.invoices import operations, queries
from thapsang.domain.invoices.types import InvoicesError
from thapsang.engines.einvoice import EInvoiceError, certificate_facts


@dataclass(frozen=True)
class KeyState:
    """The key's state. `notice`: the threshold of days that is passed (30, 7, 1; 0: ended), None while all is well."""

    subject: str
    valid_until: datetime | None
    days_left: int
    notice: int | None
    problem: str = ""


def key_state(*, at: datetime) -> KeyState:
    """Return how the signing key stands; a key that does not open is a problem told, never raised."""
    try:
        facts = certificate_facts(operations.signer().certificate)
    except (EInvoiceError, InvoicesError) as error:
        return KeyState("", None, 0, 0, str(error))
    left = facts.days_left(at)
    passed = [days for days in queries.current_policy().key_notices if left < days]
    notice = 0 if left < 0 else min(passed) if passed else None
    return KeyState(facts.subject, facts.valid_until, left, notice)
