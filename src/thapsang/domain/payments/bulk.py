"""Columns of payments: a bank's whole collection of one month in a few COPYs."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from thapsang.domain.ledger import bulk as ledger
from thapsang.kit.bulk.copy import copy_rows, execute, fetch

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

_BILLS_PER_MONTH_NUMBER = 10**10

_UNPAID = """
SELECT b.id AS bill, b.customer_id AS customer, c.account_id AS account, b.total AS amount
FROM billing_bill b JOIN customers_customer c ON c.id = b.customer_id
WHERE b.id BETWEEN {low} AND {high} AND b.total > 0 AND abs(hashint8(b.id)::bigint) % 100 < {percent}
AND NOT EXISTS (SELECT FROM payments_allocation a WHERE a.bill_id = b.id)
ORDER BY b.id
"""


def collect_month(link: Connection, *, period: date, percent: int, bank_account: int, at: datetime) -> int:
    """Pay `percent` of a month's untouched bills in full, as one bank collection; return how many.

    One journal for the month (debit the bank, credit each customer), one payment and one allocation a bill, all in
    the caller's ADBC transaction. Bills that have any payment are left alone, so a second call adds nothing.
    """
    low = (period.year % 100 * 100 + period.month) * _BILLS_PER_MONTH_NUMBER
    sql = _UNPAID.format(low=low, high=low + _BILLS_PER_MONTH_NUMBER - 1, percent=int(percent))
    bills = fetch(link, sql)
    if bills.num_rows == 0:
        return 0
    reference = f"collection:{period:%Y-%m}:{at:%Y%m%d%H%M%S}"
    (journal,) = ledger.open_journals(
        link, kind="payment", references=[reference], business_date=at.date(), at=at
    )
    payments = _payments(link, bills, journal, period, at)
    _post(link, bills, payments, journal, bank_account)
    copy_rows(link, "payments_payment", payments)
    copy_rows(
        link,
        "payments_allocation",
        pa.table({"payment_id": payments["id"], "bill_id": bills["bill"], "amount": bills["amount"]}),
    )
    return int(bills.num_rows)


def _payments(link: Connection, bills: pa.Table, journal: int, period: date, at: datetime) -> pa.Table:
    count = bills.num_rows
    first = _take_numbers(link, count)
    names = pc.cast(bills["bill"], pa.string())
    moment = pa.array([at] * count, pa.timestamp("us", tz="UTC"))
    return pa.table(
        {
            "id": pa.array(np.arange(first, first + count)),
            "customer_id": bills["customer"],
            "channel": pa.array(["bank"] * count),
            "provider": pa.array(["collection"] * count),
            "provider_reference": pc.binary_join_element_wise(f"{period:%y%m}", names, "-"),
            "receipt_code": pc.binary_join_element_wise("TH", names, ""),
            "amount": bills["amount"],
            "journal_id": pa.array(np.full(count, journal)),
            "business_date": pa.array([at.date()] * count, pa.date32()),
            "paid_at": moment,
            "received_at": moment,
        }
    )


def _take_numbers(link: Connection, count: int) -> int:
    """Take a run of `count` payment numbers from the sequence; return the first."""
    execute(link, "LOCK TABLE payments_payment IN SHARE ROW EXCLUSIVE MODE")
    sequence = "pg_get_serial_sequence('payments_payment', 'id')"
    first = int(fetch(link, f"SELECT nextval({sequence})::bigint AS id")["id"][0].as_py())
    execute(link, f"SELECT setval({sequence}, {first + count - 1})")
    return first


def _post(link: Connection, bills: pa.Table, payments: pa.Table, journal: int, bank_account: int) -> None:
    count = bills.num_rows
    credits = pa.table(
        {
            "journal_id": pa.array(np.full(count, journal)),
            "account_id": bills["account"],
            "amount": pc.negate(bills["amount"]),
            "document": payments["id"],
        }
    )
    debit = pa.table(
        {
            "journal_id": pa.array([journal], pa.int64()),
            "account_id": pa.array([bank_account], pa.int64()),
            "amount": pa.array([int(pc.sum(bills["amount"]).as_py())], pa.int64()),
            "document": pa.array([None], pa.int64()),
        }
    )
    ledger.post_columns(link, pa.concat_tables([credits, debit]))
