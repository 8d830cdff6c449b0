"""Bills and their lines of some supply points, in columns, for those who write invoices of them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from thapsang.domain.billing.types import PERIOD_FACTOR, yymm
from thapsang.kit.bulk.copy import fetch

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

_DENSE = 3
"""Bills are read by a range of numbers when that touches at most so many times the points wanted."""
_BILLS = """
SELECT b.id AS bill_id, b.supply_point_id AS point, b.customer_id, b.category, b.start, b."end", b.net, b.vat_rate,
       b.vat, b.total
FROM billing_bill b WHERE {among} ORDER BY b.id
"""
_LINES = """
SELECT l.bill_id, l.line_no, l.kind, l.tier, l.band, l.kwh, l.price, l.amount, l.start, l."end"
FROM billing_billline l WHERE {among} ORDER BY l.bill_id, l.line_no
"""
_LINKS = """
SELECT k.bill_id, k.of_bill_id, k.kind FROM billing_billlink k WHERE k.{column} BETWEEN {low} AND {high}
"""


def _numbers(period: date, points: pl.Series) -> tuple[int, int]:
    month = yymm(period) * PERIOD_FACTOR
    return month + int(points.min()) * 10, month + int(points.max()) * 10 + 9  # type: ignore[arg-type]


def bills_of_points(link: Connection, *, period: date, points: pl.Series) -> pl.DataFrame:
    """Return all bills of supply points for a month, in order of number, later ones of the month included.

    Columns: bill_id, point, customer_id, category, start, end, net, vat_rate, vat, total (đồng, basis points).
    """
    low, high = _numbers(period, points)
    if (high - low) // 10 < _DENSE * len(points):
        found = pl.DataFrame(fetch(link, _BILLS.format(among=f"b.id BETWEEN {low} AND {high}")))
        return found.join(points.alias("point").to_frame(), on="point", how="semi", maintain_order="left")
    month = yymm(period) * PERIOD_FACTOR
    wanted = ",".join(str(month + point * 10 + n) for point in points.to_list() for n in range(10))
    return pl.DataFrame(fetch(link, _BILLS.format(among=f"b.id = ANY('{{{wanted}}}'::bigint[])")))


def lines_of_bills(link: Connection, *, bills: pl.Series) -> pl.DataFrame:
    """Return the lines of bills of one month, in order of bill and line.

    Columns: bill_id, line_no, kind, tier, band, kwh, price, amount, start, end.
    """
    low, high = int(bills.min()), int(bills.max())  # type: ignore[arg-type]
    if (high - low) // 10 < _DENSE * len(bills):
        found = pl.DataFrame(fetch(link, _LINES.format(among=f"l.bill_id BETWEEN {low} AND {high}")))
        if len(bills) == found["bill_id"].n_unique():
            return found
        return found.join(bills.alias("bill_id").to_frame(), on="bill_id", how="semi", maintain_order="left")
    wanted = ",".join(map(str, bills.to_list()))
    return pl.DataFrame(fetch(link, _LINES.format(among=f"l.bill_id = ANY('{{{wanted}}}'::bigint[])")))


def links_among(link: Connection, *, bills: pl.Series) -> pl.DataFrame:
    """Return which bills of a range of numbers follow an earlier one: bill_id, of_bill_id, kind."""
    low, high = int(bills.min()), int(bills.max())  # type: ignore[arg-type]
    return pl.DataFrame(
        fetch(link, _LINKS.format(column="bill_id", low=low, high=high)),
        schema={"bill_id": pl.Int64, "of_bill_id": pl.Int64, "kind": pl.String},
    )
