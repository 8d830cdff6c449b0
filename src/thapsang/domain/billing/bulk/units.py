"""One month of one reading book of a correction: which points, and the mark that they are done."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl

from thapsang.domain.billing.types import PERIOD_FACTOR, yymm
from thapsang.kit.bulk.copy import Link, execute, fetch

_BOOKS = """
SELECT p.id AS point, p.code AS point_code, b.id AS book_id, b.code AS book, b.reading_day::bigint AS reading_day
FROM customers_supplypoint p JOIN network_readingbook b ON b.id = p.book_id
WHERE {where} ORDER BY p.id
"""
_MEMBER = {
    "point": pl.Int64, "point_code": pl.String, "book_id": pl.Int64, "book": pl.String, "reading_day": pl.Int64,
}  # fmt: skip
_CLAIM = """
SELECT of_bill_id FROM billing_correctionbill
WHERE correction_id = {correction} AND book_id = {book} AND code = '' AND issued_at IS NULL
  AND of_bill_id BETWEEN {low} AND {high} AND of_bill_id % 10 = {sequence} ORDER BY of_bill_id {lock}
"""
_DONE = """
UPDATE billing_correctionbill c SET made_bill_id = v.made, issued_at = '{at}'
FROM unnest('{{{bills}}}'::bigint[], '{{{made}}}'::bigint[]) AS v(bill, made)
WHERE c.correction_id = {correction} AND c.of_bill_id = v.bill
"""


def points_with_books(
    link: Link,
    *,
    points: list[int] | None = None,
    point_codes: list[str] | None = None,
    book_codes: list[str] | None = None,
) -> pl.DataFrame:
    """Return point, point_code, book_id, book, reading_day of supply points by number or code, or of whole books."""
    if points is not None:
        where = f"p.id = ANY('{{{','.join(str(int(point)) for point in points)}}}'::bigint[])"
    else:
        column, codes = ("p.code", point_codes) if point_codes else ("b.code", book_codes or [])
        listed = ",".join("'" + code.replace("'", "''") + "'" for code in codes)
        where = f"{column} IN ({listed or 'NULL'})"
    return pl.DataFrame(fetch(link, _BOOKS.format(where=where)), schema=_MEMBER)


def points_of_book_ids(link: Link, *, book_ids: list[int]) -> pl.DataFrame:
    """Return what `points_with_books` returns, of all points of books by number."""
    listed = ",".join(str(int(book)) for book in book_ids) or "NULL"
    return pl.DataFrame(fetch(link, _BOOKS.format(where=f"b.id IN ({listed})")), schema=_MEMBER)


def unit_points(
    link: Link, *, correction_id: int, period: date, book_id: int, sequence: int = 0
) -> pl.Series:
    """Return the points of a month and book that are not issued yet, in order; nothing is locked."""
    return _points_left(link, correction_id, period, book_id, sequence, "")


def claim_unit(link: Link, *, correction_id: int, period: date, book_id: int, sequence: int = 0) -> pl.Series:
    """Lock what is left to issue of a month and book until the transaction ends; return the points, in order.

    Empty when another process issued it meanwhile.
    """
    return _points_left(link, correction_id, period, book_id, sequence, "FOR UPDATE")


def _points_left(
    link: Link, correction_id: int, period: date, book_id: int, sequence: int, lock: str
) -> pl.Series:
    low = yymm(period) * PERIOD_FACTOR
    sql = _CLAIM.format(
        correction=int(correction_id),
        book=int(book_id),
        low=low,
        high=low + PERIOD_FACTOR - 1,
        sequence=int(sequence),
        lock=lock,
    )
    bills = pl.Series("point", fetch(link, sql)["of_bill_id"].to_pylist(), pl.Int64)
    return bills % PERIOD_FACTOR // 10


def finish_unit(link: Link, *, correction_id: int, main: pl.DataFrame, at: datetime) -> None:
    """Mark months issued: `main` has of_bill and the bill `made` for it."""
    listed = {name: ",".join(map(str, main[name].to_list())) for name in ("of_bill", "made")}
    execute(
        link,
        _DONE.format(
            at=at.isoformat(), bills=listed["of_bill"], made=listed["made"], correction=int(correction_id)
        ),
    )
