"""A cashier takes cash: the payment is posted, allocated, and in the audit log, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from thapsang.domain.ledger import operations as ledger
from thapsang.domain.payments import operations, queries
from thapsang.domain.payments.types import AlreadyRecordedError, PaymentError, PaymentView, Receipt
from thapsang.kit.audit.operations import Person, record
from thapsang.kit.db.transactions import transaction

MOST = 10_000_000_000
"""Đồng in cash at once; more is a slip of the keyboard."""


class CashAmountError(PaymentError):
    """The amount is no amount of cash."""

    code = "wrong-amount"


@dataclass(frozen=True)
class Collected:
    """Cash as recorded, in đồng; `credit` paid no bill; `repeated` when the same slip came before."""

    receipt_code: str
    amount: int
    credit: int
    repeated: bool


def collect(
    *, customer_code: str, amount: int, slip: str, actor: Person, at: datetime, request_id: str = ""
) -> Collected:
    """Record `amount` đồng in cash from a customer: the oldest bills first, the rest is credit.

    `slip` is the form's own number: the same slip sent twice is one payment, and gives the first one back.
    Raises CashAmountError, UnknownCustomerError.
    """
    if not 0 < amount <= MOST:
        raise CashAmountError(f"The amount is {amount} đồng; give one from 1 to {MOST:,} đồng.")
    provider = f"counter:{actor.get_username()}"[:40]
    before = queries.recorded(provider=provider, provider_reference=slip)
    if before:
        return _again(before)
    receipt = Receipt("counter", provider, slip, amount, paid_at=at, received_at=at)
    try:
        with transaction():
            ledger.open_account(chart=operations.CASH, code=operations.CASH)
            payer = operations.lock_payer(customer_code=customer_code)
            settled = operations.settle(payer=payer, receipt=receipt)
            record(
                actor=actor, action="payments.collected", subject=f"customer:{customer_code}", before=None,
                after={"receipt": settled.receipt_code, "amount": amount, "credit": settled.credit},
                reason="cash", at=at, request_id=request_id,
            )  # fmt: skip
    except AlreadyRecordedError:  # the same slip at the same moment: the other one won
        winner = queries.recorded(provider=provider, provider_reference=slip)
        if winner is None:
            raise
        return _again(winner)
    return Collected(settled.receipt_code, amount, settled.credit, repeated=False)


def _again(payment: PaymentView) -> Collected:
    return Collected(payment.receipt_code, payment.amount, payment.credit, repeated=True)
