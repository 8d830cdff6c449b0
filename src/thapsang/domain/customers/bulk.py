"""Terms of agreements in columns, for the bill run."""

from __future__ import annotations

from datetime import date

import polars as pl
import pyarrow as pa

from thapsang.kit.bulk.columns import Usual
from thapsang.kit.bulk.copy import Link, fetch
from thapsang.kit.bulk.joining import beside, is_ascending

# Only who came or went within the period has a day of his own.
_AGREEMENTS = """
SELECT id AS agreement_id, supply_point_id AS point, customer_id, CASE WHEN start > '{start}' THEN start END AS agreed,
       CASE WHEN "end" < '{end}' THEN "end" END AS ended
FROM customers_supplyagreement
WHERE {among} AND start < '{end}' AND ("end" IS NULL OR "end" > '{start}')
"""
_STAYING = Usual("agreement_id", {"agreed": None, "ended": None})
_TERMS = """
SELECT id AS number, agreement_id, start AS term, category, voltage, household_quarters, time_of_use, reactive_charged
FROM customers_agreementterm WHERE {among} AND start < '{end}'
"""
_HOUSEHOLD = Usual(
    "number",
    {
        "category": "residential", "voltage": "lt6", "household_quarters": 4, "time_of_use": False,
        "reactive_charged": False,
    },
)  # fmt: skip
_COLUMNS = (
    "point", "customer_id", "agreement_id", "account_id", "start", "end", "category", "voltage",
    "household_quarters", "time_of_use", "reactive_charged",
)  # fmt: skip
_DENSE = 3
"""A table is read by a range of numbers when that touches at most so many times the rows wanted."""


def billing_terms(link: Link, *, book_ids: list[int], start: date, end: date) -> pa.Table:
    """Return one row for each stretch of terms of the books' supply points that overlaps [start, end).

    Columns: point, customer_id, agreement_id, account_id int64; start, end date32, clipped to the period;
    category, voltage dictionary of string; household_quarters int32; time_of_use, reactive_charged bool.
    Ordered by point and start. A point without an agreement in the period has no row.
    """
    books = ",".join(str(int(book)) for book in book_ids) or "NULL"
    members = f"SELECT id AS point FROM customers_supplypoint WHERE book_id IN ({books}) ORDER BY 1"  # noqa: S608 - integers
    points = pl.DataFrame(fetch(link, members), schema={"point": pl.Int64})
    table = terms_of_points(link, points=points["point"], start=start, end=end).to_arrow()
    for name in ("category", "voltage"):
        column = table.column(name).cast(pa.string()).combine_chunks().dictionary_encode()
        table = table.set_column(table.column_names.index(name), name, column)
    return table


def terms_of_points(link: Link, *, points: pl.Series, start: date, end: date) -> pl.DataFrame:
    """Return what `billing_terms` returns, for supply points known already; category and voltage are texts."""
    # Three range scans put together here cost a third of the same joins in SQL, which descends an index a point.
    dates = {"start": start.isoformat(), "end": end.isoformat()}
    found = _AGREEMENTS.format(among=_among("supply_point_id", points), **dates)
    agreements = _only(pl.DataFrame(fetch(link, found, usual=_STAYING)), points)
    among = _among("id", agreements["customer_id"])
    accounts = f"SELECT id AS customer_id, account_id FROM customers_customer WHERE {among}"  # noqa: S608 - integers
    owners = pl.DataFrame(fetch(link, accounts))
    terms = _TERMS.format(among=_among("agreement_id", agreements["agreement_id"]), **dates)
    stretches = _until_next(pl.DataFrame(fetch(link, terms, usual=_HOUSEHOLD)))
    rows = beside(beside(agreements, owners, on="customer_id"), stretches, on="agreement_id").with_columns(
        start=pl.max_horizontal("term", "agreed", pl.lit(start)),
        end=pl.min_horizontal("next", "ended", pl.lit(end)),
    )  # fmt: skip
    rows = rows.filter(pl.col("term").is_not_null() & (pl.col("start") < pl.col("end"))).select(_COLUMNS)
    return rows if is_ascending(rows["point"]) else rows.sort("point", "start")


