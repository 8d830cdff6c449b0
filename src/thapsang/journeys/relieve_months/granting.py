"""A worker of a batch: claims reading books of a month, grants or takes back, commits; one transaction a claim.

Two connections as in the bill run: one claims, writes and commits; the other only reads what others committed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias

import polars as pl
import pyarrow as pa

from thapsang.domain.billing import bulk as billing
from thapsang.domain.billing.bulk import issued
from thapsang.domain.billing.bulk.relieving import RELIEF, asks_areas
from thapsang.domain.billing.types import PERIOD_FACTOR, yymm
from thapsang.domain.customers import bulk as customers
from thapsang.domain.ledger import bulk as ledger
from thapsang.domain.payments import bulk as payments
from thapsang.domain.reliefs import bulk as reliefs
from thapsang.domain.reliefs import queries
from thapsang.domain.reliefs.bulk import ClaimedBook
from thapsang.domain.reliefs.types import GRANTING
from thapsang.domain.tariffs import queries as tariffs
from thapsang.engines.relief import ReliefBook
from thapsang.journeys.relieve_months.job import Job
from thapsang.journeys.relieve_months.months import Month, Places, prepare, read_block
from thapsang.journeys.relieve_months.shaping import Granted, difference, opposite, shape
from thapsang.kit.bulk.claiming import Links, Queue, open_links, work_through
from thapsang.kit.bulk.columns import ColumnReader
from thapsang.kit.bulk.sharing import be_helper

logger = logging.getLogger(__name__)
Desk: TypeAlias = Links[ColumnReader]


@dataclass
class _Batch:
    """What a worker keeps between claims: the book of reliefs, places, months made ready."""

    job: Job
    book: ReliefBook
    places: Places
    months: dict[date, Month] = field(default_factory=dict)

    def month(self, link: ColumnReader, period: date) -> Month:
        if period not in self.months:
            places = self.places if asks_areas(self.book) else None
            self.months[period] = prepare(link, period=period, book=self.book, places=places)
        return self.months[period]


def work(
    job: Job,
    book: ReliefBook,
    *,
    after_claim: Callable[[], None] | None = None,
    orphaned: Callable[[], bool] | None = None,
) -> None:
    """Grant, or take back, books of a batch until none waits; books another process holds are waited for.

    A book that fails by itself is marked failed and does not stop the others. `orphaned` is asked between claims.
    """
    with open_links(job.url, ColumnReader.connect) as links:
        batch = _Batch(job, book, Places.read(links.read))
        work_through(_queue(links, batch), links, after_group=after_claim, orphaned=orphaned)


def _queue(links: Desk, batch: _Batch) -> Queue[ClaimedBook]:
    job = batch.job

    def fail(book: ClaimedBook, problem: str) -> None:
        logger.exception("Reading book %s of %s could not be relieved", book.code, book.month)
        reliefs.fail_book(links.write, book=book, problem=problem)

    return Queue(
        claim=lambda limit: reliefs.claim_books(
            links.write, batch_id=job.batch_id, phase=job.phase, limit=limit or job.group
        ),
        do=lambda claimed: do_books(links, batch, claimed), fail=fail,
        left=lambda: reliefs.books_wait(links.write, batch_id=job.batch_id, phase=job.phase),
    )  # fmt: skip


def do_books(links: Desk, batch: _Batch, claimed: list[ClaimedBook]) -> None:
    """Grant, or take back, claimed books of one month and commit bills, ledger, grants and marks, or nothing."""
    reliefs.hold_month(links.write, books=claimed)
    links.read.rollback()  # what others committed while we waited must be seen
    job, period = batch.job, claimed[0].month
    members = batch.places.rows.filter(pl.col("book_id").is_in([book.book_id for book in claimed]))
    sums: dict[int, dict[str, int]] = {}
    if members.height:
        low, high = int(members["point"][0]), int(members["point"][-1])
        for sequence in (0, *issued.final_sequences(links.read, period=period, low=low, high=high)):
            for book_id, more in _grant(links, batch, claimed, members, sequence).items():
                mine = sums.setdefault(book_id, {})
                mine.update({name: mine.get(name, 0) + value for name, value in more.items()})
    reliefs.finish_books(links.write, books=claimed, sums=sums, at=job.at)
    links.commit()


def _grant(
    links: Desk, batch: _Batch, claimed: list[ClaimedBook], members: pl.DataFrame, sequence: int
) -> dict[int, dict[str, int]]:
    """Grant, or take back, for the regular bills (`sequence` 0) or final bills of books; return the sums by book."""
    period = claimed[0].month
    low, high = int(members["point"][0]), int(members["point"][-1])
    change, bills = _change(links, batch, period, low, high, sequence)
    mine = change.filter(pl.col("point").is_in(members["point"].implode()))
    if mine.is_empty():
        return {}
    granted = _shaped(links, batch, period, mine, bills, members, sequence)
    _write(links, batch.job, period, claimed, granted, sequence)
    return granted.sums


def _change(
    links: Desk, batch: _Batch, period: date, low: int, high: int, sequence: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return what is to be given now (RELIEF; below zero: taken back), and the bills it is for."""
    job = batch.job
    first, last = issued.month_numbers(period, low, high)
    if job.phase != GRANTING:
        rows = reliefs.granted_by(links.read, batch_id=job.batch_id, phase=GRANTING, low=first, high=last)
        rows = rows.filter(pl.col("bill_id") % 10 == sequence)
        return opposite(rows), issued.issued_bills(
            links.read, period=period, low=low, high=high, sequence=sequence
        )
    month = batch.month(links.read, period)
    if not sequence and month.engine.empty:
        relief = pl.DataFrame(schema=RELIEF)
        bills = issued.issued_bills(links.read, period=period, low=low, high=high, sequence=sequence)
    else:
        every = tuple(issued.BILLS)
        block = read_block(links.read, months=[month], low=low, high=high, columns=every, sequence=sequence)
        relief, bills = block.relieve(month)[0], block.bills
    asked = relief.filter(pl.col("programme").cast(pl.String).is_in(list(job.programmes)))
    before = reliefs.earlier(links.read, low=first, high=last, programmes=job.programmes)
    return difference(asked, before.filter(pl.col("bill_id") % 10 == sequence)), bills


