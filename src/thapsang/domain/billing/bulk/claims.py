"""The queue of books: each is claimed, billed and marked in one and the same transaction."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import pyarrow as pa

from thapsang.kit.bulk.copy import Link, execute, fetch


@dataclass(frozen=True)
class ClaimedBook:
    """A book locked for billing; `passes` counts how often it was billed before."""

    id: int
    book_id: int
    code: str
    reading_day: int
    passes: int


def claim_books(link: Link, *, run_id: int, limit: int, sharers: int = 1) -> list[ClaimedBook]:
    """Lock up to `limit` waiting books of a run that nobody else holds; empty when there are none.

    Among several `sharers` the portions shrink towards the end, so that all of them end at about the same time.
    The lock ends with the transaction, so a process that dies gives its books back by dying.
    """
    left = f"(SELECT count(*) FROM billing_billrunbook WHERE run_id = {int(run_id)} AND status = 'waiting')"  # noqa: S608
    portion = (
        limit if sharers == 1 else f"least({int(limit)}, greatest({-(-limit // 4)}, {left} / {2 * sharers}))"
    )
    rows = fetch(
        link,
        "SELECT b.id, b.book_id, r.code, r.reading_day, b.passes FROM billing_billrunbook b "  # noqa: S608 - integers only
        "JOIN network_readingbook r ON r.id = b.book_id "
        f"WHERE b.run_id = {int(run_id)} AND b.status = 'waiting' ORDER BY b.book_id "
        f"LIMIT {portion} FOR NO KEY UPDATE OF b SKIP LOCKED",
    )
    return [ClaimedBook(**row) for row in rows.to_pylist()]


def books_wait(link: Link, *, run_id: int) -> bool:
    """Tell whether books of a run wait, in anybody's hands."""
    sql = f"SELECT 1 AS one FROM billing_billrunbook WHERE run_id = {int(run_id)} AND status = 'waiting' LIMIT 1"  # noqa: S608
    return bool(fetch(link, sql).num_rows)


_STILL_OPEN = (
    "(SELECT count(*) FROM billing_billingexception e JOIN customers_supplypoint p ON p.id = e.supply_point_id "
    "WHERE e.run_id = b.run_id AND e.status = 'open' AND p.book_id = b.book_id)"
)


def finish_books(
    link: Link, *, run_id: int, sums: pa.Table, categories: pl.DataFrame, at: datetime, again: bool
) -> None:
    """Mark claimed books done and add what this pass billed.

    `sums`: book_id, points, bills, kwh, total, exceptions (int64), one row a book. `categories`: the bills by
    book_id and category, with bills, kwh, net, vat, total. `again`: some of the books were billed before, so that
    their open exceptions are counted anew.
    """
    by_category: dict[int, list[tuple[object, ...]]] = {}
    columns = categories.select(
        "book_id", pl.col("category").cast(pl.String), "bills", "kwh", "net", "vat", "total"
    )
    for number, *row in columns.iter_rows():
        by_category.setdefault(number, []).append(tuple(row))
    values = ",".join(
        f"({r['book_id']},{r['points']},{r['bills']},{r['kwh']},{r['total']},{r['exceptions']},"
        f"{_quoted(json.dumps(by_category.get(r['book_id'], [])))}::jsonb)"
        for r in sums.to_pylist()
    )
    execute(
        link,
        "UPDATE billing_billrunbook b SET status = 'done', problem = '', passes = b.passes + 1, "  # noqa: S608
        "points = v.points, bills = b.bills + v.bills, kwh = b.kwh + v.kwh, total = b.total + v.total, "
        "categories = b.categories || v.categories, "
        f"finished_at = '{at.isoformat()}', exceptions = {_STILL_OPEN if again else 'v.exceptions'} "
        f"FROM (VALUES {values}) AS v(book_id, points, bills, kwh, total, exceptions, categories) "
        f"WHERE b.run_id = {int(run_id)} AND b.book_id = v.book_id",
    )


def fail_book(link: Link, *, book: ClaimedBook, problem: str) -> None:
    """Mark a book failed with its problem; the next start of the run tries it again."""
    text = _quoted(problem.replace("\0", ""))
    execute(
        link,
        f"UPDATE billing_billrunbook SET status = 'failed', problem = {text} "  # noqa: S608 - quoted
        f"WHERE id = {book.id} AND status = 'waiting'",
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
