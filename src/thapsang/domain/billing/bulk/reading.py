"""A month's bills back into columns, to check them."""

from __future__ import annotations

from datetime import date

import pyarrow as pa

from thapsang.domain.billing.types import PERIOD_FACTOR, yymm
from thapsang.kit.bulk.copy import Link, fetch


def _months(period: date) -> tuple[int, int]:
    low = yymm(period) * PERIOD_FACTOR
    return low, low + PERIOD_FACTOR - 1


def month_bills(link: Link, *, period: date) -> pa.Table:
    """Return `id`, `point`, `kwh`, `total`, `customer_id` of a month's regular bills, in order of number."""
    low, high = _months(period)
    return fetch(
        link,
        "SELECT id, supply_point_id AS point, customer_id, kwh, total FROM billing_bill "  # noqa: S608 - integers
        f"WHERE id BETWEEN {low} AND {high} AND id % 10 = 0 ORDER BY id",
    )


def month_energy(link: Link, *, period: date) -> pa.Table:
    """Return `point`, `kwh` and `id` (the first number) over all bills of each point for a month, later ones too."""
    low, high = _months(period)
    return fetch(
        link,
        "SELECT supply_point_id AS point, sum(kwh)::bigint AS kwh, min(id) AS id FROM billing_bill "  # noqa: S608
        f"WHERE id BETWEEN {low} AND {high} GROUP BY 1 ORDER BY 1",
    )


def exception_points(link: Link, *, period: date) -> pa.Array:
    """Return the points with an exception for a month, open or resolved without a bill."""
    sql = (
        "SELECT e.supply_point_id AS point FROM billing_billingexception e "  # noqa: S608 - a date
        f"JOIN billing_billrun r ON r.id = e.run_id WHERE r.period = '{period:%Y-%m-%d}' ORDER BY 1"
    )
    return fetch(link, sql)["point"].combine_chunks()


def relief_lines(link: Link, *, period: date) -> pa.Table:
    """Return `bill_id` and `amount`: what each bill of a month takes off by lines of kind `relief`."""
    low, high = _months(period)
    return fetch(
        link,
        "SELECT bill_id, (-sum(amount))::bigint AS amount FROM billing_billline "  # noqa: S608 - integers
        f"WHERE bill_id BETWEEN {low} AND {high} AND kind = 'relief' GROUP BY 1",
    )


def wrong_bills(link: Link, *, period: date, limit: int = 20) -> pa.Table:
    """Return bills whose lines do not sum to the net (`id`, `net`, `lines`), and lines without a bill."""
    low, high = _months(period)
    return fetch(
        link,
        "SELECT coalesce(b.id, l.bill_id) AS id, b.net, l.amount AS lines "  # noqa: S608 - integers
        f"FROM (SELECT id, net FROM billing_bill WHERE id BETWEEN {low} AND {high}) b "
        "FULL JOIN (SELECT bill_id, sum(amount)::bigint AS amount FROM billing_billline "
        f"WHERE bill_id BETWEEN {low} AND {high} GROUP BY bill_id) l ON l.bill_id = b.id "
        f"WHERE b.id IS NULL OR coalesce(l.amount, 0) <> b.net ORDER BY 1 LIMIT {int(limit)}",
    )
