"""Intents, receipts, a customer's payments, a provider's statement, callbacks."""

from __future__ import annotations

from datetime import date, datetime

from django.db.models import Count, QuerySet, Sum

from thapsang.domain.payments.models import Callback, Payment, PaymentIntent
from thapsang.domain.payments.types import TO_JUDGE, CallbackView, IntentView, PaymentView, Statement


def intent(*, reference: str, at: datetime | None = None) -> IntentView | None:
    """Return an intent to pay, or None. With `at`, an open one whose time is over is shown as expired."""
    row = PaymentIntent.objects.prefetch_related("bills").filter(reference=reference).first()
    if row is None:
        return None
    late = row.status == "open" and at is not None and row.expires_at <= at
    first = Payment.objects.filter(intent=row).order_by("id").values_list("receipt_code", flat=True).first()
    return IntentView(
        reference=row.reference, customer_id=row.customer_id, method=row.method, amount=row.amount,
        status="expired" if late else row.status, bill_ids=tuple(sorted(b.bill_id for b in row.bills.all())),
        created_at=row.created_at, expires_at=row.expires_at, receipt_code=first or "",
    )  # fmt: skip


def customer_code_of(*, reference: str) -> str:
    """Return the code of the customer an intent is for; empty when there is no such intent."""
    found = PaymentIntent.objects.filter(reference=reference).values_list("customer__code", flat=True)
    return found.first() or ""


def _views(payments: QuerySet[Payment]) -> list[PaymentView]:
    return [_view(p) for p in payments.select_related("intent").prefetch_related("allocations")]


def _view(payment: Payment) -> PaymentView:
    given = sorted((a.bill_id, a.amount) for a in payment.allocations.all())
    parts = [part for part in given if part[0] > 0]  # below zero stand refunds
    return PaymentView(
        receipt_code=payment.receipt_code, customer_id=payment.customer_id, amount=payment.amount,
        channel=payment.channel, provider=payment.provider, provider_reference=payment.provider_reference,
        paid_at=payment.paid_at, received_at=payment.received_at, allocations=tuple(parts),
        intent=payment.intent.reference if payment.intent else "",
        refunded=sum(amount for number, amount in given if number < 0),
    )  # fmt: skip


def receipt(*, code: str) -> PaymentView | None:
    """Return the payment with this receipt code, or None."""
    return next(iter(_views(Payment.objects.filter(receipt_code=code))), None)


def recorded(*, provider: str, provider_reference: str) -> PaymentView | None:
    """Return the payment a provider's reference stands for, or None."""
    found = Payment.objects.filter(provider=provider, provider_reference=provider_reference)
    return next(iter(_views(found)), None)


def payments_of(*, customer_id: int, limit: int = 50) -> list[PaymentView]:
    """Return a customer's payments, the newest first."""
    return _views(Payment.objects.filter(customer_id=customer_id).order_by("-paid_at", "-id")[:limit])


def statement(*, provider: str, day: date, after: str = "", limit: int = 500) -> Statement:
    """Return a provider's payments of one day (Việt Nam) in the order recorded, `limit` at a time.

    `after` is the receipt code the last page ended with; totals are those of the whole day.
    """
    whole = Payment.objects.filter(provider=provider, business_date=day)
    totals = whole.aggregate(count=Count("id"), amount=Sum("amount"))
    start = whole.filter(receipt_code=after).values_list("id", flat=True).first() or 0 if after else 0
    page = _views(whole.filter(id__gt=start).order_by("id")[: limit + 1])
    more = page[limit - 1].receipt_code if len(page) > limit else ""
    return Statement(day, tuple(page[:limit]), totals["count"], totals["amount"] or 0, more)


def to_judge(*, since: datetime, limit: int = 10) -> list[CallbackView]:
    """Return genuine messages of gateways that moved no money and need a person, the newest of each order."""
    found = Callback.objects.filter(received_at__gte=since, verdict__in=TO_JUDGE).order_by("-id")
    newest: dict[tuple[str, str], CallbackView] = {}
    for kept in found[: limit * 20]:  # a gateway says the same up to ten times
        newest.setdefault((kept.provider, kept.reference), _callback(kept))
    return list(newest.values())[:limit]


def callbacks(*, verdict: str = "", reference: str = "", limit: int = 100) -> list[CallbackView]:
    """Return providers' messages, the newest first, as they were judged."""
    found = Callback.objects.order_by("-id")
    if verdict:
        found = found.filter(verdict=verdict)
    if reference:
        found = found.filter(reference=reference)
    return [_callback(one) for one in found[:limit]]


def _callback(kept: Callback) -> CallbackView:
    return CallbackView(kept.provider, kept.kind, kept.verdict, kept.reference, kept.received_at)
