"""A receipt by short message to whoever paid and wants one.

Payments are recorded on a hot path, by a bank's file a million at a time: neither writes events. A sweep reads
the payments that are new, by their numbers, and announces them in blocks of some hundred; the handler turns a
block into messages for the customers who agreed. A block is announced again when one more payment comes into
it; a payment is thanked for once, because its message says what it is about.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from thapsang.domain.customers import queries as customers
from thapsang.domain.notifications import operations as notifications
from thapsang.domain.notifications.queries import sms_text, speaker
from thapsang.domain.notifications.types import NewSms
from thapsang.domain.payments.queries import sweeping
from thapsang.kit.db.transactions import transaction
from thapsang.kit.events import operations as events

EVENT, CONSENT, TEMPLATE = "payments-received", "messages", "payment-received"
SETTLING = timedelta(minutes=2)
"""Longer than any payment's transaction: older numbers have no gap that could still be filled."""
WORTH_TELLING = timedelta(days=1)


def announce_payments(*, at: datetime) -> int:
    """Write an event for each block of payments that came in since the last sweep; return how many are new.

    What was there before the very first sweep is not announced. One process sweeps at a time.
    """
    with transaction():
        done = events.take_watermark(name=EVENT, first=sweeping.last_payment())
        if done is None:
            return 0
        blocks = sweeping.blocks_after(number=done)
        new = [_announce(block, done, at) for block in blocks]
        if blocks:
            settled = sweeping.settled_up_to(after=done, before=at - SETTLING)
            events.move_watermark(name=EVENT, value=settled)
        return sum(new)


def _announce(block: sweeping.PaymentBlock, done: int, at: datetime) -> bool:
    key = f"{EVENT}:{block.number}:{block.last}:{block.count}"
    return events.emit(name=EVENT, key=key, body={"block": block.number, "after": done}, at=at)


@events.handle(EVENT)
def thank(event: events.Happened) -> None:
    """Queue a receipt for each payment of a block whose payer agreed to messages and has a verified phone.

    A payment recorded more than a day ago is not told any more. Hearing an event twice changes nothing.
    """
    now = timezone.now()
    block, after = event.body["block"], event.body["after"]
    paid = sweeping.payments_of_block(number=block, after=after, since=now - WORTH_TELLING)
    payers = {payment.customer_id for payment in paid}
    phones = customers.consented_phones(customer_ids=payers, purpose=CONSENT) if paid else {}
    receipts = [_receipt(p, phones[p.customer_id]) for p in paid if p.customer_id in phones]
    if receipts:
        with transaction():
            notifications.queue_sms(messages=receipts, at=now)


def _receipt(payment: sweeping.PaymentFact, phone: str) -> NewSms:
    amount = f"{payment.amount:,}".replace(",", ".")
    text = sms_text(
        template=TEMPLATE, language="vi", amount=amount, receipt=payment.receipt_code, **speaker()
    )
    return NewSms(phone, TEMPLATE, text, about=f"payment:{payment.id}")
