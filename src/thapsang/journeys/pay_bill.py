"""A customer pays: start, settle by the gateway's notification, confirm by a bank, recognise the return.

Money moves only in `settle_callback` and `confirm_bank_payment`; both lock the customer's account first.
What a browser brings back (`read_return`) shows a result and settles nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from thapsang.domain.payments import operations, queries
from thapsang.domain.payments.types import (
    GATEWAY,
    METHODS,
    AlreadyRecordedError,
    Charge,
    ForgedMessageError,
    GatewayMessage,
    IdempotencyKey,
    NothingOwedError,
    Order,
    PaidInFutureError,
    PaidTooLongAgoError,
    Payer,
    PaymentError,
    PaymentGateway,
    Receipt,
    Settled,
    UnknownReferenceError,
    UnreadableMessageError,
    Verdict,
)
from thapsang.engines import qr
from thapsang.kit.db.transactions import transaction

_CLOCKS_APART = timedelta(minutes=5)


@dataclass(frozen=True)
class Started:
    """An intent to pay: where to send the browser (gateway), or what to draw as a QR code (vietqr)."""

    reference: str
    amount: int
    expires_at: datetime
    redirect_url: str = ""
    qr_payload: str = ""


@dataclass(frozen=True)
class CallbackOutcome:
    """What was made of a notification, and what the provider is answered."""

    verdict: Verdict
    answer: dict[str, str]
    reference: str = ""


@dataclass(frozen=True)
class Returned:
    """What a browser brought back. `genuine` is the signature's; `successful` is only the gateway's word."""

    genuine: bool
    reference: str = ""
    successful: bool = False


@dataclass(frozen=True)
class Confirmed:
    """A bank's confirmation as recorded; `replayed` when the same key had brought it before."""

    customer_code: str
    settled: Settled
    replayed: bool


def start_payment(
    *, customer_code: str, bill_ids: Iterable[int] = (), method: str, at: datetime, language: str = "vn",
    payer_address: str = "0.0.0.0",  # noqa: S104 - VNPay wants an address; none is known here
) -> Started:  # fmt: skip
    """Begin to pay these bills (none named: all that is open) by `gateway` or `vietqr`.

    The amount is what is owed after the customer's credit was used; asking twice gives the same open intent.
    Raises UnknownCustomerError, NothingOwedError (nothing open, or a bill that is not), ValueError (method).
    """
    if method not in METHODS:
        raise ValueError(f"The method is {method!r}; it is one of {', '.join(METHODS)}.")
    minutes = queries.rules().minutes[method]
    with transaction():
        payer = operations.lock_payer(customer_code=customer_code)
        operations.use_credit(payer=payer)
        charge = _charge(payer, set(bill_ids))
        opened = (
            operations.open_intent(payer=payer, charge=charge, method=method, minutes=minutes, at=at)
            if charge
            else None
        )
    # Raised outside: a bill that credit has just paid stays paid.
    if charge is None or opened is None:
        raise NothingOwedError("Nothing is open on these bills: they are paid, or not this customer's.")
    reference, since, until = opened
    amount = charge.amount
    if method == GATEWAY:
        text = f"Thanh toan tien dien {reference}"
        order = Order(reference, amount, text, since, until, language, payer_address)
        return Started(reference, amount, until, redirect_url=operations.gateway().redirect_url(order))
    return Started(reference, amount, until, qr_payload=transfer_code(reference=reference, amount=amount))


def _charge(payer: Payer, wanted: set[int]) -> Charge | None:
    dues = {due.bill_id: due.open for due in queries.outstanding(customer_id=payer.customer_id).dues}
    if not wanted <= dues.keys():
        return None
    chosen = {bill: amount for bill, amount in dues.items() if not wanted or bill in wanted}
    return Charge(chosen) if chosen else None


def transfer_code(*, reference: str, amount: int) -> str:
    """Return the VietQR text that transfers `amount` đồng to the distributor under a payment reference."""
    rules = queries.rules()
    purpose = f"TT tien dien {reference}"
    return qr.encode(qr.Transfer(rules.bank_bin, rules.account, amount, bill=reference, purpose=purpose))


def settle_callback(*, provider: str, params: Mapping[str, str], at: datetime) -> CallbackOutcome:
    """Judge a gateway's notification, keep it, and post the money when it is genuine, fitting and first.

    In this order: signature, order, amount, not yet confirmed (VNPay 2.1.0, best practices). Everything
    else than Verdict.SETTLED changes no money. Raises UnknownGatewayError for a provider nobody plugged in.
    """
    gateway = operations.gateway(name=provider)
    with transaction():
        verdict, reference = _judge(gateway, params, at)
        operations.keep_callback(
            provider=provider, kind="ipn", payload=params, verdict=verdict, reference=reference, at=at
        )
    return CallbackOutcome(verdict, gateway.answer(verdict), reference)


