"""From a group of books to rated bills and exceptions: reads, computes, writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl
import pyarrow as pa

from thapsang.domain.billing.bulk.ended import ended_agreements, without_ended
from thapsang.domain.billing.bulk.posting import points_of_books
from thapsang.domain.customers import bulk as customers
from thapsang.domain.metering import bulk as metering
from thapsang.domain.metering.types import book_period
from thapsang.engines.rating import Rated, TariffBook, rate
from thapsang.kit.bulk.copy import Link
from thapsang.kit.bulk.joining import among, is_ascending

USAGE = (
    "point",
    "segment",
    "start",
    "end",
    "kwh",
    "kwh_normal",
    "kwh_peak",
    "kwh_offpeak",
    "banded",
    "kvarh",
)
TERMS = (
    "point", "start", "end", "category", "voltage", "household_quarters", "time_of_use", "reactive_charged",
)  # fmt: skip
PROBLEM = {"point": pl.Int64, "code": pl.String, "detail": pl.String}
GIVEN = {
    "point": pl.Int64, "programme": pl.String, "rule": pl.String, "kwh": pl.Int64, "amount": pl.Int64,
    "vat": pl.Int64, "cash": pl.Int64, "reference": pl.Int16,
}  # fmt: skip
"""What a relief's rule gives a point: đồng on the bill before VAT, its VAT, or cash."""


@dataclass(frozen=True)
class Computed:
    """What a group of books comes to; nothing of it is written yet.

    points: point, book_id. owners: point, customer_id, agreement_id, account_id of the last stretch of
    terms. estimated: the points with an estimated reading. exceptions: point, code,
    detail (JSON text), one a point. terms: those rated with. given: what reliefs took off (GIVEN), if any.
    """

    points: pl.DataFrame
    owners: pl.DataFrame
    estimated: pl.Series
    rated: Rated
    exceptions: pl.DataFrame
    terms: pa.Table
    given: pl.DataFrame | None = None


def compute(
    link: Link,
    *,
    book: TariffBook,
    period: date,
    books: dict[int, list[int]],
    billed: pl.Series | None = None,
    only: int | None = None,
) -> Computed:
    """Rate the points of reading books for a month.

    `books` are book ids by reading day; points in `billed` are left out; `only` names one point to compute.
    """
    numbers = sorted(number for group in books.values() for number in group)
    points = pl.DataFrame(points_of_books(link, book_ids=numbers))
    usage, issues = metering.usage_of_points(link, points=points, days=books, period=period)
    terms = _terms(link, points, books, period)
    usage, terms = without_ended(usage, terms, ended_agreements(link, period=period))
    if billed is not None and len(billed):
        new = ~pl.col("point").is_in(billed.implode())
        usage, issues, terms = (table.filter(new) for table in (usage, issues, terms))
    if only is not None:
        one = pl.col("point") == only
        points, usage, issues, terms = (table.filter(one) for table in (points, usage, issues, terms))
    return _rated(book, points, usage, issues, terms)


def _terms(link: Link, points: pl.DataFrame, books: dict[int, list[int]], period: date) -> pl.DataFrame:
    parts = []
    for day, numbers in books.items():
        dates = book_period(period, day)
        members = points if len(books) == 1 else points.filter(pl.col("book_id").is_in(numbers))
        parts.append(
            customers.terms_of_points(link, points=members["point"], start=dates.start, end=dates.end)
        )
    return parts[0] if len(parts) == 1 else pl.concat(parts).sort("point", "start")


def _rated(
    book: TariffBook, points: pl.DataFrame, usage: pl.DataFrame, issues: pl.DataFrame, terms: pl.DataFrame
) -> Computed:
    alone = is_ascending(terms["point"])
    owners = terms if alone else terms.unique("point", keep="last", maintain_order=True)
    before = _not_billable(usage, issues, terms, owners)
    if usage.height != owners.height or before.height:
        owned = among(usage["point"], owners["point"])
        usage = usage.filter(owned & ~among(usage["point"], before["point"]))
        terms = terms.filter(among(terms["point"], usage["point"]))
    asked = _arrow(terms, TERMS)
    rated = rate(book, _arrow(usage, USAGE), asked)
    problems = pl.DataFrame(rated.problems).select(pl.col("point"), pl.col("code", "detail").cast(pl.String))
    return Computed(
        points=points,
        owners=owners.select("point", "customer_id", "agreement_id", "account_id"),
        estimated=usage.filter("estimated")["point"].unique(),
        rated=rated,
        exceptions=pl.concat([before, problems]).unique("point", keep="first").sort("point"),
        terms=asked,
    )


def _not_billable(
    usage: pl.DataFrame, issues: pl.DataFrame, terms: pl.DataFrame, owners: pl.DataFrame
) -> pl.DataFrame:
    """Return the points that cannot even be rated: point, code, detail."""
    none = pl.DataFrame(schema=PROBLEM)
    # A vacant point's missing reading is nobody's bill: metering's issues count where an agreement runs.
    found = [none, issues.filter(among(issues["point"], owners["point"]))]
    if owners.height != terms.height:
        changes = terms.group_by("point").agg(
            n=pl.col("agreement_id").n_unique(), on=pl.col("start").max().dt.to_string()
        )
        changed = changes.filter(pl.col("n") > 1)
        found.append(_problem(changed, "customer-changed", pl.struct(date="on").struct.json_encode()))
    vacant = usage.filter((usage["kwh"] > 0) & ~among(usage["point"], owners["point"]))
    by_point = vacant.group_by("point").agg(pl.col("kwh").sum())
    found.append(_problem(by_point, "no-agreement", pl.struct("kwh").struct.json_encode()))
    told = among(owners["point"], usage["point"]) | among(owners["point"], issues["point"])
    silent = owners.filter(~told)
    found.append(_problem(silent, "no-usage", pl.lit("{}")))
    return pl.concat(found).unique("point", keep="first")


def _problem(rows: pl.DataFrame, code: str, detail: pl.Expr) -> pl.DataFrame:
    if rows.is_empty():
        return pl.DataFrame(schema=PROBLEM)
    return rows.select("point", code=pl.lit(code), detail=detail)


def _arrow(rows: pl.DataFrame, columns: tuple[str, ...]) -> pa.Table:
    table = rows.select(columns).to_arrow()
    for name in ("category", "voltage"):
        if name in columns:
            place = table.column_names.index(name)
            column = table.column(name).cast(pa.string()).combine_chunks().dictionary_encode()
            table = table.set_column(place, name, column)
    return table
