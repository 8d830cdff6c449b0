"""A worker of the bill run: claims books, bills them, commits; one transaction a group of books.

Two connections: one claims, writes and commits; the other only reads what others committed (docs/adr/0005).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date
from typing import TypeAlias

import polars as pl
import pyarrow as pa

from thapsang.domain.billing import bulk as billing
from thapsang.domain.billing.bulk import ClaimedBook
from thapsang.domain.billing.bulk.computing import compute
from thapsang.domain.billing.bulk.relieving import InForce, relieve
from thapsang.domain.ledger import bulk as ledger
from thapsang.engines.rating import TariffBook, book_from_content
from thapsang.journeys.run_billing.job import Job
from thapsang.journeys.run_billing.relief import borne_by_others, grant
from thapsang.journeys.run_billing.shaping import Shaped, bill_table, entry_table, line_table, shape_bills
from thapsang.kit.bulk.claiming import Links, Queue, open_links, work_through
from thapsang.kit.bulk.columns import ColumnReader
from thapsang.kit.bulk.sharing import be_helper

logger = logging.getLogger(__name__)
Desk: TypeAlias = Links[ColumnReader]


def work(
    job: Job, *, after_group: Callable[[], None] | None = None, orphaned: Callable[[], bool] | None = None
) -> None:
    """Bill groups of books until none waits; books another process holds are waited for.

    `orphaned` is asked between groups: a worker whose parent is gone stops. A book that fails by itself is
    marked failed and does not stop the others.
    """
    book = book_from_content(job.policy)
    law = job.relief.law(book, job.period) if job.relief else None
    with open_links(job.url, ColumnReader.connect) as links:
        work_through(_queue(job, book, law, links), links, after_group=after_group, orphaned=orphaned)


def _queue(job: Job, book: TariffBook, law: InForce | None, links: Desk) -> Queue[ClaimedBook]:
    def claim(limit: int | None) -> list[ClaimedBook]:
        if limit:
            return billing.claim_books(links.write, run_id=job.run_id, limit=limit)
        return billing.claim_books(links.write, run_id=job.run_id, limit=job.group_books, sharers=job.workers)

    def fail(book: ClaimedBook, problem: str) -> None:
        logger.exception("Reading book %s could not be billed", book.code)
        billing.fail_book(links.write, book=book, problem=problem)

    return Queue(
        claim=claim, fail=fail, do=lambda claimed: bill_group(links, job, book, law, claimed),
        left=lambda: billing.books_wait(links.write, run_id=job.run_id),
    )  # fmt: skip


def bill_group(
    links: Desk, job: Job, book: TariffBook, law: InForce | None, claimed: list[ClaimedBook]
) -> None:
    """Bill claimed books and commit bills, lines, ledger entries, grants, exceptions and marks, or nothing."""
    again = any(c.passes for c in claimed)
    billed = _billed(links, job, claimed) if again else None
    computed = compute(links.read, book=book, period=job.period, books=_by_day(claimed), billed=billed)
    if law:
        computed = relieve(links.read, computed, law)
    shaped = shape_bills(
        computed, period=job.period, run_id=job.run_id, issued_on=job.issued_on, due_on=job.due_on
    )
    billing.insert_bills(links.write, period=job.period, bills=bill_table(shaped))
    billing.insert_lines(
        links.write, period=job.period, lines=line_table(computed.rated.lines, period=job.period)
    )
    borne = borne_by_others(computed, job.relief)
    journals = _post(links, job, claimed, shaped, borne)
    grant(
        links.write,
        computed,
        job.relief,
        period=job.period,
        borne=borne,
        journals=journals,
        revenue=job.revenue,
    )
    billing.insert_exceptions(
        links.write, run_id=job.run_id, exceptions=computed.exceptions.to_arrow(), at=job.at
    )
    if again:
        billing.resolve_billed(links.write, run_id=job.run_id, period=job.period, at=job.at)
    sums = _book_sums(claimed, shaped)
    billing.finish_books(
        links.write, run_id=job.run_id, sums=sums, categories=shaped.categories, at=job.at, again=again
    )
    links.commit()


def _by_day(claimed: list[ClaimedBook]) -> dict[int, list[int]]:
    days: dict[int, list[int]] = {}
    for book in claimed:
        days.setdefault(book.reading_day, []).append(book.book_id)
    return days


def _billed(links: Desk, job: Job, claimed: list[ClaimedBook]) -> pl.Series | None:
    points = pl.DataFrame(billing.points_of_books(links.read, book_ids=[book.book_id for book in claimed]))[
        "point"
    ]
    if points.is_empty():
        return None
    low, high = points[0], points[-1]
    return pl.Series(billing.billed_points(links.read, period=job.period, low=low, high=high))


def _post(
    links: Desk, job: Job, claimed: list[ClaimedBook], shaped: Shaped, borne: pl.DataFrame | None
) -> dict[int, int]:
    """Post one journal a book: what its customers owe against revenue and VAT; return the journals by book."""
    owing = set(shaped.sums.filter(pl.col("total") != 0)["book_id"])
    owing |= set() if borne is None else set(borne["book_id"])
    books = [book for book in claimed if book.book_id in owing]
    if not books:
        return {}
    ids = ledger.open_journals(
        links.write, kind="bills", references=[reference(job.period, book) for book in books],
        business_date=job.issued_on, at=job.at,
    )  # fmt: skip
    journals = dict(zip((book.book_id for book in books), ids, strict=True))
    ledger.post_columns(links.write, entry_table(shaped, journals=journals, revenue=job.revenue, vat=job.vat))
    return journals


def reference(period: date, book: ClaimedBook) -> str:
    """Return the journal's reference: bills:2026-10:<book>, with :2 and so on for a later pass."""
    return f"bills:{period:%Y-%m}:{book.code}" + (f":{book.passes + 1}" if book.passes else "")


def _book_sums(claimed: list[ClaimedBook], shaped: Shaped) -> pa.Table:
    books = pl.DataFrame({"book_id": [book.book_id for book in claimed]}, schema={"book_id": pl.Int64})
    return books.join(shaped.sums, on="book_id", how="left").fill_null(0).to_arrow()


def main() -> None:
    """Work as a process of its own: the job comes on standard input, the exit code says how it went."""
    be_helper(lambda job, orphaned: work(Job.from_json(job), orphaned=orphaned))
