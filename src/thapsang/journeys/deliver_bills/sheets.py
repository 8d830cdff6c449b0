"""What stands on the bills of some supply points, gathered at once; and the port to who prints them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Protocol

import polars as pl
from django.conf import settings
from django.utils.module_loading import import_string

from thapsang.domain.billing.queries.corrections import links_of
from thapsang.domain.billing.queries.printing import details_of_points
from thapsang.domain.billing.types import BillDetail, LinkView
from thapsang.domain.customers import bulk as customers
from thapsang.domain.metering.bulk import usage_of_months
from thapsang.domain.metering.queries import MonthUsage
from thapsang.kit.bulk.copy import Link

MONTHS = 25
"""Months of use told: the chart's thirteen, and the same months a year before."""


@dataclass(frozen=True)
class Sheet:
    """One bill as it was issued, with everything its print needs. What was paid since does not stand on it."""

    detail: BillDetail
    point_code: str
    customer_code: str
    name: str
    address: str
    usage: list[MonthUsage]
    """The months up to the bill's, the oldest first; those not known are left out."""
    follows: LinkView | None


@dataclass(frozen=True)
class Printed:
    """A PDF of several sheets, and how many pages each of them has."""

    pdf: bytes
    pages: list[int]


class Printer(Protocol):
    """Sets sheets as one PDF, each beginning a page, in Vietnamese. Plugged in by config (port `bill-printer`)."""

    def __call__(self, sheets: Sequence[Sheet]) -> Printed:
        """Return the PDF of one or more sheets of one month."""
        ...


@cache
def printer() -> Printer:
    """Return the printer that config plugs in."""
    made: Printer = import_string(settings.PORTS["bill-printer"])()
    return made


def gather(link: Link, *, period: date, points: Sequence[int], day: int) -> list[Sheet]:
    """Return the sheets of supply points of one reading day for a month, in order of point's code.

    Bills without an amount and cancelling ones are left out: they have no invoice and nobody pays by them.
    """
    details = [found for found in details_of_points(period=period, points=sorted(points)) if found.bill.net]
    links = links_of(bill_ids=[found.bill.id for found in details])
    details = [one for one in details if (why := links.get(one.bill.id)) is None or why.kind != "cancels"]
    if not details:
        return []
    billed = pl.Series("point", sorted({one.bill.supply_point_id for one in details}), pl.Int64)
    owners = pl.Series("customer_id", sorted({one.bill.customer_id for one in details}), pl.Int64)
    buyers = {
        row["customer_id"]: row for row in customers.buyers(link, customers=owners).iter_rows(named=True)
    }
    places = {row["point"]: row for row in customers.places(link, points=billed).iter_rows(named=True)}
    usage = usage_of_months(link, points=billed, day=day, period=period, months=MONTHS)
    sheets = [
        Sheet(
            one, places[point]["point_code"], buyers[owner]["customer_code"], buyers[owner]["name"],
            places[point]["address"], usage.get(point, []), links.get(one.bill.id),
        )
        for one in details
        for point, owner in [(one.bill.supply_point_id, one.bill.customer_id)]
    ]  # fmt: skip
    return sorted(sheets, key=lambda sheet: (sheet.point_code, sheet.detail.bill.id))