def _shaped(
    links: Desk,
    batch: _Batch,
    period: date,
    change: pl.DataFrame,
    bills: pl.DataFrame,
    members: pl.DataFrame,
    sequence: int,
) -> Granted:
    on_bill = change.filter((pl.col("amount") != 0) | (pl.col("vat") != 0))["point"].unique().sort()
    # After the regular bills of a point its next number is taken by what is not committed yet.
    link = links.write if sequence else links.read
    sequences = billing.next_sequences(link, period=period, points=on_bill)
    owners = bills.join(change.select("point").unique(), on="point", how="semi")["customer_id"].unique()
    accounts = customers.accounts_of(links.read, customers=owners)
    run = issued.billed_range(links.read, period=period)
    assert run is not None
    return shape(
        change, bills.join(members.select("point", "book_id"), on="point").join(accounts, on="customer_id"),
        sequences, job=batch.job, period=period, run_id=run[0], base=yymm(period) * PERIOD_FACTOR,
    )  # fmt: skip


def _write(
    links: Desk, job: Job, period: date, claimed: list[ClaimedBook], granted: Granted, sequence: int
) -> None:
    reliefs.insert_grants(links.write, grants=granted.grants)
    if not granted.bills.num_rows:
        return
    billing.insert_bills(links.write, period=period, bills=granted.bills)
    billing.insert_lines(links.write, period=period, lines=granted.lines)
    billing.insert_links(links.write, links=granted.links)
    codes = {book.book_id: book.code for book in claimed}
    books = granted.owed["book_id"].unique(maintain_order=True).to_list()
    journals = ledger.open_journals(
        links.write, kind="relief", references=[job.reference(period, codes[book], sequence) for book in books],
        business_date=job.issued_on, at=job.at,
    )  # fmt: skip
    numbers = dict(zip(books, journals, strict=True))
    owed = granted.owed.with_columns(
        journal_id=pl.col("book_id").replace_strict(numbers, return_dtype=pl.Int64)
    )
    ledger.post_columns(links.write, _entries(job, owed, granted.funded))
    _take_notes(links, job, owed)


def _entries(job: Job, owed: pl.DataFrame, funded: pl.DataFrame) -> pa.Table:
    """Customers against revenue and VAT; what another account bears is moved from revenue to it."""
    entries = [pl.DataFrame(billing.adjustment_entries(owed, revenue=job.revenue, vat=job.vat))]
    borne = funded.join(owed.select("book_id", "journal_id").unique("book_id"), on="book_id")
    for account, sign in (("account_id", 1), (None, -1)):
        entries.append(
            borne.select(
                "journal_id", account_id=pl.col(account) if account else pl.lit(job.revenue, pl.Int64),
                amount=pl.col("amount") * sign, document=pl.lit(None, pl.Int64),
            ).cast(entries[0].schema)
        )  # fmt: skip
    joined = pl.concat(entries)
    general = joined.filter(pl.col("document").is_null())
    general = general.group_by("journal_id", "account_id", maintain_order=True).agg(pl.col("amount").sum())
    rest = general.filter(pl.col("amount") != 0).with_columns(document=pl.lit(None, pl.Int64))
    return pl.concat(
        [joined.filter(pl.col("document").is_not_null()), rest.select(joined.columns)]
    ).to_arrow()


def _take_notes(links: Desk, job: Job, owed: pl.DataFrame) -> None:
    columns = [*payments.OWED.names, *payments.NOTES.names]
    notes = owed.rename({"id": "bill_id"}).filter(pl.col("total") < 0).select(columns)
    if notes.height:
        payments.take_credit_notes(links.write, notes=notes.to_arrow(), day=job.issued_on, at=job.at)


def main() -> None:
    """Work as a process of its own: the job comes on standard input, the exit code says how it went."""
    be_helper(_help)


def _help(text: str, orphaned: Callable[[], bool]) -> None:
    job = Job.from_json(text)
    work(job, queries.book_of(job.version_id, tariffs.current_book()), orphaned=orphaned)
