"""The queue of books of a batch: numbered in one transaction, signed in a later one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg


@dataclass(frozen=True)
class ClaimedBook:
    """A book locked for this transaction; status is `waiting` (to be numbered) or `numbered` (to be signed)."""

    id: int
    book_id: int
    code: str
    status: str


def claim_books(
    link: psycopg.Connection[Any], *, batch_id: int, status: str, limit: int, among: list[int] | None = None
) -> list[ClaimedBook]:
    """Lock up to `limit` books of a status that nobody else holds, of `among` (ids of rows) when given.

    The lock ends with the transaction, so a process that dies gives its books back by dying.
    """
    rows = link.execute(
        "SELECT b.id, b.book_id, r.code, b.status FROM invoices_batchbook b "
        "JOIN network_readingbook r ON r.id = b.book_id WHERE b.batch_id = %s AND b.status = %s "
        "AND (%s::bigint[] IS NULL OR b.id = ANY(%s)) ORDER BY b.book_id LIMIT %s "
        "FOR NO KEY UPDATE OF b SKIP LOCKED",
        [batch_id, status, among, among, limit],
    ).fetchall()
    return [ClaimedBook(*row) for row in rows]


def books_left(link: psycopg.Connection[Any], *, batch_id: int) -> int:
    """Return how many books still wait to be numbered or signed, in anybody's hands."""
    row = link.execute(
        "SELECT count(*) FROM invoices_batchbook WHERE batch_id = %s AND status IN ('waiting', 'numbered')",
        [batch_id],
    ).fetchone()
    assert row is not None
    return int(row[0])


def mark_numbered(link: psycopg.Connection[Any], *, ids: list[int]) -> None:
    """Hand claimed books on to be signed."""
    link.execute("UPDATE invoices_batchbook SET status = 'numbered', problem = '' WHERE id = ANY(%s)", [ids])


def mark_done(
    link: psycopg.Connection[Any], *, books: list[tuple[ClaimedBook, int, int]], at: datetime
) -> None:
    """Mark claimed books done and add what was signed of each: invoices, and their total in đồng."""
    link.execute(
        "UPDATE invoices_batchbook b SET status = 'done', problem = '', invoices = b.invoices + v.invoices, "
        "total = b.total + v.total, finished_at = %s "
        "FROM unnest(%s::bigint[], %s::int[], %s::bigint[]) AS v(id, invoices, total) WHERE b.id = v.id",
        [at, [book.id for book, _, _ in books], [n for _, n, _ in books], [total for _, _, total in books]],
    )


def mark_failed(link: psycopg.Connection[Any], *, book: ClaimedBook, problem: str) -> None:
    """Mark a book failed with its problem; the next start tries it again."""
    link.execute(
        "UPDATE invoices_batchbook SET status = 'failed', problem = %s WHERE id = %s AND status <> 'done'",
        [problem.replace("\0", "")[:2000], book.id],
    )


def mark_partly_failed(link: psycopg.Connection[Any], *, book: ClaimedBook, problem: str) -> None:
    """Some invoices of a book could not be written: the others are signed, the book waits for these."""
    link.execute(
        "UPDATE invoices_batchbook SET status = 'failed', problem = %s WHERE id = %s",
        [problem[:2000], book.id],
    )
