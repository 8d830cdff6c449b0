"""Invoices, one or a few."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from django.db.models import F, QuerySet
from django.db.models.expressions import RawSQL

from thapsang.domain.billing.types import PERIOD_FACTOR, yymm
from thapsang.domain.invoices.models import Invoice, InvoiceEvent, Message
from thapsang.domain.invoices.types import EventView, InvoiceView, UnknownInvoiceError, read_look_up_code

_NAME = re.compile(r"(\d)([CK]\d{2}[A-Z]{3})-?0*(\d{1,8})")

_COPIES = "SELECT bill * 10 + copy FROM unnest(%s::bigint[]) AS b(bill), generate_series(0, 9) AS c(copy)"
"""All numbers that invoices of some bills may have: one parameter, however many bills."""


def _views(rows: QuerySet[Invoice]) -> list[InvoiceView]:
    return [_view(row) for row in rows.select_related("series", "pack")]


def _view(row: Invoice) -> InvoiceView:
    return InvoiceView(
        id=row.pk, form=row.series.form, series=row.series.code, number=row.number, bill_id=row.bill_id,
        customer_id=row.customer_id, issued_on=row.issued_on, net=row.net, vat=row.vat, total=row.total,
        look_up_code=row.look_up_code, status=row.status, relation=row.relation, relates_to=row.relates_to_id,
        reason=row.reason, signed_at=row.signed_at, sha256=bytes(row.sha256) if row.sha256 else None,
        pack_sha256=row.pack.sha256 if row.pack else "", position=row.position, size=row.size,
        authority_code=row.authority_code, rejection=row.rejection,
    )  # fmt: skip


def invoice(*, invoice_id: int) -> InvoiceView | None:
    """Return one invoice by its number of ours (bill number × 10 + copy)."""
    return next(iter(_views(Invoice.objects.filter(pk=invoice_id))), None)


def invoice_by_look_up_code(*, code: str) -> InvoiceView | None:
    """Return the invoice of a look-up code. Raises UnknownInvoiceError for what is none."""
    return next(iter(_views(Invoice.objects.filter(look_up_code=read_look_up_code(code)))), None)


def invoice_named(*, name: str) -> InvoiceView | None:
    """Return the invoice of form, series and number: 1C26TNA-75757. Raises UnknownInvoiceError."""
    match = _NAME.fullmatch(name.strip().upper())
    if match is None:
        raise UnknownInvoiceError(
            f"{name!r} is no invoice: write form, series and number, as in 1C26TNA-75757."
        )
    rows = Invoice.objects.filter(series__form=match[1], series__code=match[2], number=int(match[3]))
    return next(iter(_views(rows)), None)


def invoices_of_bills(*, bill_ids: Sequence[int]) -> dict[int, InvoiceView]:
    """Return the newest signed invoice of each bill that has one."""
    ids = RawSQL(_COPIES, [list(bill_ids)])  # noqa: S611 - a constant; the numbers are a parameter
    rows = Invoice.objects.filter(pk__in=ids, sha256__isnull=False).order_by("pk")
    return {view.bill_id: view for view in _views(rows)}


def newer(*, invoice_id: int) -> list[InvoiceView]:
    """Return the invoices that adjust or replace this one, oldest first."""
    return _views(Invoice.objects.filter(relates_to_id=invoice_id).order_by("issued_on", "pk"))


def events(*, invoice_id: int) -> list[EventView]:
    """Return an invoice's steps in order."""
    rows = InvoiceEvent.objects.filter(invoice_id=invoice_id).order_by("step")
    found = list(rows.values_list("step", "kind", "at", "message_id", "detail"))
    codes = dict(Message.objects.filter(pk__in=[row[3] for row in found if row[3]]).values_list("pk", "code"))
    return [
        EventView(s, k, at, codes.get(message, "") if message else "", d) for s, k, at, message, d in found
    ]


def rejected(*, period: date | None = None, limit: int = 200) -> list[InvoiceView]:
    """Return rejected invoices that nothing has replaced yet, newest bill first."""
    replaced = Invoice.objects.filter(relates_to__isnull=False).values("relates_to_id")
    messages = Message.objects.filter(rejected__gt=0).values("pk")
    rows = Invoice.objects.filter(message_id__in=messages, status="rejected").exclude(pk__in=replaced)
    if period:
        low = yymm(period) * PERIOD_FACTOR * 10
        rows = rows.filter(pk__gte=low, pk__lt=low + PERIOD_FACTOR * 10)
    return _views(rows.order_by("-pk")[:limit])


def message_invoices(*, message_id: int) -> list[InvoiceView]:
    """Return the invoices of a message, in order of number: each time the same."""
    rows = Invoice.objects.filter(message_id=message_id).order_by(F("series_id"), F("number"))
    return _views(rows)
