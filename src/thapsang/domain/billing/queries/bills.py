"""Bills and their lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection

from thapsang.domain.billing.models import Bill, BillLine, BillRun
from thapsang.domain.billing.types import BillDetail, BillView, LineView, parts

_COLUMNS = (
    'b.id, b.supply_point_id, b.customer_id, b.agreement_id, b.run_id, b.start, b."end", b.kwh, b.kvarh, '
    "b.category, b.household_quarters, b.estimated, b.net, b.vat_rate, b.vat, b.total, b.issued_on, b.due_on"
)

# One index descent for each point and month, by the bill's number alone: the point needs no index.
_OF_POINTS = f"""
SELECT {_COLUMNS}
FROM (SELECT to_char(period, 'YYMM')::bigint * 10000000000 AS month FROM billing_billrun) r
CROSS JOIN unnest(%s::bigint[]) AS p(id)
JOIN billing_bill b ON b.id BETWEEN r.month + p.id * 10 AND r.month + p.id * 10 + 9
ORDER BY b.id / 10000000000 DESC, b.id LIMIT %s
"""  # noqa: S608 - only our own column names


def _view(row: Sequence[Any]) -> BillView:
    number, point, customer, agreement, run, *rest = row
    return BillView(number, point, customer, agreement, run, parts(number).period, *rest)


def _select(sql: str, params: Sequence[Any]) -> list[BillView]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [_view(row) for row in cursor.fetchall()]


def bills_of(*, supply_point_ids: Iterable[int], limit: int = 25) -> list[BillView]:
    """Return the bills of supply points, the newest month first, `limit` in all."""
    return _select(_OF_POINTS, [list(supply_point_ids), limit])


def bills_of_customers(*, customer_ids: Iterable[int], limit: int = 100) -> list[BillView]:
    """Return the bills made out to customers, the newest month first, `limit` in all."""
    tail = "WHERE b.customer_id = ANY(%s) ORDER BY b.id DESC LIMIT %s"
    return _select(f"SELECT {_COLUMNS} FROM billing_bill b {tail}", [list(customer_ids), limit])  # noqa: S608


def bills(*, bill_ids: Iterable[int]) -> list[BillView]:
    """Return bills by number, in order of number; unknown numbers are left out."""
    sql = f"SELECT {_COLUMNS} FROM billing_bill b WHERE b.id = ANY(%s) ORDER BY b.id"  # noqa: S608
    return _select(sql, [list(bill_ids)])


def bill(*, bill_id: int) -> BillDetail | None:
    """Return a bill with its lines and the policy version it was rated with, or None."""
    found = bills(bill_ids=[bill_id])
    if not found:
        return None
    version = BillRun.objects.values_list("policy_version_id", flat=True).get(pk=found[0].run_id)
    lines = BillLine.objects.filter(bill_id=bill_id).order_by("line_no").values_list(
        "kind", "tier", "band", "kwh", "price", "amount", "start", "end", "reference"
    )  # fmt: skip
    return BillDetail(found[0], tuple(LineView(*line) for line in lines), version)


def newest_bill(*, supply_point_id: int) -> BillView | None:
    """Return a point's last bill, or None."""
    found = bills_of(supply_point_ids=[supply_point_id], limit=1)
    return found[0] if found else None


def bill_exists(*, bill_id: int) -> bool:
    """Tell whether a bill has this number."""
    return Bill.objects.filter(pk=bill_id).exists()
