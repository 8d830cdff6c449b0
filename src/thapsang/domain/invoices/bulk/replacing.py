"""A rejected invoice is never mended: another one of the same bill takes its place."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
import psycopg
from django.db import connection

from thapsang.domain.invoices.bulk.numbering import number_bills
from thapsang.domain.invoices.models import BatchBook, Invoice
from thapsang.domain.invoices.types import LAST_COPY, CannotReplaceError
from thapsang.engines.einvoice import RelationKind
from thapsang.kit.db.transactions import transaction_required


@transaction_required
def replace_rejected(*, invoice_id: int, series_id: int, reason: str, issued_on: date, at: datetime) -> int:
    """Number the invoice that replaces a rejected one, for the same bill; return its id.

    It is signed by the next start of the month. Raises CannotReplaceError.
    """
    old = Invoice.objects.select_for_update(no_key=True).filter(pk=invoice_id).first()
    if old is None or old.status != "rejected":
        raise CannotReplaceError("Only an invoice the tax authority rejected is replaced this way.")
    if old.pk % 10 == LAST_COPY or Invoice.objects.filter(pk=old.pk + 1).exists():
        raise CannotReplaceError("This invoice is replaced already; look at the newest one of its bill.")
    link = connection.connection
    assert isinstance(link, psycopg.Connection)
    row = {
        "bill_id": old.bill_id, "customer_id": old.customer_id, "net": old.net, "vat": old.vat,
        "total": old.total, "copy": old.pk % 10 + 1, "relation": int(RelationKind.REPLACEMENT),
        "relates_to_id": old.pk, "reason": reason[:255],
    }  # fmt: skip
    number_bills(link, series_id=series_id, issued_on=issued_on, at=at, bills=pl.DataFrame([row]))
    BatchBook.objects.filter(packs__pk=old.pack_id or 0, status="done").update(status="numbered")
    return old.pk + 1
