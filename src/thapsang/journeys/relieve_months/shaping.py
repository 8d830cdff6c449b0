"""From what is given to the columns of grants, adjusting bills, their lines and links."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl
import pyarrow as pa

from thapsang.domain.billing.bulk.relieving import RELIEF
from thapsang.domain.billing.bulk.tables import BILL, LINE
from thapsang.domain.reliefs.bulk import GRANT
from thapsang.journeys.relieve_months.job import Job

_MONEY = ("kwh", "amount", "vat", "cash")


@dataclass(frozen=True)
class Granted:
    """Everything a claim of books writes.

    `owed`: id, of_bill_id, book_id, customer_id, account_id, net, vat, total of the bills; `funded`: book_id,
    account_id, amount that an account other than revenue bears; `sums` by book.
    """

    grants: pa.Table
    bills: pa.Table
    lines: pa.Table
    links: pa.Table
    owed: pl.DataFrame
    funded: pl.DataFrame
    sums: dict[int, dict[str, int]]


def difference(wanted: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Return what is still to be given (RELIEF): what a programme gives a point less what the point has from it.

    A programme that gives a point nothing any more takes back what it gave; the rule is then ``none``, the reference 0.
    """
    wanted = wanted.select(pl.col("programme", "rule").cast(pl.String), pl.exclude("programme", "rule"))
    wanted = wanted.select(list(RELIEF))
    if before.is_empty():
        rows = wanted
    else:
        had = before.rename({name: f"{name}_had" for name in _MONEY})
        both = wanted.join(had, on=["point", "programme"], how="full", coalesce=True)
        rows = both.with_columns(
            *(pl.col(name).fill_null(0) - pl.col(f"{name}_had").fill_null(0) for name in _MONEY),
            pl.col("rule").fill_null("none"), pl.col("reference").fill_null(0),
        ).select(list(RELIEF))  # fmt: skip
    changed = (pl.col("amount") != 0) | (pl.col("vat") != 0) | (pl.col("cash") != 0)
    return rows.filter(changed).sort("point", "programme")


def opposite(grants: pl.DataFrame) -> pl.DataFrame:
    """Return the grants of a batch with the opposite sign (RELIEF)."""
    return grants.select(
        pl.col("supply_point_id").alias("point"), "programme", "rule", *(-pl.col(name) for name in _MONEY), "reference"
    ).select(list(RELIEF))  # fmt: skip


def shape(
    change: pl.DataFrame,
    bills: pl.DataFrame,
    sequences: pl.DataFrame,
    *,
    job: Job,
    period: date,
    run_id: int,
    base: int,
) -> Granted:
    """Put numbers, owners and dates to what is given.

    `change` is RELIEF; `bills` the issued bills with `book_id` and `account_id`; `sequences` the free number of each
    point with money on the bill. A row with money on the bill and cash becomes two grants.
    """
    rows = _apart(change).join(bills.select("point", "id", "book_id"), on="point", how="inner")
    rows = rows.join(sequences, on="point", how="left").with_columns(
        adjusting_bill_id=pl.when(pl.col("cash") == 0).then(base + pl.col("point") * 10 + pl.col("sequence"))
    )
    rows = rows.sort("point", "programme", "cash").with_columns(
        line_no=pl.int_range(1, pl.len() + 1).over("point").cast(pl.Int16)
    )
    on_bill = rows.filter(pl.col("cash") == 0)
    made = _bills(on_bill, bills, job, run_id)
    return Granted(
        grants=_grants(rows, job, period),
        bills=made.select(BILL.names).to_arrow().cast(BILL),
        lines=_lines(on_bill, bills),
        links=made.select(
            bill_id="id",
            of_bill_id="of_bill_id",
            kind=pl.lit("adjusts"),
            origin=pl.lit(job.origin),
            relief_version_id=pl.lit(job.version_id, pl.Int64),
        ).to_arrow(),
        owed=made.select("id", "of_bill_id", "book_id", "customer_id", "account_id", "net", "vat", "total"),
        funded=_funded(on_bill, job),
        sums=_sums(rows, made),
    )


