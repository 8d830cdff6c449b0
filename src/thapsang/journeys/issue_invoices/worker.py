"""A worker: numbers a group of books in one transaction, then signs it in another.

Numbers are taken last and used at once, so the series is locked for milliseconds; signing, which takes all the
time, holds no lock but that of its books. What was numbered when a process died is signed by the next one.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import adbc_driver_postgresql.dbapi as adbc
import polars as pl
from django.utils import timezone

from thapsang.domain.invoices import operations, queries
from thapsang.domain.invoices.bulk import numbering, signing
from thapsang.domain.invoices.bulk.claims import (
    ClaimedBook,
    books_left,
    claim_books,
    mark_done,
    mark_failed,
    mark_numbered,
    mark_partly_failed,
)
from thapsang.engines.einvoice import sign_batch
from thapsang.engines.einvoice.columns import Drafts
from thapsang.journeys.issue_invoices.job import Job
from thapsang.journeys.issue_invoices.material import Material, read
from thapsang.journeys.issue_invoices.packing import Packer
from thapsang.journeys.issue_invoices.shaping import Shaper, reason, relation
from thapsang.kit.bulk.claiming import Links, Queue, open_links, work_through
from thapsang.kit.bulk.sharing import be_helper
from thapsang.kit.db.transactions import transaction
from thapsang.kit.files import operations as files

if TYPE_CHECKING:
    import psycopg
    from adbc_driver_manager.dbapi import Connection

logger = logging.getLogger(__name__)
_CHUNK = 100
"""Invoices signed, hashed and packed at a time: small enough for the processor's caches (docs/adr/0017)."""
_FOLLOWS_NONE = [
    pl.lit(None, pl.Int64).alias("relates_to_id"), pl.lit(None, pl.Int16).alias("relation"),
    pl.lit("").alias("reason"), pl.lit(0, pl.Int64).alias("copy"),
]  # fmt: skip


@dataclass(frozen=True)
class Desk:
    """A worker's connections and what it makes invoices with. `read` sees only what is committed."""

    job: Job
    links: Links[Connection]
    shaper: Shaper

    @property
    def read(self) -> Connection:
        """The connection that reads."""
        return self.links.read

    @property
    def write(self) -> psycopg.Connection[Any]:
        """The connection that holds the claim and the transaction."""
        return self.links.write


def work(
    job: Job, *, tell: Callable[[], None] | None = None, orphaned: Callable[[], bool] | None = None
) -> None:
    """Number and sign groups of books until none waits; books another process holds are waited for."""
    with _settled(), open_links(job.url, adbc.connect) as links:
        desk = Desk(job, links, Shaper(queries.current_policy(), job.period))
        work_through(_queue(desk), links, after_group=tell, orphaned=orphaned)


@contextmanager
def _settled() -> Iterator[None]:
    """What is loaded stays: looking through it for rubbish again and again costs as much as writing the invoices."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _queue(desk: Desk) -> Queue[ClaimedBook]:
    def fail(book: ClaimedBook, problem: str) -> None:
        logger.exception("Invoices of book %s failed", book.code)
        mark_failed(desk.write, book=book, problem=problem)

    return Queue(
        claim=lambda limit: _claim(desk, limit or desk.job.group_books), do=lambda claimed: _do(desk, claimed),
        fail=fail, left=lambda: books_left(desk.write, batch_id=desk.job.batch_id) > 0,
    )  # fmt: skip


def _claim(desk: Desk, limit: int) -> list[ClaimedBook]:
    """Claim books that wait, or else books that were numbered and not signed."""
    for status in ("waiting", "numbered"):
        claimed = claim_books(desk.write, batch_id=desk.job.batch_id, status=status, limit=limit)
        if claimed:
            return claimed
    return []


def _do(desk: Desk, claimed: list[ClaimedBook]) -> None:
    """Sign claimed books; number them first, in a transaction of its own, if they wait."""
    material = read(desk.read, period=desk.job.period, book_ids=[book.book_id for book in claimed])
    if claimed[0].status == "numbered":
        _sign(desk, claimed, material)
        desk.links.commit()
        return
    if material is not None:
        _number(desk, claimed, material)
    mark_numbered(desk.write, ids=[book.id for book in claimed])
    desk.links.commit()
    _sign_again(desk, [book.id for book in claimed], material)


def _sign_again(desk: Desk, ids: list[int], material: Material | None) -> None:
    """Claim books this worker has just numbered and sign them; another may have taken some meanwhile."""
    claimed = claim_books(
        desk.write, batch_id=desk.job.batch_id, status="numbered", limit=len(ids), among=ids
    )
    _sign(desk, claimed, material)
    desk.links.commit()


def _number(desk: Desk, claimed: list[ClaimedBook], material: Material) -> None:
    """Number the bills of claimed books that have no invoice yet: first the plain ones, then those that follow."""
    bills = material.bills
    low, high = int(bills["bill_id"].min()), int(bills["bill_id"].max())  # type: ignore[arg-type]
    have = numbering.invoiced(desk.read, low=low, high=high)
    missing = bills.join(have.select("bill_id"), on="bill_id", how="anti", maintain_order="left")
    missing = missing.filter(~pl.col("cancelled"))
    found = _among(material.hindered, missing)
    _note_obstacles(desk, claimed, missing, found)
    missing = missing.filter(~pl.col("bill_id").is_in([row["bill_id"] for row in found]))
    plain = missing.filter(pl.col("link").is_null())
    _take(desk, plain, relates=None)
    _number_later(desk, missing.filter(pl.col("link").is_not_null()), low, high)


def _number_later(desk: Desk, later: pl.DataFrame, low: int, high: int) -> None:
    """Number bills that follow another one, each after the one it follows."""
    while later.height:
        waiting = pl.col("of_bill_id").is_in(later["bill_id"].to_list())
        ready = later.filter(~waiting)
        _take(desk, ready, relates=numbering.invoiced(desk.write, low=low, high=high))
        if ready.is_empty():
            raise ValueError(f"Bills follow each other in a circle: {later['bill_id'].head(5).to_list()}.")
        later = later.filter(waiting)


def _among(found: list[dict[str, Any]], rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Return what was found of some bills."""
    if not found:
        return []
    wanted = set(rows["bill_id"].to_list())
    return [one for one in found if one["bill_id"] in wanted]


