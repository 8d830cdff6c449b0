"""Terms of agreements in columns, for the bill run."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa

from thapsang.kit.bulk.copy import fetch

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

# The next terms' start ends a stretch; the lateral look-up beats a window, because nearly every
# agreement has one row of terms.
_TERMS = """
SELECT p.id AS point, a.customer_id, a.id AS agreement_id, c.account_id,
       greatest(t.start, a.start, date '{start}') AS start,
       least(n.start, a."end", date '{end}') AS "end",
       t.category, t.voltage, t.household_quarters, t.time_of_use, t.reactive_charged
FROM customers_supplypoint p
JOIN customers_supplyagreement a
  ON a.supply_point_id = p.id AND a.start < date '{end}' AND (a."end" IS NULL OR a."end" > date '{start}')
JOIN customers_customer c ON c.id = a.customer_id
JOIN customers_agreementterm t ON t.agreement_id = a.id AND t.start < date '{end}'
LEFT JOIN LATERAL (
    SELECT min(later.start) AS start FROM customers_agreementterm later
    WHERE later.agreement_id = a.id AND later.start > t.start
) n ON true
WHERE p.book_id IN ({books})
  AND greatest(t.start, a.start, date '{start}') < least(n.start, a."end", date '{end}')
ORDER BY p.id, 5
"""


def billing_terms(link: Connection, *, book_ids: list[int], start: date, end: date) -> pa.Table:
    """Return one row for each stretch of terms of the books' supply points that overlaps [start, end).

    Columns: point, customer_id, agreement_id, account_id int64; start, end date32, clipped to the period;
    category, voltage dictionary of string; household_quarters int32; time_of_use, reactive_charged bool.
    Ordered by point and start. A point without an agreement in the period has no row.
    """
    books = ",".join(str(int(book)) for book in book_ids) or "NULL"
    table = fetch(link, _TERMS.format(start=start.isoformat(), end=end.isoformat(), books=books))
    for name in ("category", "voltage"):
        column = table.column(name).combine_chunks().dictionary_encode()
        table = table.set_column(table.column_names.index(name), name, column)
    return table
