"""Columns of payments: a month collected by a bank, and credit notes.

A credit note is a negative bill: it pays the bill it adjusts first, the rest is the customer's credit.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from thapsang.domain.ledger import bulk as ledger
from thapsang.kit.bulk.columns import fetch_columns
from thapsang.kit.bulk.copy import copy_rows, execute, fetch

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

CHANNEL, PROVIDER = "note", "credit-note"
"""Where a payment comes from that no bank brought: a bill below zero."""
NOTES = pa.schema([(name, pa.int64()) for name in ("bill_id", "of_bill_id", "journal_id")])
OWED = pa.schema([(name, pa.int64()) for name in ("customer_id", "account_id", "total")])
"""What a note's bill says itself, where the caller has it at hand: whose it is, and its đồng."""

_SPARSE = 40
"""Numbers that lie further apart than this, in the mean, are asked for one by one, others as a range."""
_DAY_ZERO = datetime(2000, 1, 1, tzinfo=UTC)
"""COPY takes a moment as microseconds since then."""

_OWNERS = """
SELECT b.id AS bill_id, b.customer_id, c.account_id, b.total FROM billing_bill b
JOIN customers_customer c ON c.id = b.customer_id WHERE {among}
"""
_LOCK = """
SELECT count(*) FROM (
    SELECT id FROM ledger_account WHERE id = ANY('{{{accounts}}}'::bigint[]) ORDER BY id FOR NO KEY UPDATE
) AS locked
"""
_TOTALS = "SELECT b.id AS of_bill_id, b.total AS owed FROM billing_bill b WHERE {among}"
_PAID = """
SELECT bill_id AS of_bill_id, sum(amount)::bigint AS paid FROM payments_allocation b WHERE {among} GROUP BY 1
"""
_NUMBERS = """
SELECT nextval(place) AS id FROM generate_series(1, {count}),
    (SELECT pg_get_serial_sequence('payments_payment', 'id')::regclass AS place OFFSET 0) AS sequence
"""


def take_credit_notes(link: psycopg.Connection[Any], *, notes: pa.Table, day: date, at: datetime) -> int:
    """Let negative bills pay: first what is still open of the bill each follows, the rest becomes credit.

    `notes`: bill_id, of_bill_id, journal_id (of the posting that credited the customer), int64; with the columns of
    OWED as well, the bills are not read again. Bills above zero are passed over. In the transaction of the posting;
    customers' accounts are locked as payments lock them (docs/adr/0008). Returns how many notes there were; a note
    taken before raises UniqueViolation.
    """
    rows = _with_owners(link, pl.DataFrame(notes))
    execute(link, _LOCK.format(accounts=_listed(rows["account_id"].unique().sort())))
    rows = rows.filter(pl.col("total") < 0).sort("bill_id")
    if rows.is_empty():
        return 0
    numbers = _read(link, _NUMBERS.format(count=rows.height))["id"].sort()
    rows = rows.with_columns(payment_id=numbers, amount=-pl.col("total"))
    shares = _shares(link, rows)
    copy_rows(link, "payments_payment", _note_payments(rows, day, at))
    copy_rows(link, "payments_allocation", shares)
    return rows.height


def _with_owners(link: psycopg.Connection[Any], notes: pl.DataFrame) -> pl.DataFrame:
    if set(OWED.names) <= set(notes.columns):
        return notes
    found = _read(link, _OWNERS.format(among=_among("b.id", notes["bill_id"])))
    return notes.select(NOTES.names).join(found, on="bill_id", how="inner")


def _shares(link: psycopg.Connection[Any], rows: pl.DataFrame) -> pa.Table:
    """Return what each note pays of the bill it follows; notes of one bill take turns, by number.

    Read after the accounts were locked, so that it sees what the one that was waited for did.
    """
    owed = _read(link, _TOTALS.format(among=_among("b.id", rows["of_bill_id"])))
    paid = _read(link, _PAID.format(among=_among("b.bill_id", rows["of_bill_id"])))
    found = rows.join(owed, on="of_bill_id").join(paid, on="of_bill_id", how="left").sort("bill_id")
    taken = pl.col("amount").cum_sum().over("of_bill_id") - pl.col("amount")
    left = pl.col("owed") - pl.col("paid").fill_null(0) - taken
    shares = found.select("payment_id", bill_id="of_bill_id", amount=pl.min_horizontal("amount", left))
    return shares.filter(pl.col("amount") > 0).to_arrow()


def _note_payments(rows: pl.DataFrame, day: date, at: datetime) -> pa.Table:
    """Return the notes as rows of payments: a bill's number is the provider's reference, and part of the receipt."""
    names = rows["bill_id"].cast(pl.String)
    moment = pl.lit((at - _DAY_ZERO) // timedelta(microseconds=1), pl.Int64)
    made = rows.select(
        "customer_id", "amount", "journal_id", id="payment_id", provider_reference=names,
        receipt_code=pl.lit("GT") + names, business_date=pl.lit(day), paid_at=moment, received_at=moment,
        channel=pl.lit(CHANNEL), provider=pl.lit(PROVIDER),
    )  # fmt: skip
    return made.to_arrow()


def _read(link: psycopg.Connection[Any], query: str) -> pl.DataFrame:
    """Read columns of bigint: gathered, or row by row from a cursor of Django's, which has no binary results."""
    gathered = issubclass(link.cursor_factory, psycopg.Cursor) and not issubclass(
        link.cursor_factory, psycopg.ClientCursor
    )
    found = fetch_columns(link, query) if gathered else fetch(link, query)
    return pl.DataFrame(found).cast(pl.Int64)


def _among(column: str, numbers: pl.Series) -> str:
    """Return the SQL condition that a column holds one of some numbers, or more where they lie close."""
    low, high = int(numbers.min()), int(numbers.max())  # type: ignore[arg-type]
    if high - low < _SPARSE * len(numbers):
        return f"{column} BETWEEN {low} AND {high}"
    return f"{column} = ANY('{{{_listed(numbers.unique())}}}'::bigint[])"


def _listed(numbers: pl.Series) -> str:
    return ",".join(map(str, numbers.to_list()))


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
