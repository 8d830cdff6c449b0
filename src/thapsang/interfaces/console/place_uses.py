"""What premises are used for, in words, and what leads from a customer's bill to relief and to its e-invoice."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from thapsang.domain.billing.queries.corrections import root_of
from thapsang.domain.billing.types import BillView, parts
from thapsang.domain.customers import queries as customers
from thapsang.domain.invoices import queries as invoices
from thapsang.domain.reliefs import queries
from thapsang.interfaces.console.desks import language
from thapsang.interfaces.console.views.invoices import STATE_WORDS


def names() -> dict[str, str]:
    """Return the uses premises can have, by code, in the reader's language."""
    lists, tongue = queries.list_scopes(), language()
    return {code: named[tongue] for code, named in queries.list_names().items() if code not in lists}


def last_billed(bills: Iterable[BillView]) -> dict[int, date]:
    """Return each point's newest month with a regular bill: the month `why` is asked about."""
    found: dict[int, date] = {}
    for bill in bills:
        if parts(bill.id).sequence == 0:
            found[bill.supply_point_id] = max(bill.period, found.get(bill.supply_point_id, bill.period))
    return found


def beside_bill(bill: BillView) -> dict[str, Any]:
    """Return what a bill's page leads to: why relief was given or not, computing again, its e-invoice."""
    points = customers.supply_points(ids=[bill.supply_point_id], on=bill.start)
    first = parts(root_of(bill_id=bill.id))
    return {
        "point_code": points[0].code if points else "",
        "month_billed": f"{first.period:%Y-%m}" if points else "", "why_final": first.sequence,
        "invoice": invoices.invoices_of_bills(bill_ids=[bill.id]).get(bill.id), "invoice_words": STATE_WORDS,
    }  # fmt: skip
