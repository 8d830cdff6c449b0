"""For banks and wallets: what is owed, confirm a payment, the day's statement."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Header, Path, Query, Router, Schema
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from thapsang.domain.billing.types import bill_code
from thapsang.domain.customers import queries as customers
from thapsang.domain.payments import queries as payments
from thapsang.domain.payments.types import IdempotencyKey, PaymentError
from thapsang.interfaces.api.auth import Needs
from thapsang.interfaces.api.problems import CODES, ProblemError, described
from thapsang.journeys import pay_bill
from thapsang.kit.identity.clients import Caller

router = Router(tags=["collecting"])
CODE = r"^[A-Z0-9]{13}$"
KEY = r"^[!-~]{1,80}$"
_REFUSALS = ("not-authenticated", "scope-missing", "invalid-request", "too-many-requests")


def _written(value: object) -> object:
    """Demand text that begins with a date: a bare number would be taken for seconds since 1970."""
    if not isinstance(value, str) or not re.match(r"\d{4}-\d{2}-\d{2}", value):
        raise ValueError("write it as YYYY-MM-DD, with time and offset where a time is asked for")
    return value


Day = Annotated[dt.date, BeforeValidator(_written)]
Moment = Annotated[AwareDatetime, BeforeValidator(_written)]
Dong = Annotated[int, Field(description="Whole đồng.")]


class ApiRequest(HttpRequest):
    """A request whose caller was let in by `Needs`."""

    auth: Caller


class DueOut(Schema):
    """A bill that is not paid in full."""

    bill: str = Field(examples=["HD2610-000000123"])
    total: Dong
    paid: Dong
    open: Dong
    due_on: dt.date


class Dues(Schema):
    """What a customer owes, oldest bill first. `owed` is what to collect: open bills less credit."""

    customer_code: str
    name: str = Field(description="Masked: enough to recognise, not to learn.")
    dues: list[DueOut]
    credit: Dong
    owed: Dong


class PaymentIn(BaseModel):
    """Money received. Customer code, reference of a QR code (field 62-01), or both; no other field."""

    model_config = ConfigDict(extra="forbid")  # a misspelt reference would pay another bill than was meant

    customer_code: str = Field("", pattern=r"^([A-Z0-9]{13})?$")
    reference: str = Field("", pattern=r"^([A-Z0-9]{8,32})?$")
    amount: int = Field(
        strict=True, ge=1, le=10**12, description="Whole đồng, as the payer gave it: no fee is taken off."
    )
    transaction_id: str = Field(
        pattern=r"^[A-Za-z0-9._:/-]{1,80}$", description="Your own number of the transaction; once for ever."
    )
    paid_at: Moment = Field(description="When the payer paid, with offset; its day in Việt Nam counts.")

    @model_validator(mode="after")
    def somebody(self) -> PaymentIn:
        """Demand to know who pays."""
        if not self.customer_code and not self.reference:
            raise ValueError("customer_code or reference is needed")
        return self


class Share(BaseModel):
    """How much of the payment paid which bill."""

    bill: str
    amount: Dong


class PaymentOut(BaseModel):
    """A payment as recorded. `credit` is what no bill needed; it pays the next one."""

    receipt: str
    customer_code: str
    amount: Dong
    bills: list[Share]
    credit: Dong


class StatementLine(Schema):
    """One payment of yours."""

    receipt: str
    transaction_id: str
    amount: Dong
    paid_at: dt.datetime
    received_at: dt.datetime
    bills: list[Share]
    credit: Dong


class StatementOut(Schema):
    """Your payments of one day; `count` and `amount` are of the whole day, whatever the page."""

    date: dt.date
    count: int
    amount: Dong
    payments: list[StatementLine]
    next_after: str = Field(description="Send as `after` for the next page; empty on the last.")


@router.get(
    "/customers/{code}/dues",
    auth=Needs("bills:read"),
    response={200: Dues, **described(*_REFUSALS, "unknown-customer")},
    summary="What a customer owes",
    operation_id="get_dues",
)
def dues(request: ApiRequest, code: Annotated[str, Path(pattern=CODE)]) -> Dues:
    """Open bills of a customer code, oldest first, and the credit."""
    customer = customers.find_customer(code=code)
    if customer is None:
        raise ProblemError("unknown-customer", "No customer has this code: check the 13 characters.")
    found = payments.outstanding(customer_id=customer.id)
    shown = [
        DueOut(bill=bill_code(d.bill_id), total=d.total, paid=d.paid, open=d.open, due_on=d.due_on)
        for d in found.dues
    ]
    name = customers.masked_name(customer.name)
    return Dues(customer_code=code, name=name, dues=shown, credit=found.credit, owed=found.owed)


@router.post(
    "/payments",
    auth=Needs("payments:write"),
    response={
        201: PaymentOut,
        **described(*_REFUSALS, "malformed-body", "unknown-customer", "payment-already-recorded"),
    },
    summary="Confirm a payment",
    operation_id="confirm_payment",
)
def confirm(
    request: ApiRequest,
    response: HttpResponse,
    body: PaymentIn,
    idempotency_key: Annotated[str, Header(alias="Idempotency-Key", pattern=KEY)],
) -> tuple[int, dict[str, Any]]:
    """Record money received, once for each Idempotency-Key.

    The same key gives the same answer (with `Idempotent-Replayed: true`); another body under it is refused.
    """
    replayed, answer = recorded(request.auth, body, idempotency_key)
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return 201, answer


def recorded(caller: Caller, body: PaymentIn, idempotency_key: str) -> tuple[bool, dict[str, Any]]:
    """Record a payment; return whether the key had brought it before, and a `PaymentOut`. Raises ProblemError."""
    content = hashlib.sha256(body.model_dump_json().encode()).digest()
    try:
        done = pay_bill.confirm_bank_payment(
            key=IdempotencyKey(caller.client_id, idempotency_key, content),
            customer_code=body.customer_code,
            intent_reference=body.reference,
            provider_reference=body.transaction_id,
            amount=body.amount,
            paid_at=body.paid_at,
            at=timezone.now(),
        )
    except PaymentError as error:
        raise ProblemError(error.code if error.code in CODES else "refused", str(error)) from error
    settled = done.settled
    return done.replayed, {
        "receipt": settled.receipt_code, "customer_code": done.customer_code, "amount": settled.amount,
        "bills": _shares(settled.allocations), "credit": settled.credit,
    }  # fmt: skip


def _shares(allocations: tuple[tuple[int, int], ...]) -> list[dict[str, Any]]:
    return [{"bill": bill_code(bill), "amount": amount} for bill, amount in allocations]


@router.get(
    "/statements/{date}",
    auth=Needs("statements:read"),
    response={200: StatementOut, **described(*_REFUSALS)},
    summary="The day's statement",
    operation_id="get_statement",
)
def statement(
    request: ApiRequest,
    date: Day,
    after: Annotated[str, Query(pattern=r"^[A-Z0-9-]{0,24}$")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
) -> StatementOut:
    """Your own payments whose day of payment in Việt Nam is `date`, in the order recorded."""
    page = payments.statement(provider=request.auth.client_id, day=date, after=after, limit=limit)
    lines = [
        StatementLine(
            receipt=p.receipt_code, transaction_id=p.provider_reference, amount=p.amount, paid_at=p.paid_at,
            received_at=p.received_at, bills=[Share(**share) for share in _shares(p.allocations)], credit=p.credit,
        )
        for p in page.payments
    ]  # fmt: skip
    return StatementOut(
        date=date, count=page.count, amount=page.amount, payments=lines, next_after=page.next_after
    )
