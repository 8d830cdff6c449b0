"""Numbers for bills: taken from the series and used in one transaction, so that none is ever lost."""

from __future__ import annotations

import os
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import psycopg

from thapsang.domain.invoices.types import ALPHABET, CODE_LENGTH, SeriesError
from thapsang.kit.bulk.copy import copy_rows, fetch

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

_LETTERS = np.frombuffer(ALPHABET.encode(), np.uint8)
_LAST = 99_999_999
TO_NUMBER = ("bill_id", "customer_id", "net", "vat", "total", "copy", "relation", "relates_to_id", "reason")
_COLUMNS = (
    "id", "series_id", "number", "bill_id", "customer_id", "issued_on", "net", "vat", "total", "look_up_code",
    "status", "steps", "relation", "relates_to_id", "reason", "authority_code", "rejection",
)  # fmt: skip


def look_up_codes(count: int) -> pl.Series:
    """Return random look-up codes: sixty bits each from the system's own source."""
    drawn = np.frombuffer(os.urandom(count * CODE_LENGTH), np.uint8) & 31
    codes = _LETTERS.take(drawn).reshape(count, CODE_LENGTH).view(f"S{CODE_LENGTH}").reshape(count)
    return pl.Series("look_up_code", codes.astype(f"U{CODE_LENGTH}"), dtype=pl.String)


def take_numbers(link: psycopg.Connection[Any], *, series_id: int, count: int, issued_on: date) -> int:
    """Take the next numbers of a series and return the first; they must be used in this transaction.

    The series stays locked until the transaction ends. Raises SeriesError: closed, used up, days gone back.
    """
    row = link.execute(
        "UPDATE invoices_series SET next_number = next_number + %(count)s, last_issued_on = %(day)s "
        "WHERE id = %(id)s AND NOT closed AND next_number + %(count)s <= %(last)s "
        "AND (last_issued_on IS NULL OR last_issued_on <= %(day)s) RETURNING next_number - %(count)s",
        {"id": series_id, "count": count, "day": issued_on, "last": _LAST + 1},
    ).fetchone()
    if row is None:
        raise SeriesError(_refusal(link, series_id, issued_on))
    return int(row[0])


def _refusal(link: psycopg.Connection[Any], series_id: int, issued_on: date) -> str:
    row = link.execute(
        "SELECT code, closed, last_issued_on FROM invoices_series WHERE id = %s", [series_id]
    ).fetchone()
    if row is None:
        return f"There is no series {series_id}."
    code, closed, last = row
    if closed:
        return f"Series {code} is closed: name another series in series.yaml."
    if last and last > issued_on:
        return f"Series {code} has an invoice of {last}: issue on {last} or later, days do not go back."
    return f"Series {code} has no numbers left: name another series in series.yaml."


def number_bills(
    link: psycopg.Connection[Any], *, series_id: int, issued_on: date, at: datetime, bills: pl.DataFrame
) -> pl.DataFrame:
    """Give each bill (columns TO_NUMBER) the next number of a series; return the new rows.

    Locks the series last and as short as can be: from here to the end of the transaction.
    """
    codes = look_up_codes(bills.height)
    link.execute("SELECT set_config('thapsang.at', %s, true)", [at.isoformat()])
    first = take_numbers(link, series_id=series_id, count=bills.height, issued_on=issued_on)
    rows = bills.select(*TO_NUMBER).with_columns(
        codes, pl.int_range(first, first + bills.height, dtype=pl.Int32, eager=True).alias("number"),
        id=pl.col("bill_id") * 10 + pl.col("copy"), series_id=pl.lit(series_id, pl.Int64),
        issued_on=pl.lit(issued_on), status=pl.lit("numbered"), steps=pl.lit(1, pl.Int16),
        relation=pl.col("relation").cast(pl.Int16), authority_code=pl.lit(""), rejection=pl.lit(""),
    )  # fmt: skip
    copy_rows(link, "invoices_invoice", rows.select(_COLUMNS).to_arrow())
    return rows


def invoiced(link: Connection | psycopg.Connection[Any], *, low: int, high: int) -> pl.DataFrame:
    """Return the newest invoice of each bill from `low` to `high`: bill_id, id, status."""
    sql = (
        "SELECT DISTINCT ON (bill_id) bill_id, id, status FROM invoices_invoice "  # noqa: S608 - integers
        f"WHERE id BETWEEN {low * 10} AND {high * 10 + 9} ORDER BY bill_id, id DESC"
    )
    schema = {"bill_id": pl.Int64, "id": pl.Int64, "status": pl.String}
    return pl.DataFrame(fetch(link, sql), schema=schema)


def keep_obstacles(
    link: psycopg.Connection[Any], *, batch_book_id: int, found: list[dict[str, Any]], at: datetime
) -> None:
    """Write why bills have no invoice (bill_id, element, problem, remedy); the newest reason counts."""
    with link.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO invoices_obstacle (bill_id, batch_book_id, element, problem, remedy, found_at) "
            "VALUES (%(bill_id)s, %(book)s, %(element)s, %(problem)s, %(remedy)s, %(at)s) "
            "ON CONFLICT (bill_id) DO UPDATE SET element = excluded.element, problem = excluded.problem, "
            "remedy = excluded.remedy, found_at = excluded.found_at",
            [{**row, "book": batch_book_id, "at": at} for row in found],
        )


def clear_obstacles(link: psycopg.Connection[Any], *, bills: list[int]) -> None:
    """Forget the obstacles of bills that have their invoice now."""
    # One text: psycopg's lists of a thousand numbers cost more than the statement.
    link.execute(
        "DELETE FROM invoices_obstacle WHERE bill_id = ANY(%s::bigint[])",
        [f"{{{','.join(map(str, bills))}}}"],
    )
