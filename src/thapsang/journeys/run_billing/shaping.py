"""The columns of bills, lines and ledger entries as their tables take them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from thapsang.domain.billing.bulk.computing import Computed
from thapsang.domain.billing.bulk.tables import BILL, ENTRIES, LINE
from thapsang.domain.billing.types import PERIOD_FACTOR, yymm
from thapsang.kit.bulk.joining import among, beside, is_ascending


@dataclass(frozen=True)
class Shaped:
    """bills as their table takes them, beside `account_id` and `book_id` of each; sums by book, and by category too."""

    bills: pl.DataFrame
    sums: pl.DataFrame
    categories: pl.DataFrame


def shape_bills(computed: Computed, *, period: date, run_id: int, issued_on: date, due_on: date) -> Shaped:
    """Put number, owner, book and dates to the rated bills, in order of number."""
    base = yymm(period) * PERIOD_FACTOR
    bills = pl.DataFrame(computed.rated.bills)
    for more in (computed.owners, computed.points):
        bills = beside(bills, more, on="point")
    bills = bills.with_columns(
        id=base + pl.col("point") * 10, run_id=pl.lit(run_id, pl.Int64), supply_point_id="point",
        estimated=among(bills["point"], computed.estimated), issued_on=pl.lit(issued_on), due_on=pl.lit(due_on),
    )  # fmt: skip
    bills = bills if is_ascending(bills["id"]) else bills.sort("id")
    categories = bills.group_by("book_id", "category").agg(
        pl.len().cast(pl.Int64).alias("bills"), pl.col("kwh", "net", "vat", "total").sum()
    )
    return Shaped(bills, _sums(computed, categories), categories.sort("book_id", "category"))


def _sums(computed: Computed, categories: pl.DataFrame) -> pl.DataFrame:
    """Return points, bills, kwh, net, vat, total, exceptions by book_id; a book without a bill has zeros."""
    points = computed.points.group_by("book_id").agg(points=pl.len().cast(pl.Int64))
    money = categories.group_by("book_id").agg(pl.col("bills", "kwh", "net", "vat", "total").sum())
    waiting = computed.exceptions.join(computed.points, on="point", how="left")
    queued = waiting.group_by("book_id").agg(exceptions=pl.len().cast(pl.Int64))
    sums = points.join(money, on="book_id", how="left").join(queued, on="book_id", how="left")
    return sums.fill_null(0).sort("book_id")


def bill_table(shaped: Shaped) -> pa.Table:
    """Return the bills as Arrow, column by column as the table has them."""
    return _as(BILL, shaped.bills.select(pl.col(BILL.names)).to_arrow())


def line_table(lines: pa.Table, *, period: date) -> pa.Table:
    """Return rated lines as Arrow with the bill's number in place of the point."""
    number = pc.add(pc.multiply(lines["point"], 10), yymm(period) * PERIOD_FACTOR)
    return _as(LINE, lines.drop_columns("point").append_column("bill_id", number).select(LINE.names))


def _as(schema: pa.Schema, table: pa.Table) -> pa.Table:
    """Give a table the types of its schema; words kept once and pointed at stay so, as COPY takes them."""
    fields = [
        had if pa.types.is_dictionary(had.type) else wanted
        for had, wanted in zip(table.schema, schema, strict=True)
    ]
    return table.cast(pa.schema(fields))


def entry_table(shaped: Shaped, *, journals: dict[int, int], revenue: int, vat: int) -> pa.Table:
    """Return the ledger entries: each customer owes the total, revenue and VAT stand against it by book.

    `journals` are journal ids by book; `revenue` and `vat` are account ids. A bill of 0 đồng has no entry.
    """
    number = pl.col("book_id").replace_strict(journals, return_dtype=pl.Int64)
    owed = shaped.bills.filter(pl.col("total") != 0).select(
        "account_id", journal_id=number, amount="total", document="id"
    )
    books = shaped.sums.filter(pl.col("book_id").is_in(list(journals)))
    credits = [
        books.select(account_id=pl.lit(account, pl.Int64), journal_id=number, amount=-pl.col(column),
                     document=pl.lit(None, pl.Int64))
        for account, column in ((revenue, "net"), (vat, "vat"))
    ]  # fmt: skip
    entries = pl.concat([part.select(ENTRIES.names) for part in (owed, *credits)])
    return entries.filter(pl.col("amount") != 0).to_arrow().cast(ENTRIES)
