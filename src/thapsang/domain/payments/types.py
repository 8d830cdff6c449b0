"""Words of payments: charges, the gateway's port, views and refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from thapsang.domain.billing.types import BillView

GATEWAY, VIETQR = "gateway", "vietqr"
METHODS = (GATEWAY, VIETQR)


@dataclass(frozen=True)
class Charge:
    """What a customer is asked for: the open amounts of the bills meant, and nothing else.

    Zero fee is a rule of the code: the amount is the sum of what is owed, and there is no field to add to it.
    The database holds the same (`intent_zero_fee`, `payments_intent_sum`).
    """

    owed: Mapping[int, int]
    """Open đồng by bill number."""

    def __post_init__(self) -> None:
        if not self.owed or min(self.owed.values()) <= 0:
            raise ValueError("A charge needs at least one bill, each with more than 0 đồng open.")

    @property
    def amount(self) -> int:
        """The sum of what is owed, in đồng."""
        return sum(self.owed.values())


@dataclass(frozen=True)
class OwnBill:
    """A bill of the one who asks, and how many đồng were paid on it."""

    bill: BillView
    paid: int


@dataclass(frozen=True, repr=False)
class GuardedBill:
    """A bill that was read before it was known who asks: told only to who has a phone of its customer."""

    _bill: OwnBill | None
    _phones: frozenset[bytes]

    def told_to(self, phone_index: bytes | None) -> OwnBill | None:
        """Return the bill if this phone (its blind index) is the customer's, else None, as for no bill."""
        return self._bill if phone_index is not None and phone_index in self._phones else None


@dataclass(frozen=True)
class Due:
    """A bill that is not paid in full; amounts in đồng."""

    bill_id: int
    total: int
    paid: int
    due_on: date

    @property
    def open(self) -> int:
        """What is still to be paid."""
        return self.total - self.paid


@dataclass(frozen=True)
class Outstanding:
    """What a customer owes, oldest bill first, and the credit not yet used; amounts in đồng."""

    dues: tuple[Due, ...]
    credit: int

    @property
    def open(self) -> int:
        """The sum of the open bills."""
        return sum(due.open for due in self.dues)

    @property
    def owed(self) -> int:
        """What is to be paid when the credit has been used; never below 0."""
        return max(0, self.open - self.credit)


@dataclass(frozen=True)
class IntentView:
    """An intent to pay as others may see it. `status`: open, paid, failed or expired."""

    reference: str
    customer_id: int
    method: str
    amount: int
    status: str
    bill_ids: tuple[int, ...]
    created_at: datetime
    expires_at: datetime
    receipt_code: str = ""


@dataclass(frozen=True)
class PaymentView:
    """Money received. `credit` is the part that paid no bill (yet)."""

    receipt_code: str
    customer_id: int
    amount: int
    channel: str
    provider: str
    provider_reference: str
    paid_at: datetime
    received_at: datetime
    allocations: tuple[tuple[int, int], ...]
    """(bill number, đồng), oldest bill first."""
    intent: str = ""
    refunded: int = 0
    """Đồng of this payment that were paid back."""

    @property
    def credit(self) -> int:
        """Đồng of this payment that no bill has used."""
        return self.amount - self.refunded - sum(amount for _, amount in self.allocations)


@dataclass(frozen=True)
class CallbackView:
    """A provider's message and what was made of it."""

    provider: str
    kind: str
    verdict: str
    reference: str
    received_at: datetime


@dataclass(frozen=True)
class Statement:
    """A provider's payments of one day: the page asked for, and the totals of the whole day."""

    day: date
    payments: tuple[PaymentView, ...]
    count: int
    amount: int
    next_after: str = ""


@dataclass(frozen=True)
class Settled:
    """A payment as it was posted; amounts in đồng."""

    payment_id: int
    receipt_code: str
    amount: int
    allocations: tuple[tuple[int, int], ...]

    @property
    def credit(self) -> int:
        """The part that paid no bill."""
        return self.amount - sum(amount for _, amount in self.allocations)


@dataclass(frozen=True)
class Receipt:
    """What is recorded of money that arrived."""

    channel: str
    """gateway, bank or counter."""
    provider: str
    provider_reference: str
    amount: int
    paid_at: datetime
    received_at: datetime


