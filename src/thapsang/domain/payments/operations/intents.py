"""Intents to pay: one open intent for the same bills by the same way."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from thapsang.domain.payments.models import IntentBill, PaymentIntent
from thapsang.domain.payments.types import Charge, Payer
from thapsang.kit.db.transactions import transaction_required

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that reads as a digit."""


def random_code(length: int) -> str:
    """Return random letters and digits that cannot be guessed or misread."""
    return "".join([_ALPHABET[byte & 31] for byte in secrets.token_bytes(length)])


@transaction_required
def open_intent(
    *, payer: Payer, charge: Charge, method: str, minutes: int, at: datetime
) -> tuple[str, datetime, datetime]:
    """Return reference, start and end of the open intent for these bills; make one if there is none.

    One whose time is over, or whose amount is no longer what is owed, is closed as expired first. The
    payer's account is locked, so two calls at once find the same intent.
    """
    bill_set = hashlib.sha256(",".join(map(str, sorted(charge.owed))).encode()).hexdigest()
    meant = {"customer_id": payer.customer_id, "method": method, "bill_set": bill_set}
    mine = PaymentIntent.objects.filter(status="open", **meant)
    found = mine.filter(expires_at__gt=at, amount=charge.amount).first()
    if found is None:
        mine.update(status="expired")
        found = PaymentIntent.objects.create(
            reference="TS" + random_code(10),
            owed=charge.amount,
            amount=charge.amount,
            created_at=at,
            expires_at=at + timedelta(minutes=minutes),
            **meant,
        )
        IntentBill.objects.bulk_create(
            IntentBill(intent=found, bill_id=bill, amount=amount) for bill, amount in charge.owed.items()
        )
    return found.reference, found.created_at, found.expires_at


@transaction_required
def intent_state(*, intent_id: int) -> tuple[str, int]:
    """Return status and amount (đồng) of an intent; call it after the payer's account is locked."""
    return PaymentIntent.objects.values_list("status", "amount").get(pk=intent_id)


@transaction_required
def fail_intent(*, intent_id: int) -> None:
    """Close an open intent as failed: the gateway said so."""
    PaymentIntent.objects.filter(pk=intent_id, status__in=("open", "expired")).update(status="failed")
