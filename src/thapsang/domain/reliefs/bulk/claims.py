"""The queue of a batch's books: each is claimed, granted and marked in one and the same transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from thapsang.kit.bulk.copy import Link, execute, fetch

_LOCK_CLASS = 7413


@dataclass(frozen=True)
class ClaimedBook:
    """A reading book in a month, locked for this process."""

    id: int
    month: date
    book_id: int
    code: str


def claim_books(link: Link, *, batch_id: int, phase: int, limit: int) -> list[ClaimedBook]:
    """Lock up to `limit` waiting books of one month that nobody else holds; empty when there are none.

    The lock ends with the transaction, so a process that dies gives its books back by dying.
    """
    rows = fetch(
        link,
        "SELECT b.id, b.month, b.book_id, r.code FROM reliefs_batchbook b "  # noqa: S608 - integers only
        "JOIN network_readingbook r ON r.id = b.book_id "
        f"WHERE b.batch_id = {int(batch_id)} AND b.phase = {int(phase)} AND b.status = 'waiting' "
        f"ORDER BY b.month, b.book_id LIMIT {int(limit)} FOR NO KEY UPDATE OF b SKIP LOCKED",
    ).to_pylist()
    return [ClaimedBook(**row) for row in rows if row["month"] == rows[0]["month"]]


def books_wait(link: Link, *, batch_id: int, phase: int) -> bool:
    """Tell whether books of a batch wait, in anybody's hands."""
    sql = (
        f"SELECT 1 AS one FROM reliefs_batchbook WHERE batch_id = {int(batch_id)} "  # noqa: S608 - integers only
        f"AND phase = {int(phase)} AND status = 'waiting' LIMIT 1"
    )
    return bool(fetch(link, sql).num_rows)


def hold_month(link: Link, *, books: list[ClaimedBook]) -> None:
    """Wait until no other batch grants in these books and their month, and keep others out until the end.

    What earlier batches gave can be trusted only under this lock: two that give at once would both see nothing.
    """
    _hold(link, [_key(book.month, book.book_id) for book in books])


def hold_book(link: Link, *, month: date, book_id: int) -> None:
    """Keep everybody else from granting in a reading book and month until the transaction ends."""
    _hold(link, [_key(month, book_id)])


def _key(month: date, book_id: int) -> int:
    return _LOCK_CLASS * 10**13 + (month.year * 12 + month.month) * 10**8 + book_id


def _hold(link: Link, keys: list[int]) -> None:
    """Take locks one after the other in ascending order, in one statement."""
    listed = ",".join(map(str, sorted(keys)))
    execute(
        link,
        "SELECT count(pg_advisory_xact_lock(k)) FROM "  # noqa: S608 - integers
        f"(SELECT unnest('{{{listed}}}'::bigint[]) AS k ORDER BY 1 OFFSET 0) AS ordered",
    )


def finish_books(
    link: Link, *, books: list[ClaimedBook], sums: dict[int, dict[str, int]], at: datetime
) -> None:
    """Mark claimed books done with their sums by book id: points, bills, net, vat, cash."""
    names = ("points", "bills", "net", "vat", "cash")
    rows = ",".join(
        f"({book.id},{','.join(str(int(sums.get(book.book_id, {}).get(name, 0))) for name in names)})"
        for book in books
    )
    given = ", ".join(f"{name} = v.{name}" for name in names)
    execute(
        link,
        f"UPDATE reliefs_batchbook b SET status = 'done', problem = '', {given}, "  # noqa: S608 - integers
        f"finished_at = '{at.isoformat()}' FROM (VALUES {rows}) AS v(id, {', '.join(names)}) "
        "WHERE b.id = v.id AND b.status = 'waiting'",
    )


def fail_book(link: Link, *, book: ClaimedBook, problem: str) -> None:
    """Mark a book failed with its problem; the next start of the batch tries it again."""
    text = problem.replace("'", "''").replace("\0", "")
    execute(
        link,
        f"UPDATE reliefs_batchbook SET status = 'failed', problem = '{text}' "  # noqa: S608 - quoted
        f"WHERE id = {book.id} AND status = 'waiting'",
    )