def places_of_points(link: Link, *, low: int, high: int) -> pl.DataFrame:
    """Return `point`, `book_id` and `commune` (its code) of supply points `low` to `high`, in order of point."""
    return _lying(link, f"id BETWEEN {int(low)} AND {int(high)}")


def communes_of(link: Link, *, points: pl.Series) -> pl.DataFrame:
    """Return what `places_of_points` returns, of these supply points (in order)."""
    rows = _lying(link, _among("id", points))
    return rows if rows.height == len(points) else rows.filter(pl.col("point").is_in(points.implode()))


def _lying(link: Link, where: str) -> pl.DataFrame:
    members = f"SELECT id AS point, book_id, premises_id FROM customers_supplypoint WHERE {where} ORDER BY id"  # noqa: S608
    points = pl.DataFrame(fetch(link, members))
    among = _among("id", points["premises_id"].cast(pl.Int64))
    lying = f"SELECT id AS premises_id, commune_id FROM customers_premises WHERE {among}"  # noqa: S608 - integers
    communes = pl.DataFrame(fetch(link, "SELECT id AS commune_id, code AS commune FROM network_commune"))
    rows = beside(points, pl.DataFrame(fetch(link, lying)), on="premises_id")
    codes = dict(communes.select("commune_id", "commune").iter_rows())
    commune = pl.col("commune_id").replace_strict(codes, return_dtype=pl.Enum(sorted(codes.values())))
    return rows.select(pl.col("point", "book_id").cast(pl.Int64), commune=commune)


def accounts_of(link: Link, *, customers: pl.Series) -> pl.DataFrame:
    """Return `customer_id` and `account_id` of customers."""
    among = _among("id", customers)
    sql = f"SELECT id AS customer_id, account_id FROM customers_customer WHERE {among}"  # noqa: S608 - integers
    return pl.DataFrame(fetch(link, sql), schema={"customer_id": pl.Int64, "account_id": pl.Int64})


def _only(agreements: pl.DataFrame, points: pl.Series) -> pl.DataFrame:
    """Leave out agreements of points of other books whose numbers lie in between."""
    if agreements["point"].equals(points):
        return agreements
    return agreements.join(points.alias("point").to_frame(), on="point", how="semi", maintain_order="left")


def _until_next(terms: pl.DataFrame) -> pl.DataFrame:
    """Add `next`: the day the next terms of the same agreement begin, or null."""
    if is_ascending(terms["agreement_id"]):
        return terms.with_columns(next=pl.lit(None, pl.Date))
    ordered = terms.sort("agreement_id", "term")
    same = pl.col("agreement_id") == pl.col("agreement_id").shift(-1)
    return ordered.with_columns(next=pl.when(same).then(pl.col("term").shift(-1)))


def _among(column: str, numbers: pl.Series) -> str:
    """Return the SQL condition that a column holds one of the numbers, or (if they lie close) their range."""
    if numbers.is_empty():
        return "false"
    low, high = int(numbers.min()), int(numbers.max())  # type: ignore[arg-type]
    if high - low < _DENSE * len(numbers):
        return f"{column} BETWEEN {low} AND {high}"
    return f"{column} = ANY('{{{','.join(map(str, numbers.unique().to_list()))}}}'::bigint[])"


_BUYERS = """
SELECT id AS customer_id, code AS customer_code, kind, name, tax_code, id_number_cipher
FROM customers_customer WHERE {among}
"""
_PLACES = """
SELECT p.id AS point, p.code AS point_code, r.address || ', ' || c.name AS address
FROM customers_supplypoint p JOIN customers_premises r ON r.id = p.premises_id
JOIN network_commune c ON c.id = r.commune_id WHERE {among}
"""


def buyers(link: Link, *, customers: pl.Series) -> pl.DataFrame:
    """Return what an invoice names of each customer, one row each.

    Columns: customer_id, customer_code, kind, name, tax_code, id_number_cipher (encrypted for `id-number`, or
    null).
    """
    query = _BUYERS.format(among=_among("id", customers))
    return pl.DataFrame(fetch(link, query), schema_overrides={"id_number_cipher": pl.Binary})


def places(link: Link, *, points: pl.Series) -> pl.DataFrame:
    """Return point, point_code and address (with the commune's name) of supply points, one row each."""
    return pl.DataFrame(fetch(link, _PLACES.format(among=_among("p.id", points))))
