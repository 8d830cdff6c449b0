"""Columns of payments: a month collected by a bank, and credit notes.

A credit note is a negative bill: it pays the bill it adjusts first, the rest is the customer's credit.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from thapsang.domain.ledger import bulk as ledger
from thapsang.kit.bulk.copy import copy_rows, execute, fetch

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

CHANNEL, PROVIDER = "note", "credit-note"
"""Where a payment comes from that no bank brought: a bill below zero."""
NOTES = pa.schema([(name, pa.int64()) for name in ("bill_id", "of_bill_id", "journal_id")])

_LOCK = """
SELECT count(*) FROM (SELECT a.id FROM ledger_account a JOIN customers_customer c ON c.account_id = a.id
WHERE c.id IN (SELECT b.customer_id FROM taken_note n JOIN billing_bill b ON b.id = n.bill_id)
ORDER BY a.id FOR NO KEY UPDATE OF a) AS locked
"""
_PAY = """
INSERT INTO payments_payment (customer_id, channel, provider, provider_reference, receipt_code, amount, journal_id,
                              business_date, paid_at, received_at)
SELECT b.customer_id, '{channel}', '{provider}', b.id::text, 'GT' || b.id, -b.total, n.journal_id,
       '{day:%Y-%m-%d}', '{at}', '{at}'
FROM taken_note n JOIN billing_bill b ON b.id = n.bill_id WHERE b.total < 0 ORDER BY b.id
"""
# Notes of one bill take turns: each takes what payments and the notes before it have left open.
_ALLOCATE = """
INSERT INTO payments_allocation (payment_id, bill_id, amount)
SELECT payment, of_bill, amount FROM (
    SELECT p.id AS payment, o.id AS of_bill,
           least(p.amount, o.total - coalesce(a.paid, 0) - coalesce(sum(p.amount) OVER before, 0))::bigint AS amount
    FROM taken_note n
    JOIN payments_payment p ON p.provider = '{provider}' AND p.provider_reference = n.bill_id::text
    JOIN billing_bill o ON o.id = n.of_bill_id
    LEFT JOIN LATERAL (SELECT sum(amount) AS paid FROM payments_allocation WHERE bill_id = o.id) a ON true
    WINDOW before AS (PARTITION BY o.id ORDER BY p.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
) share WHERE amount > 0
"""


def take_credit_notes(link: psycopg.Connection[Any], *, notes: pa.Table, day: date, at: datetime) -> int:
    """Let negative bills pay: first what is still open of the bill each follows, the rest becomes credit.

    `notes`: bill_id, of_bill_id, journal_id (of the posting that credited the customer), int64; bills above zero are
    passed over. In the transaction of the posting; customers' accounts are locked as payments lock them
    (docs/adr/0008). Returns how many notes there were; a note taken before raises UniqueViolation.
    """
    execute(link, "DROP TABLE IF EXISTS taken_note")
    execute(
        link,
        "CREATE TEMP TABLE taken_note (bill_id bigint PRIMARY KEY, of_bill_id bigint NOT NULL, "
        "journal_id bigint NOT NULL) ON COMMIT DROP",
    )
    copy_rows(link, "taken_note", notes.select(NOTES.names).cast(NOTES))
    execute(link, "ANALYZE taken_note")
    execute(link, _LOCK)
    words = {"channel": CHANNEL, "provider": PROVIDER, "day": day, "at": at.isoformat()}
    execute(link, _PAY.format(**words))
    execute(link, _ALLOCATE.format(**words))
    sql = "SELECT count(*) AS n FROM taken_note t JOIN billing_bill b ON b.id = t.bill_id WHERE b.total < 0"
    return int(fetch(link, sql)["n"][0].as_py())


# The same for each of many customers as operations.credit does for one: credits and open bills end to end on a line.
_USE = """
WITH payer AS (SELECT unnest('{{{customers}}}'::bigint[]) AS customer),
open AS (
    SELECT b.customer_id AS customer, b.id, b.due_on, b.total - coalesce(a.paid, 0) AS rest
    FROM payer JOIN billing_bill b ON b.customer_id = payer.customer
    LEFT JOIN LATERAL (SELECT sum(amount) AS paid FROM payments_allocation WHERE bill_id = b.id) a ON true
    WHERE b.total > coalesce(a.paid, 0)
), bills AS (
    SELECT customer, id, sum(rest) OVER w AS upto, sum(rest) OVER w - rest AS since
    FROM open WINDOW w AS (PARTITION BY customer ORDER BY due_on, id ROWS UNBOUNDED PRECEDING)
), unused AS (
    SELECT p.customer_id AS customer, p.id, p.amount - coalesce(a.used, 0) AS amount
    FROM payer JOIN payments_payment p ON p.customer_id = payer.customer
    LEFT JOIN LATERAL (SELECT sum(amount) AS used FROM payments_allocation WHERE payment_id = p.id) a ON true
    WHERE p.amount > coalesce(a.used, 0)
), credits AS (
    SELECT customer, id, sum(amount) OVER w AS upto, sum(amount) OVER w - amount AS since
    FROM unused WINDOW w AS (PARTITION BY customer ORDER BY id ROWS UNBOUNDED PRECEDING)
)
INSERT INTO payments_allocation (payment_id, bill_id, amount)
SELECT c.id, b.id, (least(c.upto, b.upto) - greatest(c.since, b.since))::bigint
FROM credits c JOIN bills b ON b.customer = c.customer AND c.since < b.upto AND b.since < c.upto
"""


def use_credit(link: psycopg.Connection[Any], *, customers: pa.Array) -> None:
    """Pay customers' oldest open bills from the credit they have, as `operations.use_credit` does for one.

    Their accounts must be locked: call it after `take_credit_notes` in the same transaction.
    """
    execute(link, _USE.format(customers=",".join(map(str, customers.to_pylist()))))


# ---- a bank's whole collection of one month in a few COPYs

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