def _judge(gateway: PaymentGateway, params: Mapping[str, str], at: datetime) -> tuple[Verdict, str]:
    try:
        message = gateway.read(params)
        payer = operations.lock_payer_of_intent(reference=message.reference)
    except ForgedMessageError:
        return Verdict.FORGED, ""
    except UnreadableMessageError:
        return Verdict.UNREADABLE, ""
    except UnknownReferenceError:
        return Verdict.UNKNOWN_ORDER, message.reference
    return _decide(gateway, message, payer, at), message.reference


def _decide(gateway: PaymentGateway, message: GatewayMessage, payer: Payer, at: datetime) -> Verdict:
    intent_id = payer.intent_id or 0
    status, amount = operations.intent_state(intent_id=intent_id)
    if message.amount != amount:
        return Verdict.WRONG_AMOUNT
    before = queries.recorded(provider=gateway.name, provider_reference=message.provider_reference)
    if before is not None:
        return Verdict.ALREADY_CONFIRMED if message.successful else Verdict.FAILURE_AFTER_SUCCESS
    paid_here = status == "paid" and _paid_by(gateway.name, message.reference)
    if not message.successful:
        return _failure(intent_id, status, paid=paid_here)
    if paid_here:
        return Verdict.SECOND_TRANSACTION
    if status == "failed":
        return Verdict.SUCCESS_AFTER_FAILURE
    receipt = Receipt(
        GATEWAY,
        gateway.name,
        message.provider_reference,
        message.amount,
        message.paid_at or at,
        received_at=at,
    )
    operations.settle(payer=payer, receipt=receipt)
    return Verdict.SETTLED


def _paid_by(provider: str, reference: str) -> bool:
    intent = queries.intent(reference=reference)
    receipt = queries.receipt(code=intent.receipt_code) if intent and intent.receipt_code else None
    return receipt is not None and receipt.provider == provider


def _failure(intent_id: int, status: str, *, paid: bool) -> Verdict:
    if paid or status == "paid":
        return Verdict.FAILURE_AFTER_SUCCESS
    if status == "failed":
        return Verdict.ALREADY_CONFIRMED
    operations.fail_intent(intent_id=intent_id)
    return Verdict.FAILURE_KEPT


def read_return(*, provider: str, params: Mapping[str, str], at: datetime) -> Returned:
    """Read what the browser brought back from the gateway, and keep it. Settles nothing.

    Show `successful` as "being confirmed" until the intent's status says paid.
    """
    gateway = operations.gateway(name=provider)
    try:
        message = gateway.read(params)
        seen, verdict = Returned(True, message.reference, message.successful), Verdict.SHOWN
    except ForgedMessageError:
        seen, verdict = Returned(False), Verdict.FORGED
    except UnreadableMessageError:
        seen, verdict = Returned(False), Verdict.UNREADABLE
    with transaction():
        operations.keep_callback(
            provider=provider, kind="return", payload=params, verdict=verdict, reference=seen.reference, at=at
        )
    return seen


def _demand_recent(paid_at: datetime, at: datetime) -> None:
    days = queries.rules().confirm_days
    if paid_at > at + _CLOCKS_APART:
        raise PaidInFutureError("paid_at lies in the future: send the time the payer paid, with its offset.")
    if paid_at < at - timedelta(days=days):
        raise PaidTooLongAgoError(
            f"paid_at lies more than {days} days back: check the year, or let the operator record this payment."
        )


def confirm_bank_payment(
    *, key: IdempotencyKey, provider_reference: str, amount: int, paid_at: datetime, at: datetime,
    customer_code: str = "", intent_reference: str = "",
) -> Confirmed:  # fmt: skip
    """Record money a bank or wallet has received, once for each idempotency key; the client is the provider.

    Customer code, payment reference (of a QR code), or both. Pays the bills of the reference first, then
    the oldest; the rest is credit. Raises PaymentError (UnknownCustomerError, UnknownReferenceError,
    KeyReusedError, AlreadyRecordedError, PaidInFutureError, PaidTooLongAgoError).
    """
    if amount <= 0:
        raise ValueError(f"The amount is {amount} đồng; it has to be more than 0.")
    receipt = Receipt("bank", key.client_id, provider_reference, amount, paid_at, received_at=at)
    try:
        _demand_recent(paid_at, at)
        payer, settled = operations.settle_under_key(  # a transaction of its own
            customer_code=customer_code or _code_of(intent_reference),
            reference=intent_reference,
            receipt=receipt,
            key=key,
        )
    except PaymentError:
        # The same key may have brought it before, or another body: that answer goes first.
        settled, again = None, operations.answered_before(key=key)
        if again is None:
            raise
        return Confirmed(*again, replayed=True)
    if settled is not None:
        return Confirmed(payer.customer_code, settled, replayed=False)
    before = operations.answered_before(key=key)
    if before is None:  # the other call with this key was rolled back after ours had looked
        raise AlreadyRecordedError("This key is being answered: send the same request again.")
    return Confirmed(*before, replayed=True)


def _code_of(reference: str) -> str:
    code = queries.customer_code_of(reference=reference)
    if not code:
        raise UnknownReferenceError("No payment has this reference: check it, or give the customer code.")
    return code
