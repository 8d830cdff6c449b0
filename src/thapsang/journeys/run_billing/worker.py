"""A worker of the bill run: claims books, bills them, commits; one transaction a group of books.

Two connections: one claims, writes and commits; the other only reads what others committed (docs/adr/0005).
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Self

import polars as pl
import psycopg
import pyarrow as pa

from thapsang.domain.billing import bulk as billing
from thapsang.domain.billing.bulk import ClaimedBook
from thapsang.domain.billing.bulk.computing import compute
from thapsang.domain.ledger import bulk as ledger
from thapsang.engines.rating import TariffBook, book_from_content
from thapsang.journeys.run_billing.job import Job
from thapsang.journeys.run_billing.shaping import Shaped, bill_table, entry_table, line_table, shape_bills
from thapsang.kit.bulk.columns import ColumnReader
from thapsang.kit.bulk.copy import execute, fetch
from thapsang.kit.bulk.sharing import be_helper

logger = logging.getLogger(__name__)
_WAIT_SECONDS = 0.2
_LOCK_SECONDS = 60
"""The reader never waits longer for a table: somebody who alters it may be waiting for our own writer."""


@dataclass(frozen=True)
class Links:
    """A worker's connections: `write` holds the claim and the transaction, `read` sees what is committed."""

    read: ColumnReader
    write: psycopg.Connection[Any]

    @classmethod
    @contextlib.contextmanager
    def open(cls, url: str) -> Iterator[Self]:
        """Open both; what is not committed when the block ends is rolled back."""
        with (
            contextlib.closing(ColumnReader.connect(url)) as read,
            contextlib.closing(psycopg.connect(url)) as write,
        ):
            execute(read, f"SET lock_timeout = '{_LOCK_SECONDS}s'")
            read.commit()
            yield cls(read, write)

    def rollback(self) -> None:
        """Give up the group at hand."""
        self.read.rollback()
        self.write.rollback()

    def commit(self) -> None:
        """Commit what was written, and let go of what was read."""
        self.read.rollback()
        self.write.commit()


def work(
    job: Job, *, after_group: Callable[[], None] | None = None, orphaned: Callable[[], bool] | None = None
) -> None:
    """Bill groups of books until none waits; books another process holds are waited for.

    `orphaned` is asked between groups: a worker whose parent is gone stops. A book that fails by itself is
    marked failed and does not stop the others.
    """
    book = book_from_content(job.policy)
    with Links.open(job.url) as links:
        while not (orphaned and orphaned()):
            claimed = billing.claim_books(
                links.write, run_id=job.run_id, limit=job.group_books, sharers=job.workers
            )
            if claimed:
                _bill_or_single_out(links, job, book, claimed)
            elif not _held_by_others(links, job):
                return
            if after_group:
                after_group()


def _held_by_others(links: Links, job: Job) -> bool:
    """Tell whether books still wait in the hands of another process; wait a moment if so."""
    sql = f"SELECT count(*) AS n FROM billing_billrunbook WHERE run_id = {job.run_id} AND status = 'waiting'"  # noqa: S608
    waiting = bool(fetch(links.write, sql)["n"][0].as_py())
    links.rollback()
    if waiting:
        time.sleep(_WAIT_SECONDS)
    return waiting


def _bill_or_single_out(links: Links, job: Job, book: TariffBook, claimed: list[ClaimedBook]) -> None:
    """Bill a group; when it fails, bill its books one by one so that only the book at fault fails."""
    try:
        bill_group(links, job, book, claimed)
    except psycopg.OperationalError:
        raise  # The server is gone, or told us to stop: nothing to single out.
    except Exception as error:
        links.rollback()
        if len(claimed) > 1:
            _one_by_one(links, job, book)
        else:
            logger.exception("Reading book %s could not be billed", claimed[0].code)
            billing.fail_book(links.write, book=claimed[0], problem=f"{type(error).__name__}: {error}"[:2000])
            links.commit()


def _one_by_one(links: Links, job: Job, book: TariffBook) -> None:
    for _ in range(job.group_books):
        claimed = billing.claim_books(links.write, run_id=job.run_id, limit=1)
        if not claimed:
            links.rollback()
            return
        _bill_or_single_out(links, job, book, claimed)


def bill_group(links: Links, job: Job, book: TariffBook, claimed: list[ClaimedBook]) -> None:
    """Bill claimed books and commit bills, lines, ledger entries, exceptions and marks, or nothing."""
    again = any(c.passes for c in claimed)
    billed = _billed(links, job, claimed) if again else None
    computed = compute(links.read, book=book, period=job.period, books=_by_day(claimed), billed=billed)
    shaped = shape_bills(
        computed, period=job.period, run_id=job.run_id, issued_on=job.issued_on, due_on=job.due_on
    )
    billing.insert_bills(links.write, period=job.period, bills=bill_table(shaped))
    billing.insert_lines(
        links.write, period=job.period, lines=line_table(computed.rated.lines, period=job.period)
    )
    _post(links, job, claimed, shaped)
    billing.insert_exceptions(
        links.write, run_id=job.run_id, exceptions=computed.exceptions.to_arrow(), at=job.at
    )
    if again:
        billing.resolve_billed(links.write, run_id=job.run_id, period=job.period, at=job.at)
    sums = _book_sums(claimed, shaped)
    billing.finish_books(links.write, run_id=job.run_id, sums=sums, at=job.at, again=again)
    links.commit()


def _by_day(claimed: list[ClaimedBook]) -> dict[int, list[int]]:
    days: dict[int, list[int]] = {}
    for book in claimed:
        days.setdefault(book.reading_day, []).append(book.book_id)
    return days


def _billed(links: Links, job: Job, claimed: list[ClaimedBook]) -> pl.Series | None:
    points = pl.DataFrame(billing.points_of_books(links.read, book_ids=[book.book_id for book in claimed]))[
        "point"
    ]
    if points.is_empty():
        return None
    low, high = points[0], points[-1]
    return pl.Series(billing.billed_points(links.read, period=job.period, low=low, high=high))


def _post(links: Links, job: Job, claimed: list[ClaimedBook], shaped: Shaped) -> None:
    """Post one journal a book: what its customers owe against revenue and VAT."""
    owing = set(shaped.sums.filter(pl.col("total") != 0)["book_id"])
    books = [book for book in claimed if book.book_id in owing]
    if not books:
        return
    ids = ledger.open_journals(
        links.write, kind="bills", references=[reference(job.period, book) for book in books],
        business_date=job.issued_on, at=job.at,
    )  # fmt: skip
    journals = dict(zip((book.book_id for book in books), ids, strict=True))
    ledger.post_columns(links.write, entry_table(shaped, journals=journals, revenue=job.revenue, vat=job.vat))


def reference(period: date, book: ClaimedBook) -> str:
    """Return the journal's reference: bills:2026-10:<book>, with :2 and so on for a later pass."""
    return f"bills:{period:%Y-%m}:{book.code}" + (f":{book.passes + 1}" if book.passes else "")


def _book_sums(claimed: list[ClaimedBook], shaped: Shaped) -> pa.Table:
    books = pl.DataFrame({"book_id": [book.book_id for book in claimed]}, schema={"book_id": pl.Int64})
    return books.join(shaped.sums, on="book_id", how="left").fill_null(0).to_arrow()


def main() -> None:
    """Work as a process of its own: the job comes on standard input, the exit code says how it went."""
    be_helper(lambda job, orphaned: work(Job.from_json(job), orphaned=orphaned))