def _apart(change: pl.DataFrame) -> pl.DataFrame:
    """Set cash apart from what is on the bill: each grant is one of the two."""
    on_bill = change.filter((pl.col("amount") != 0) | (pl.col("vat") != 0)).with_columns(
        cash=pl.lit(0, pl.Int64)
    )
    cash = change.filter(pl.col("cash") != 0).with_columns(
        amount=pl.lit(0, pl.Int64), vat=pl.lit(0, pl.Int64)
    )
    return pl.concat([on_bill, cash])


def _grants(rows: pl.DataFrame, job: Job, period: date) -> pa.Table:
    table = rows.select(
        "programme", "rule", *_MONEY, "reference", "line_no", "adjusting_bill_id", bill_id="id",
        batch_id=pl.lit(job.batch_id, pl.Int64), phase=pl.lit(job.phase, pl.Int16), supply_point_id="point",
        month=pl.lit(period),
    )  # fmt: skip
    return table.sort("bill_id", "line_no").select(GRANT.names).to_arrow().cast(GRANT)


def _bills(on_bill: pl.DataFrame, bills: pl.DataFrame, job: Job, run_id: int) -> pl.DataFrame:
    """Return one adjusting bill a point: what is given, below zero, owner and days of the bill relieved."""
    sums = on_bill.group_by("point").agg(
        pl.col("adjusting_bill_id").first().alias("number"),
        net=-pl.col("amount").sum(),
        vat=-pl.col("vat").sum(),
    )
    zero = pl.lit(0, pl.Int64)
    made = sums.join(bills.drop("net", "vat", "kwh", "kvarh", "issued_on"), on="point").with_columns(
        of_bill_id="id", id="number", run_id=pl.lit(run_id, pl.Int64), supply_point_id="point", kwh=zero, kvarh=zero,
        estimated=pl.lit(value=False), total=pl.col("net") + pl.col("vat"), issued_on=pl.lit(job.issued_on),
        due_on=pl.lit(job.due_on),
    )  # fmt: skip
    return made.sort("id")


def _lines(on_bill: pl.DataFrame, bills: pl.DataFrame) -> pa.Table:
    days = bills.select("point", "start", "end")
    rows = on_bill.join(days, on="point").sort("adjusting_bill_id", "line_no")
    rows = rows.select(
        bill_id="adjusting_bill_id", line_no=pl.int_range(1, pl.len() + 1).over("adjusting_bill_id"),
        kind=pl.lit("relief"), tier=pl.lit(0), band=pl.lit(""), kwh="kwh", price=pl.lit(0), amount=-pl.col("amount"),
        start="start", end="end", reference="reference",
    )  # fmt: skip
    return rows.select(LINE.names).to_arrow().cast(LINE)


def _funded(on_bill: pl.DataFrame, job: Job) -> pl.DataFrame:
    """Return what accounts other than revenue bear, by book."""
    accounts = pl.DataFrame(
        {"programme": list(job.funding), "account_id": list(job.funding.values())},
        schema={"programme": pl.String, "account_id": pl.Int64},
    )
    borne = on_bill.join(accounts, on="programme", how="inner")
    return borne.group_by("book_id", "account_id").agg(pl.col("amount").sum())


def _sums(rows: pl.DataFrame, made: pl.DataFrame) -> dict[int, dict[str, int]]:
    money = rows.group_by("book_id").agg(
        points=pl.col("point").n_unique(),
        net=pl.col("amount").sum(),
        vat=pl.col("vat").sum(),
        cash=pl.col("cash").sum(),
    )
    bills = made.group_by("book_id").agg(bills=pl.len())
    joined = money.join(bills, on="book_id", how="left").fill_null(0)
    return {row.pop("book_id"): row for row in joined.to_dicts()}
