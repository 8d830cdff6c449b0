"""Bills of many points with their lines at once, for those who print or send a month."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import groupby

from django.db import connection

from thapsang.domain.billing.queries.bills import BILL_COLUMNS, bill_view
from thapsang.domain.billing.types import PERIOD_FACTOR, BillDetail, BillView, LineView, yymm

# One index descent a point and a bill, whatever the planner believes of a month just billed: OFFSET 0 keeps it from
# comparing every point with every bill.
_BILLS = f"""
SELECT CASE WHEN b.id %% 10 = 0 THEN r.policy_version_id ELSE coalesce(
           (SELECT policy_version_id FROM billing_billlink WHERE bill_id = b.id),
           (SELECT policy_version_id FROM billing_finalbill WHERE bill_id = b.id), r.policy_version_id) END,
       {BILL_COLUMNS}
FROM unnest(%(points)s::bigint[]) AS p(id)
CROSS JOIN LATERAL (
    SELECT * FROM billing_bill WHERE id BETWEEN %(month)s + p.id * 10 AND %(month)s + p.id * 10 + 9 OFFSET 0
) b
JOIN billing_billrun r ON r.id = b.run_id ORDER BY b.id
"""  # noqa: S608 - only our own column names
_LINES = """
SELECT l.bill_id, l.kind, l.tier, l.band, l.kwh, l.price, l.amount, l.start, l."end", l.reference
FROM unnest(%s::bigint[]) AS w(id)
CROSS JOIN LATERAL (SELECT * FROM billing_billline WHERE bill_id = w.id OFFSET 0) l ORDER BY l.bill_id, l.line_no
"""


def details_of_points(*, period: date, points: Sequence[int]) -> list[BillDetail]:
    """Return every bill of some points for a month, later ones included, in order of number, each with its lines.

    Two statements, whatever the number of points.
    """
    with connection.cursor() as cursor:
        cursor.execute(_BILLS, {"points": list(points), "month": yymm(period) * PERIOD_FACTOR})
        found = [(policy, bill_view(row)) for policy, *row in cursor.fetchall()]
        cursor.execute(_LINES, [[bill.id for _, bill in found]])
        groups = groupby(cursor.fetchall(), key=lambda row: int(row[0]))
        lines = {number: tuple([LineView(*row[1:]) for row in rows]) for number, rows in groups}
    return [BillDetail(bill, lines.get(bill.id, ()), policy) for policy, bill in found]


def bills_of_month(*, period: date, customer_ids: Sequence[int]) -> list[BillView]:
    """Return the bills of a month made out to customers, later ones included, in order of number."""
    low = yymm(period) * PERIOD_FACTOR
    sql = f"SELECT {BILL_COLUMNS} FROM billing_bill b WHERE b.customer_id = ANY(%s) AND b.id BETWEEN %s AND %s ORDER BY b.id"  # noqa: S608, E501
    with connection.cursor() as cursor:
        cursor.execute(sql, [list(customer_ids), low, low + PERIOD_FACTOR - 1])
        return [bill_view(row) for row in cursor.fetchall()]
