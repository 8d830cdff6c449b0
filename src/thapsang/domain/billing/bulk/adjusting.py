"""Later bills of a month already billed: which sequence is free, which bill each follows, what the ledger gets.

A bill that is issued is never edited. An adjusting bill carries the difference; a replacing bill comes with one
that cancels the earlier, so that what is owed for a month is always the sum of its bills (docs/adr/0022).
"""

from __future__ import annotations

from datetime import date

import polars as pl
import pyarrow as pa

from thapsang.domain.billing.bulk.tables import ENTRIES, LINKS, LINKS_AND_TARIFFS
from thapsang.domain.billing.types import PERIOD_FACTOR, BillingError, yymm
from thapsang.kit.bulk.copy import Link, copy_rows, fetch

LAST_SEQUENCE = 9


def next_sequences(link: Link, *, period: date, points: pl.Series) -> pl.DataFrame:
    """Return `point` and the next free `sequence` (1 to 9) of each supply point's bills for a month.

    Raises BillingError naming the points that have nine later bills already.
    """
    if points.is_empty():
        return pl.DataFrame(schema={"point": pl.Int64, "sequence": pl.Int64})
    month = yymm(period) * PERIOD_FACTOR
    low, high = month + int(points.min()) * 10, month + int(points.max()) * 10 + LAST_SEQUENCE  # type: ignore[arg-type]
    sql = (
        f"SELECT supply_point_id AS point, max(id % 10) AS taken FROM billing_bill_{yymm(period):04d} "  # noqa: S608
        f"WHERE id BETWEEN {low} AND {high} AND id % 10 > 0 GROUP BY 1"
    )
    taken = pl.DataFrame(fetch(link, sql), schema={"point": pl.Int64, "taken": pl.Int64})
    wanted = pl.DataFrame({"point": points.cast(pl.Int64)})
    found = wanted.join(taken, on="point", how="left", maintain_order="left")
    found = found.select("point", sequence=pl.col("taken").fill_null(0) + 1)
    full = found.filter(pl.col("sequence") > LAST_SEQUENCE)["point"].head(5).to_list()
    if full:
        raise BillingError(
            f"{period:%Y-%m}: supply points {full} have nine later bills already: join corrections of a month into one."
        )
    return found


def insert_links(link: Link, *, links: pa.Table) -> int:
    """COPY links (columns of LINKS) of bills inserted before in the same transaction; the database proves them.

    A column `policy_version_id` (int64) names the tariffs of a bill that were not its run's.
    """
    schema = LINKS_AND_TARIFFS if "policy_version_id" in links.column_names else LINKS
    return copy_rows(link, "billing_billlink", links.select(schema.names).cast(schema))


def adjustment_entries(bills: pl.DataFrame, *, revenue: int, vat: int) -> pa.Table:
    """Return ledger entries (ENTRIES) of later bills, positive or negative, balanced by journal.

    `bills`: id, account_id (the customer's), journal_id, net, vat, total. `revenue` and `vat` are account ids.
    Amounts in đồng; a bill of 0 đồng has no entry.
    """
    owed = bills.select("journal_id", "account_id", amount="total", document="id")
    sums = bills.group_by("journal_id", maintain_order=True).agg(pl.col("net", "vat").sum())
    against = [
        sums.select("journal_id", account_id=pl.lit(account, pl.Int64), amount=-pl.col(column),
                    document=pl.lit(None, pl.Int64))
        for account, column in ((revenue, "net"), (vat, "vat"))
    ]  # fmt: skip
    entries = pl.concat([part.select(ENTRIES.names) for part in (owed, *against)])
    return entries.filter(pl.col("amount") != 0).to_arrow().cast(ENTRIES)
