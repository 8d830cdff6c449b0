"""Months that are billed, back into columns: each point's bill as it stands after later corrections.

A month is owed as the sum of its bills, so a corrected bill is the sum of the regular one and those that adjust,
cancel or replace it. Bills of reliefs are left out: they stand beside what they relieve. What a bill took off
itself is added back: reliefs are reckoned from the bill as rated, and what it gave is among its grants.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from thapsang.domain.billing.types import PERIOD_FACTOR, yymm
from thapsang.domain.reliefs import bulk as reliefs
from thapsang.kit.bulk.copy import Link, fetch

BILLS = {
    "id": pl.Int64, "point": pl.Int64, "customer_id": pl.Int64, "agreement_id": pl.Int64, "category": pl.String,
    "household_quarters": pl.Int32, "start": pl.Date, "end": pl.Date, "kwh": pl.Int64, "kvarh": pl.Int64,
    "net": pl.Int64, "vat_rate": pl.Int32, "vat": pl.Int64, "issued_on": pl.Date,
}  # fmt: skip
LINES = {
    "point": pl.Int64, "kind": pl.String, "tier": pl.Int16, "band": pl.String, "kwh": pl.Int64, "price": pl.Int32,
    "start": pl.Date, "end": pl.Date,
}  # fmt: skip
ESSENTIAL = ("point", "category", "household_quarters", "start", "end", "kwh", "kvarh", "net", "vat_rate")
"""The columns a simulation asks for; the rest is for who writes bills."""
_SUMMED = ("kwh", "kvarh", "net", "vat")
_SQL = {"point": "supply_point_id AS point", "end": '"end"'}
_LATER = """
SELECT l.of_bill_id AS of_bill, l.kind, b.id AS number, {columns}
FROM billing_billlink l JOIN billing_bill_{month:04d} b ON b.id = l.bill_id
WHERE l.bill_id BETWEEN {low} AND {high} AND NOT starts_with(l.origin, 'relief:') ORDER BY b.id
"""
_FINAL = "AND EXISTS (SELECT FROM billing_finalbill f WHERE f.bill_id = {column})"


def month_numbers(period: date, low: int, high: int) -> tuple[int, int]:
    """Return the first and last bill number of supply points `low` to `high` in a month."""
    base = yymm(period) * PERIOD_FACTOR
    return base + low * 10, base + high * 10 + 9


def issued_bills(
    link: Link,
    *,
    period: date,
    low: int,
    high: int,
    columns: tuple[str, ...] = tuple(BILLS),
    sequence: int = 0,
) -> pl.DataFrame:
    """Return one row for each billed point from `low` to `high`, in order of point: `columns` of BILLS.

    `sequence` 0 means regular bills, another the final bills of that sequence. `id` is that bill's; category,
    households, dates and VAT rate are those of the last bill that adjusts or replaces it, or its own; kWh, kvarh, net
    and VAT are sums; net is as rated, before what the bills took off themselves.
    """
    first, last = month_numbers(period, low, high)
    named = ", ".join(_SQL.get(name, name) for name in columns)
    table = f"billing_bill_{yymm(period):04d}"
    only = _FINAL.format(column="id") if sequence else ""
    sql = (
        f"SELECT {named} FROM {table} WHERE id BETWEEN {first} AND {last} AND id % 10 = {sequence} {only} "  # noqa: S608
        "ORDER BY id"
    )
    bills = pl.DataFrame(fetch(link, sql), schema={name: BILLS[name] for name in columns})
    later = _LATER.format(month=yymm(period), low=first, high=last, columns=named)
    more = _of_chain(pl.DataFrame(fetch(link, later)), sequence)
    bills = _corrected(bills, more, columns) if more.height else bills
    if "net" not in columns:
        return bills
    return _as_rated(bills, reliefs.in_bills(link, low=first, high=last), sequence)


def final_sequences(link: Link, *, period: date, low: int, high: int) -> list[int]:
    """Return which sequences final bills of points `low` to `high` have in a month: mostly none."""
    first, last = month_numbers(period, low, high)
    sql = f"SELECT DISTINCT bill_id % 10 AS n FROM billing_finalbill WHERE bill_id BETWEEN {first} AND {last}"  # noqa: S608
    return sorted(fetch(link, sql)["n"].to_pylist())


def _of_chain(later: pl.DataFrame, sequence: int) -> pl.DataFrame:
    """Keep the later bills that follow a first bill of this sequence, however many lie between."""
    if later.is_empty():
        return later
    before = later.select(root="number", earlier="of_bill")
    found = later.with_columns(root="of_bill")
    while True:
        found = found.join(before, on="root", how="left", maintain_order="left")
        if found["earlier"].null_count() == found.height:
            return found.drop("earlier").filter(pl.col("root") % 10 == sequence)
        found = found.with_columns(root=pl.coalesce("earlier", "root")).drop("earlier")


def _as_rated(bills: pl.DataFrame, given: pl.DataFrame, sequence: int) -> pl.DataFrame:
    regular = given.filter(pl.col("bill_id") % 10 == sequence)
    if regular.is_empty():
        return bills
    back = regular.select((pl.col("bill_id") % PERIOD_FACTOR // 10).alias("point"), "amount")
    found = bills.join(back, on="point", how="left", maintain_order="left")
    return found.with_columns(net=pl.col("net") + pl.col("amount").fill_null(0)).drop("amount")


def _corrected(bills: pl.DataFrame, later: pl.DataFrame, columns: tuple[str, ...]) -> pl.DataFrame:
    later = later.select("kind", *(pl.col(name).cast(BILLS[name]) for name in columns))
    touched = later["point"].unique()
    standing = pl.concat([bills, later.filter(pl.col("kind") != "cancels").select(columns)])
    standing = standing.filter(pl.col("point").is_in(touched.implode()))
    kept = [name for name in columns if name not in {*_SUMMED, "point"}]
    everything = pl.concat([bills.filter(pl.col("point").is_in(touched.implode())), later.select(columns)])
    of_point = standing.group_by("point", maintain_order=True).agg(
        *(pl.col(name).first() if name in {"id", "issued_on"} else pl.col(name).last() for name in kept)
    )
    sums = everything.group_by("point").agg(pl.col(name).sum() for name in columns if name in _SUMMED)
    mended = of_point.join(sums, on="point").select(columns)
    return pl.concat([bills.filter(~pl.col("point").is_in(touched.implode())), mended]).sort("point")


def issued_lines(
    link: Link,
    *,
    period: date,
    low: int,
    high: int,
    points: list[int] | None = None,
    sequence: int = 0,
) -> pl.DataFrame:
    """Return the lines (LINES) of the bills of points `low` to `high`, or of some points of them, in order of point.

    Lines of a corrected bill are those of all its bills: kWh taken back are below zero. Those of reliefs are left out.
    """
    first, last = month_numbers(period, low, high)
    month = yymm(period) * PERIOD_FACTOR
    chosen = f"l.bill_id BETWEEN {first} AND {last}"
    if points is not None:
        numbers = ",".join(str(month + int(point) * 10 + n) for point in points for n in range(10))
        chosen = f"l.bill_id = ANY('{{{numbers}}}'::bigint[])"
    only = _FINAL.format(column="l.bill_id") if sequence else ""
    later = _LATER.format(month=yymm(period), low=first, high=last, columns="b.id")
    more = _of_chain(pl.DataFrame(fetch(link, later)), sequence)
    followers = ",".join(map(str, more["number"].to_list())) if more.height else ""
    sql = (
        f'SELECT (l.bill_id / 10) % 1000000000 AS point, l.kind, l.tier, l.band, l.kwh, l.price, l.start, l."end" '  # noqa: S608
        f"FROM billing_billline_{yymm(period):04d} l WHERE {chosen} AND l.kind <> 'relief' "
        f"AND ((l.bill_id % 10 = {sequence} {only}) OR l.bill_id = ANY('{{{followers}}}'::bigint[])) "
        "ORDER BY l.bill_id, l.line_no"
    )
    return pl.DataFrame(fetch(link, sql), schema=LINES)


def billed_range(link: Link, *, period: date) -> tuple[int, int, int] | None:
    """Return run id, policy version id and the highest billed point of a month; None when it was never billed."""
    sql = f"SELECT id, policy_version_id FROM billing_billrun WHERE period = '{period:%Y-%m-%d}'"  # noqa: S608 - a date
    found = fetch(link, sql).to_pylist()
    if not found:
        return None
    top = fetch(link, f"SELECT id FROM billing_bill_{yymm(period):04d} ORDER BY id DESC LIMIT 1").to_pylist()  # noqa: S608
    point = (top[0]["id"] // 10) % 10**9 if top else 0
    return int(found[0]["id"]), int(found[0]["policy_version_id"]), int(point)
