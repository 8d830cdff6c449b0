"""Credit notes in columns: negative bills that pay the bill they adjust first, the rest is the customer's credit."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import psycopg
import pyarrow as pa

from thapsang.kit.bulk.copy import copy_rows, execute, fetch

CHANNEL, PROVIDER = "note", "credit-note"
"""Where a payment comes from that no bank brought: a bill below zero."""
NOTES = pa.schema([(name, pa.int64()) for name in ("bill_id", "of_bill_id", "journal_id")])

_LOCK = """
SELECT a.id FROM ledger_account a JOIN customers_customer c ON c.account_id = a.id
WHERE c.id IN (SELECT b.customer_id FROM taken_note n JOIN billing_bill b ON b.id = n.bill_id)
ORDER BY a.id FOR NO KEY UPDATE OF a
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
    fetch(link, _LOCK)
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