def _note_obstacles(
    desk: Desk, claimed: list[ClaimedBook], rows: pl.DataFrame, found: list[dict[str, Any]]
) -> None:
    of_bill = dict(rows.select("bill_id", "book_id").iter_rows())
    for book in claimed:
        mine = [row for row in found if of_bill[row["bill_id"]] == book.book_id]
        if mine:
            numbering.keep_obstacles(desk.write, batch_book_id=book.id, found=mine, at=desk.job.at)


def _take(desk: Desk, bills: pl.DataFrame, *, relates: pl.DataFrame | None) -> None:
    """Give bills their numbers. `relates`: newest invoice of earlier bills, for those that follow one."""
    if bills.is_empty():
        return
    rows = _following(desk, bills, relates) if relates is not None else bills.with_columns(_FOLLOWS_NONE)
    numbering.clear_obstacles(desk.write, bills=rows["bill_id"].to_list())
    numbering.number_bills(
        desk.write, series_id=desk.job.series_id, issued_on=desk.job.issued_on, at=desk.job.at, bills=rows
    )


def _following(desk: Desk, bills: pl.DataFrame, relates: pl.DataFrame) -> pl.DataFrame:
    """Say of bills that follow others which invoice each relates to, how, and why."""
    policy, links, of = desk.shaper.policy, bills["link"].to_list(), bills["of_bill_id"].to_list()
    earlier = dict(relates.select("bill_id", "id").iter_rows())
    targets = [earlier.get(number) if number else None for number in of]
    return bills.with_columns(
        pl.Series("relates_to_id", targets, dtype=pl.Int64),
        pl.Series("relation", [relation(link) if t else None for link, t in zip(links, targets, strict=True)],
                  dtype=pl.Int16),
        pl.Series("reason", [reason(policy, link, o) if t else ""
                             for link, o, t in zip(links, of, targets, strict=True)], dtype=pl.String),
        copy=pl.lit(0, pl.Int64),
    )  # fmt: skip


def _sign(desk: Desk, claimed: list[ClaimedBook], material: Material | None) -> None:
    """Write all that is numbered in claimed books, then sign a book at a time; a pack a book.

    Files first, then their rows, for all the books at once: a statement costs as much as ten rows of it.
    """
    written = _written(desk, claimed, material) if material is not None and claimed else []
    at = timezone.localtime()
    earlier = signing.packs_of_books(desk.write, batch_books=[book.id for book in claimed])
    kept = [
        _keep(desk, book, part, at, earlier.get(book.id, 0) + count)
        for book in claimed
        for count, part in enumerate(
            (one for one in written if one.book_id == book.book_id and one.drafts), 1
        )
    ]
    if kept:
        _note(desk, kept, at)
    mark_done(desk.write, books=[(book, *_sums(written, book)) for book in claimed], at=at)
    for book in claimed:
        if refused := [why for part in written if part.book_id == book.book_id for why in part.refused]:
            mark_partly_failed(desk.write, book=book, problem="; ".join(refused))


def _sums(written: list[Written], book: ClaimedBook) -> tuple[int, int]:
    """Return how many invoices of a book were written, and their total."""
    mine = [part for part in written if part.book_id == book.book_id]
    return sum(part.rows.height for part in mine), sum(int(part.rows["total"].sum()) for part in mine)


@dataclass(frozen=True)
class Written:
    """A book's invoices of one series, written; `refused` says which could not be."""

    book_id: int
    rows: pl.DataFrame
    drafts: Drafts | None
    refused: list[str]


