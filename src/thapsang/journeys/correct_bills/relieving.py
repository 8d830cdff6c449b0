"""Reliefs of corrected bills: what they take off anew, and the grants that keep the sum true (docs/adr/0026)."""

from __future__ import annotations

from typing import Any

import polars as pl
import psycopg

from thapsang.domain.billing.bulk.correcting import Made
from thapsang.domain.billing.bulk.deriving import Looked
from thapsang.domain.billing.bulk.tables import ENTRIES
from thapsang.domain.billing.types import PERIOD_FACTOR
from thapsang.domain.ledger import bulk as ledger
from thapsang.domain.reliefs import bulk as reliefs
from thapsang.domain.reliefs import queries
from thapsang.domain.reliefs.types import IN_BILLS
from thapsang.domain.tariffs import queries as tariffs

_MONEY = ("kwh", "amount", "vat", "cash")
_NOTHING = pl.DataFrame(schema={"version_id": pl.Int64, "programme": pl.String, "amount": pl.Int64})
_RULE = ("programme", "rule", "reference")


def grant(write: psycopg.Connection[Any], looked: Looked, made: Made) -> pl.DataFrame:
    """Write the grants that go with made bills; return them, beside `version_id`.

    An adjusting bill carries the differences; a cancelling one takes back what its bill gave, a replacing one gives
    anew. Grants stay under the standing batch the bill was relieved by.
    """
    before = reliefs.bills_grants(write, bills=made.main["of_bill"])
    given = looked.compared.given
    if before.is_empty() and given.is_empty():
        return _NOTHING
    main = made.main.with_columns(point=pl.col("of_bill") % PERIOD_FACTOR // 10)
    fresh = given.join(main, on="point", how="inner", maintain_order="left")
    change = _replaced(before, fresh, made) if made.cancels.height else _difference(before, fresh, main)
    rows = _numbered(write, looked, change, before)
    reliefs.insert_grants(write, grants=rows.select(reliefs.GRANT.names).to_arrow().cast(reliefs.GRANT))
    return rows


def _difference(before: pl.DataFrame, fresh: pl.DataFrame, main: pl.DataFrame) -> pl.DataFrame:
    """Return what is given now less what was given, by bill and rule, on the adjusting bill."""
    had = _taken_back(before)
    rows = pl.concat([had, fresh.select(had.columns)])
    sums = rows.group_by("of_bill", *_RULE, maintain_order=True).agg(pl.col(_MONEY).sum())
    return _apart(sums.join(main.select("of_bill", carrier="made"), on="of_bill", how="left"))


def _replaced(before: pl.DataFrame, fresh: pl.DataFrame, made: Made) -> pl.DataFrame:
    """Return what every cancelled bill gave, taken back, and what the replacing bill gives; cash by difference."""
    back = before.filter(pl.col("cash") == 0).join(made.cancels, left_on="adjusting_bill_id", right_on="was")
    taken = _taken_back(back, "made").rename({"made": "carrier"})
    given = fresh.filter(pl.col("cash") == 0).rename({"made": "carrier"}).select(taken.columns)
    cash = pl.concat(
        [
            _taken_back(before.filter(pl.col("cash") != 0)),
            fresh.filter(pl.col("cash") != 0).select(taken.columns[:-1]),
        ]
    )  # fmt: skip
    paid = cash.group_by("of_bill", *_RULE, maintain_order=True).agg(pl.col(_MONEY).sum())
    return pl.concat([taken, given, _apart(paid.with_columns(carrier=pl.lit(None, pl.Int64)))])


def _taken_back(grants: pl.DataFrame, *more: str) -> pl.DataFrame:
    """Return of_bill, rule, money with the opposite sign, and `more` columns of grants."""
    return grants.select(
        pl.col("bill_id").alias("of_bill"), *_RULE, *(-pl.col(name) for name in _MONEY), *more
    )


def _apart(rows: pl.DataFrame) -> pl.DataFrame:
    """Leave out what did not change; cash stands on no bill."""
    moved = rows.filter(pl.any_horizontal(pl.col("amount", "vat", "cash") != 0))
    return moved.with_columns(carrier=pl.when(pl.col("cash") == 0).then("carrier"))


def _numbered(
    write: psycopg.Connection[Any], looked: Looked, change: pl.DataFrame, before: pl.DataFrame
) -> pl.DataFrame:
    versions = looked.compared.rows.select("of_bill", version_id="relief_version")
    batches = reliefs.standing_batches(write, month=looked.period)
    last = before.group_by("bill_id").agg(last=pl.col("line_no").max().cast(pl.Int64))
    rows = change.join(versions, on="of_bill", how="left").join(batches, on="version_id", how="left")
    rows = rows.join(last, left_on="of_bill", right_on="bill_id", how="left")
    return rows.sort("of_bill", "carrier", maintain_order=True).with_columns(
        bill_id="of_bill", phase=pl.lit(IN_BILLS, pl.Int16), supply_point_id=pl.col("of_bill") % PERIOD_FACTOR // 10,
        month=pl.lit(looked.period), adjusting_bill_id="carrier",
        line_no=pl.int_range(1, pl.len() + 1).over("of_bill") + pl.col("last").fill_null(0),
    )  # fmt: skip


def move_to_funds(write: psycopg.Connection[Any], given: pl.DataFrame, *, journal: int, revenue: int) -> None:
    """Move what accounts other than revenue bear of the change (rows of `grant`) from revenue to them."""
    entries = []
    for (version, code), rows in given.filter(pl.col("amount") != 0).group_by("version_id", "programme"):
        account, amount = _accounts(int(version)).get(str(code), ""), int(rows["amount"].sum())
        if account and amount:
            number = ledger.chart_account(write, chart=account)
            entries += [(journal, number, amount, None), (journal, revenue, -amount, None)]
    if entries:
        table = pl.DataFrame(entries, schema=dict.fromkeys(ENTRIES.names, pl.Int64), orient="row")
        sums = table.group_by("journal_id", "account_id", "document", maintain_order=True).agg(
            pl.col("amount").sum()
        )
        left = sums.filter(pl.col("amount") != 0).select(ENTRIES.names)
        ledger.post_columns(write, left.to_arrow().cast(ENTRIES))


def _accounts(version: int) -> dict[str, str]:
    """Return the chart's number that bears each programme of a kept book."""
    book = queries.book_of(version, tariffs.current_book())
    return {programme.code: programme.funding.account for programme in book.programmes}