@dataclass(frozen=True)
class Payer:
    """A customer whose account is locked until the transaction ends."""

    customer_id: int
    customer_code: str
    intent_id: int | None = None
    reference: str = ""


@dataclass(frozen=True)
class IdempotencyKey:
    """A client's key for one confirmation, and the hash of the body that came with it."""

    client_id: str
    key: str
    body_hash: bytes


class Verdict(StrEnum):
    """What was made of a provider's message. Only SETTLED changed money."""

    SETTLED = "settled"
    FORGED = "forged"
    UNREADABLE = "unreadable"
    UNKNOWN_ORDER = "unknown-order"
    WRONG_AMOUNT = "wrong-amount"
    ALREADY_CONFIRMED = "already-confirmed"
    SECOND_TRANSACTION = "second-transaction"
    FAILURE_KEPT = "failure"
    FAILURE_AFTER_SUCCESS = "failure-after-success"
    SUCCESS_AFTER_FAILURE = "success-after-failure"
    SHOWN = "shown"


TO_JUDGE = (
    Verdict.WRONG_AMOUNT,
    Verdict.SUCCESS_AFTER_FAILURE,
    Verdict.SECOND_TRANSACTION,
    Verdict.UNKNOWN_ORDER,
)
"""Genuine messages that moved no money: a person compares them with the gateway's statement."""


@dataclass(frozen=True)
class GatewayMessage:
    """A gateway's genuine message about one order. `amount` in đồng."""

    reference: str
    amount: int
    successful: bool
    provider_reference: str
    paid_at: datetime | None
    code: str = ""


@dataclass(frozen=True)
class Order:
    """What a gateway is asked to collect. `amount` in đồng."""

    reference: str
    amount: int
    description: str
    created_at: datetime
    expires_at: datetime
    language: str = "vn"
    payer_address: str = "0.0.0.0"  # noqa: S104 - the protocol wants an address, not ours to listen on


class ForgedMessageError(ValueError):
    """A message whose signature is not the provider's."""


class UnreadableMessageError(ValueError):
    """A genuine message that lacks a field or has a wrong one; the text names it."""


class PaymentGateway(Protocol):
    """A gateway the customer is sent to. Served by an adapter chosen in config."""

    @property
    def name(self) -> str:
        """The name its messages and payments are kept under."""
        ...

    def redirect_url(self, order: Order) -> str:
        """Return the address that lets the customer pay `order`."""
        ...

    def read(self, params: Mapping[str, str]) -> GatewayMessage:
        """Check and read a message (return or notification).

        Raises ForgedMessageError or UnreadableMessageError.
        """
        ...

    def answer(self, verdict: Verdict) -> dict[str, str]:
        """Return what the gateway wants to hear after a notification."""
        ...


class PaymentError(ValueError):
    """A payment that cannot be started or recorded; the text says why and what to do. `code` is stable."""

    code = "payment-refused"


class UnknownCustomerError(PaymentError):
    """No customer has this code."""

    code = "unknown-customer"


class UnknownReferenceError(PaymentError):
    """No intent to pay has this reference."""

    code = "unknown-reference"


class NothingOwedError(PaymentError):
    """The customer owes nothing, or a bill asked for is paid already."""

    code = "nothing-owed"


class KeyReusedError(PaymentError):
    """The idempotency key came before with another body."""

    code = "idempotency-key-reused"


class AlreadyRecordedError(PaymentError):
    """The provider's reference is recorded already, under another key."""

    code = "payment-already-recorded"


class PaidInFutureError(PaymentError):
    """The time of payment lies in the future."""

    code = "paid-in-future"


class PaidTooLongAgoError(PaymentError):
    """The time of payment lies further back than the policy allows."""

    code = "paid-too-long-ago"


@dataclass(frozen=True)
class CollectionRules:
    """policies/<distributor>/payments: where money goes and how long an intent lives."""

    bank_bin: str
    bank_name: str
    account: str
    account_name: str
    account_invented: bool
    fee: int
    confirm_days: int
    """A bank's confirmation of a payment older than so many days is refused."""
    minutes: Mapping[str, int] = field(default_factory=dict)
    """Life of an intent by method."""