def _written(desk: Desk, claimed: list[ClaimedBook], material: Material) -> list[Written]:
    """Write what is numbered in claimed books: all books of a series at once."""
    rows = _numbered_rows(desk, material)
    rows = rows.filter(pl.col("book_id").is_in([book.book_id for book in claimed]))
    found = []
    for of_series in rows.partition_by("series_id", maintain_order=True):
        good, drafts, refused = _drafts(desk, of_series, material)
        places = good.select("book_id").with_row_index("place")
        for (book_id,), part in places.group_by("book_id", maintain_order=True):
            mine = part["place"]
            found.append(Written(int(str(book_id)), good[mine], drafts.take(mine) if drafts else None, []))
        found += [Written(book_id, good.clear(), None, [why]) for book_id, why in refused]
    return found


def _numbered_rows(desk: Desk, material: Material) -> pl.DataFrame:
    bills = material.bills
    low, high = int(bills["bill_id"].min()), int(bills["bill_id"].max())  # type: ignore[arg-type]
    unsigned = signing.unsigned(desk.read, low=low, high=high)
    return bills.join(unsigned, on="bill_id", how="inner", maintain_order="left")


def _drafts(
    desk: Desk, rows: pl.DataFrame, material: Material
) -> tuple[pl.DataFrame, Drafts | None, list[tuple[int, str]]]:
    """Write the invoices of rows; those whose data went wrong since they were numbered are named and left numbered."""
    bad = {
        found["bill_id"]: f"{found['element']}: {found['problem']} {found['remedy']}"
        for found in _among(material.hindered, rows)
    }
    lines = material.lines
    if not bad:
        return rows, desk.shaper.drafts(rows, lines), []
    wrong = pl.col("bill_id").is_in(list(bad))
    refused = [
        (row["book_id"], f"{row['series']}-{row['number']}: {bad[row['bill_id']]}")
        for row in rows.filter(wrong).iter_rows(named=True)
    ]
    good = rows.filter(~wrong)
    return good, desk.shaper.drafts(good, lines) if good.height else None, refused


@dataclass(frozen=True)
class KeptPack:
    """A pack that is on disk, and what its rows will say: where each invoice is, and its hash."""

    pack: signing.NewPack
    kept: files.Kept
    ids: list[int]
    hashes: list[bytes]
    positions: list[int]
    sizes: list[int]


def _keep(desk: Desk, book: ClaimedBook, part: Written, at: datetime, nth: int) -> KeptPack:
    """Sign a book's invoices of one series and keep them as its nth pack on disk."""
    rows, period, series = part.rows, f"{desk.job.period:%Y-%m}", part.rows["series"][0]
    made, hashes = Packer(), list[bytes]()
    kept = files.keep(_signed(part, at, made, hashes))
    new = signing.NewPack(
        batch_book_id=book.id, series_id=int(rows["series_id"][0]), sha256=kept.sha256,
        name=f"{period}/{series}/{book.code}-{nth}.zip", invoices=len(hashes), size=kept.size,
        first=int(rows["id"][0]), last=int(rows["id"][-1]),
    )  # fmt: skip
    return KeptPack(new, kept, rows["id"].to_list(), hashes, made.positions, made.sizes)


def _signed(part: Written, at: datetime, pack: Packer, hashes: list[bytes]) -> Iterator[bytes]:
    """Sign a book's invoices and yield its pack, some invoices at a time; `hashes` takes the hash of each file."""
    assert part.drafts is not None
    signer, series = operations.signer(), part.rows["series"][0]
    for start in range(0, part.rows.height, _CHUNK):
        signed = sign_batch(part.drafts.part(start, start + _CHUNK), signer, at=at)
        numbers = part.rows["number"][start : start + _CHUNK].to_list()
        hashes += [sha256(file).digest() for file in signed]
        yield pack.add([f"{series}-{number:08d}.xml" for number in numbers], signed)
    yield pack.end()


def _note(desk: Desk, kept: list[KeptPack], at: datetime) -> None:
    """Write the rows of packs that are on disk, and where each invoice is in them."""
    with transaction():
        files.record_many(
            kept=[(one.kept, one.pack.name) for one in kept], media_type="application/zip", purpose="invoices"
        )
    numbers = signing.add_packs(desk.write, packs=[one.pack for one in kept], at=at)
    signing.mark_signed(
        desk.write, at=at, ids=[n for one in kept for n in one.ids], hashes=[h for one in kept for h in one.hashes],
        packs=[number for one, number in zip(kept, numbers, strict=True) for _ in one.ids],
        positions=[n for one in kept for n in one.positions], sizes=[n for one in kept for n in one.sizes],
    )  # fmt: skip


def main() -> None:
    """Work as a process of its own: the job comes on standard input, the exit code says how it went."""
    be_helper(lambda job, orphaned: work(Job.from_json(job), orphaned=orphaned))
