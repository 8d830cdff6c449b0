"""Bills and their lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection

from thapsang.domain.billing.types import BillDetail, BillView, LaterBill, LineView, parts
from thapsang.kit.db.questions import Question, Rows, answer

BILL_COLUMNS = (
    'b.id, b.supply_point_id, b.customer_id, b.agreement_id, b.run_id, b.start, b."end", b.kwh, b.kvarh, '
    "b.category, b.household_quarters, b.estimated, b.net, b.vat_rate, b.vat, b.total, b.issued_on, b.due_on"
)

# One index descent for each point and month, by the bill's number alone: the point needs no index.
_OF_POINTS = f"""
SELECT {BILL_COLUMNS}
FROM (SELECT to_char(period, 'YYMM')::bigint * 10000000000 AS month FROM billing_billrun) r
CROSS JOIN unnest(%s::bigint[]) AS p(id)
JOIN billing_bill b ON b.id BETWEEN r.month + p.id * 10 AND r.month + p.id * 10 + 9
ORDER BY b.id / 10000000000 DESC, b.id LIMIT %s
"""  # noqa: S608 - only our own column names


def bill_view(row: Sequence[Any]) -> BillView:
    """Return a bill from a row of `BILL_COLUMNS`; `b` is billing_bill."""
    number, point, customer, agreement, run, *rest = row
    return BillView(number, point, customer, agreement, run, parts(number).period, *rest)


def _select(sql: str, params: Sequence[Any]) -> list[BillView]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [bill_view(row) for row in cursor.fetchall()]


def bills_of(*, supply_point_ids: Iterable[int], limit: int = 25) -> list[BillView]:
    """Return the bills of supply points, the newest month first, `limit` in all."""
    return _select(_OF_POINTS, [list(supply_point_ids), limit])


def bills_of_customers(*, customer_ids: Iterable[int], limit: int = 100) -> list[BillView]:
    """Return the bills made out to customers, the newest month first, `limit` in all."""
    tail = "WHERE b.customer_id = ANY(%s) ORDER BY b.id DESC LIMIT %s"
    return _select(f"SELECT {BILL_COLUMNS} FROM billing_bill b {tail}", [list(customer_ids), limit])  # noqa: S608


def bills(*, bill_ids: Iterable[int]) -> list[BillView]:
    """Return bills by number, in order of number; unknown numbers are left out."""
    sql = f"SELECT {BILL_COLUMNS} FROM billing_bill b WHERE b.id = ANY(%s) ORDER BY b.id"  # noqa: S608
    return _select(sql, [list(bill_ids)])


def bill(*, bill_id: int) -> BillDetail | None:
    """Return a bill with its lines and the policy version it was rated with, or None."""
    found = bills(bill_ids=[bill_id])
    if not found:
        return None
    return detail(bill=found[0])


# A later bill may have been rated with other tariffs than its month's run.
_LINES = """
SELECT CASE WHEN b.id % 10 = 0 THEN r.policy_version_id ELSE coalesce(
           (SELECT policy_version_id FROM billing_billlink WHERE bill_id = b.id),
           (SELECT policy_version_id FROM billing_finalbill WHERE bill_id = b.id), r.policy_version_id) END,
       l.kind, l.tier, l.band, l.kwh, l.price, l.amount, l.start, l."end", l.reference
FROM billing_bill b JOIN billing_billrun r ON r.id = b.run_id LEFT JOIN billing_billline l ON l.bill_id = %(bill)s
WHERE b.id = %(bill)s ORDER BY l.line_no
"""


# Numbers of one point and month: one partition is looked at, however many months there are.
_LATER = """
SELECT l.bill_id, l.kind, starts_with(l.origin, 'relief:'), b.total,
       (SELECT coalesce(string_agg(DISTINCT e.reference::text, ','), '') FROM billing_billline e
        WHERE e.bill_id = b.id AND e.bill_id BETWEEN %(low)s AND %(high)s AND e.kind = 'relief' AND e.reference > 0)
FROM billing_billlink l JOIN billing_bill b ON b.id = l.bill_id
WHERE l.of_bill_id = %(bill)s AND b.id BETWEEN %(low)s AND %(high)s ORDER BY l.bill_id
"""


def later_question(*, bill_id: int) -> Question[tuple[LaterBill, ...]]:
    """Ask which later bills follow a bill, with what they add to it or take off, đồng with VAT."""
    low = bill_id // 10 * 10
    return Question(
        _LATER,
        {"bill": bill_id, "low": low, "high": low + 9},
        lambda rows: tuple(_later(*row) for row in rows),
    )


def _later(number: int, kind: str, relief: bool, total: int, cited: str) -> LaterBill:
    return LaterBill(number, kind, relief, total, tuple(sorted(map(int, cited.split(",") if cited else ()))))


def detail(*, bill: BillView) -> BillDetail:
    """Return a bill that was read already with its lines and the policy version it was rated with."""
    lines, policy = answer(lines_question(bill_id=bill.id))
    return BillDetail(bill, lines, policy)


def lines_question(*, bill_id: int) -> Question[tuple[tuple[LineView, ...], int]]:
    """Ask for a bill's lines and the number of the policy version it was rated with (0 for no bill)."""
    return Question(_LINES, {"bill": bill_id}, _lines)


def _lines(found: Rows) -> tuple[tuple[LineView, ...], int]:
    lines = tuple(LineView(*line[1:]) for line in found if line[1] is not None)
    return lines, found[0][0] if found else 0


def newest_bill(*, supply_point_id: int) -> BillView | None:
    """Return a point's last bill, or None."""
    found = bills_of(supply_point_ids=[supply_point_id], limit=1)
    return found[0] if found else None
