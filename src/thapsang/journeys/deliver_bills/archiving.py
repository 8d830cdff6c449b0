"""A month for the printer: one zip a reading book, with its bills as one PDF, an index, and the signed invoices.

A zip is written aside and renamed when it is whole and on disk, so a folder holds whole archives only, also after
`kill -9`. Its comment says what it was made of: run again, what has not changed is not made again. Processes share
the books of a folder by locks that end with them.
"""

from __future__ import annotations

import contextlib
import csv
import fcntl
import hashlib
import io
import json
import os
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from django.conf import settings
from django.db import connection

from thapsang.domain.billing import bulk as billing
from thapsang.domain.billing import queries as bills
from thapsang.domain.billing.types import bill_code
from thapsang.domain.invoices.queries import invoices_of_bills
from thapsang.domain.invoices.queries.filed import invoice_files
from thapsang.domain.invoices.types import InvoicesError, InvoiceView
from thapsang.domain.network.queries import books as reading_books
from thapsang.domain.network.types import BookView
from thapsang.journeys.deliver_bills.sheets import Printed, Sheet, gather, printer
from thapsang.kit.bulk.copy import Link, bulk_connection, url
from thapsang.kit.bulk.sharing import be_helper, helpers
from thapsang.kit.db.place import django_database

PAGES_A_FILE = 1_000
"""Bills set in one compile, at most: a longer book has several PDFs."""
_ASIDE, _LOCKS = ".partial-", ".locks"
_COLUMNS = ("place", "bill", "customer", "invoice", "file", "first_page", "pages")
_PLACE_DATE = (1980, 1, 1, 0, 0, 0)
"""The time of every file in a zip: the same bills give the same bytes but for what signatures and PDF say."""


class NothingToArchiveError(InvoicesError):
    """The month has no finished bill run."""


class UnknownBookError(InvoicesError):
    """There is no such reading book."""


class ArchiveFailedError(RuntimeError):
    """Some books could not be archived; the message names them. The others are there."""


@dataclass(frozen=True)
class Archived:
    """How far a month's archive is: of `books`, `done` are there; `made` counts what this start wrote."""

    books: int
    done: int
    made: int
    bills: int
    pages: int


@dataclass(frozen=True)
class _Job:
    period: date
    folder: str
    books: list[str]
    url: str = ""
    """Of the database, for a helper; it may hold a password."""

    @classmethod
    def read(cls, text: str) -> _Job:
        plain = json.loads(text)
        return cls(date.fromisoformat(plain["period"]), plain["folder"], plain["books"], plain["url"])

    def written(self) -> str:
        return json.dumps(asdict(self), default=str)


def archive(
    *,
    period: date,
    folder: Path,
    books: Sequence[str] = (),
    workers: int = 2,
    progress: Callable[[Archived], None] | None = None,
) -> Archived:
    """Write the archives of a month's reading books (all, or those named by code) into `folder`/YYYY-MM.

    Stopped at any moment, the same call goes on; a second one in the same folder shares the work. A book whose
    bills and invoices are as they were is left as it is. Raises NothingToArchiveError, UnknownBookError,
    ArchiveFailedError, OSError.
    """
    run = bills.run(period=period)
    if run is None or run.status != "finished":
        raise NothingToArchiveError(
            f"{period:%Y-%m} is not billed to the end: finish `thapsang bills run --period {period:%Y-%m}` first."
        )
    wanted = reading_books(codes=list(books) or None)
    if missing := sorted(set(books) - {book.code for book in wanted}):
        raise UnknownBookError(f"There is no reading book {', '.join(missing)}: look at the code again.")
    target = folder / f"{period:%Y-%m}"
    (target / _LOCKS).mkdir(parents=True, exist_ok=True)
    _clear_aside(target)
    job = _Job(period, str(target), [book.code for book in wanted], url())
    began = time.time()
    with helpers(__name__, job.written(), count=min(workers - 1, len(wanted) // 2)) as beside:
        problems = _work(job, tell=_now_and_then(lambda: progress and progress(_counted(job, began))))
        problems += _wait(beside, job)
    done = _counted(job, began)
    if problems:
        raise ArchiveFailedError(f"{len(problems)} reading books are not archived: {'; '.join(problems[:5])}")
    return done


def _now_and_then(tell: Callable[[], object]) -> Callable[[], None]:
    """Call at most once a second and for a twentieth of the time: counting looks into every zip of the folder."""
    due = 0.0

    def called() -> None:
        nonlocal due
        now = time.monotonic()
        if now >= due:
            tell()
            after = time.monotonic()
            due = after + max(1.0, 20 * (after - now))

    return called


def _wait(beside: list[subprocess.Popen[str]], job: _Job) -> list[str]:
    """Wait for helpers; what one that died had in hand is done here."""
    failed = any(process.wait() for process in beside)
    return _work(job) if failed else []


def _work(
    job: _Job, *, tell: Callable[[], object] | None = None, orphaned: Callable[[], bool] | None = None
) -> list[str]:
    """Archive the job's books that nobody else holds; return what went wrong, a line a book."""
    problems, folder = list[str](), Path(job.folder)
    with bulk_connection() as link:
        for book in reading_books(codes=job.books):
            if orphaned and orphaned():
                break
            with _claimed(folder, book.code) as mine:
                if not mine:
                    continue
                try:
                    _archive_book(link, job.period, book, folder)
                except OSError:
                    raise  # The disk is full, or a pack is gone: no other book will fare better.
                except Exception as error:  # One book must not stop the others.
                    link.rollback()
                    problems.append(f"{book.code}: {type(error).__name__}: {error}")
            if tell:
                tell()
    return problems


@contextlib.contextmanager
def _claimed(folder: Path, code: str) -> Iterator[bool]:
    """Hold a book in this folder, unless another process does; a lock ends with its process."""
    with (folder / _LOCKS / code).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def archive_book(*, period: date, book: BookView, folder: Path) -> Path | None:
    """Write the archive of one reading book, unless it is there as it should be; return it, None without bills."""
    with bulk_connection() as link:
        return _archive_book(link, period, book, folder)


def _archive_book(link: Link, period: date, book: BookView, folder: Path) -> Path | None:
    points = billing.points_of_books(link, book_ids=[book.id]).column("point").to_pylist()
    sheets = gather(link, period=period, points=points, day=book.reading_day)
    link.rollback()  # Nothing is written: the connection waits outside a transaction while the book is set.
    target = folder / f"{book.code}.zip"
    if not sheets:
        return None
    invoices = invoices_of_bills(bill_ids=[sheet.detail.bill.id for sheet in sheets])
    stamp = _stamp(sheets, invoices)
    if _comment(target).get("stamp") == stamp:
        return target
    _write(target, book.code, sheets, invoices, stamp)
    return target


def _write(
    target: Path, code: str, sheets: list[Sheet], invoices: dict[int, InvoiceView], stamp: str
) -> None:
    aside = target.with_name(f"{_ASIDE}{code}")
    with aside.open("wb") as sink, zipfile.ZipFile(sink, "w") as pack:
        parts = [sheets[at : at + PAGES_A_FILE] for at in range(0, len(sheets), PAGES_A_FILE)]
        rows, pages = list[dict[str, object]](), 0
        for number, part in enumerate(parts, 1):
            name = f"{code}.pdf" if len(parts) == 1 else f"{code}-{number}.pdf"
            printed = printer()(part)
            _add(pack, name, printed.pdf, zipfile.ZIP_STORED)
            rows += _index(part, printed, invoices, name, len(rows))
            pages += sum(printed.pages)
        _add(pack, f"{code}.csv", _table(rows), zipfile.ZIP_DEFLATED)
        for view, content in invoice_files(views=list(invoices.values())):
            _add(pack, f"hoa-don/{view.name}.xml", content, zipfile.ZIP_DEFLATED)
        facts = {"stamp": stamp, "bills": len(sheets), "invoices": len(invoices), "pages": pages}
        pack.comment = json.dumps(facts).encode()
    _settle(aside, target)


def _settle(aside: Path, target: Path) -> None:
    """Make a whole file the archive, once it is on disk."""
    for path, flags in ((aside, os.O_RDONLY), (aside.parent, os.O_RDONLY)):
        if path == aside.parent:
            aside.replace(target)
        descriptor = os.open(path, flags)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _add(pack: zipfile.ZipFile, name: str, content: bytes, method: int) -> None:
    entry = zipfile.ZipInfo(name, _PLACE_DATE)
    entry.external_attr = 0o600 << 16
    pack.writestr(entry, content, method, compresslevel=1)


def _index(
    sheets: list[Sheet], printed: Printed, invoices: dict[int, InvoiceView], name: str, before: int
) -> Iterator[dict[str, object]]:
    page = 1
    for place, (sheet, count) in enumerate(zip(sheets, printed.pages, strict=True), before + 1):
        number = sheet.detail.bill.id
        invoice = invoices[number].name if number in invoices else ""
        values = (place, bill_code(number), sheet.customer_code, invoice, name, page, count)
        yield dict(zip(_COLUMNS, values, strict=True))
        page += count


def _table(rows: list[dict[str, object]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _stamp(sheets: list[Sheet], invoices: dict[int, InvoiceView]) -> str:
    """Return a hash of what an archive is made of: bills, their customers, invoices' files and codes, the template."""
    digest = hashlib.sha256(
        (Path(settings.POLICIES) / settings.DISTRIBUTOR / "templates" / "bill.typ").read_bytes()
    )
    for sheet in sheets:
        number = sheet.detail.bill.id
        view = invoices.get(number)
        facts = (
            number, sheet.detail.bill.total, sheet.name, sheet.address, [tuple(vars(m).values()) for m in sheet.usage],
            view and (view.sha256, view.authority_code),
        )  # fmt: skip
        digest.update(repr(facts).encode())
    return digest.hexdigest()


def _comment(path: Path) -> dict[str, object]:
    """Return what an archive says of itself; nothing when it is not there, or is no archive of ours."""
    try:
        with zipfile.ZipFile(path) as pack:
            found = json.loads(pack.comment)
    except (FileNotFoundError, zipfile.BadZipFile, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _clear_aside(folder: Path) -> None:
    """Delete what a process that was killed had begun to write; what another one is writing is locked."""
    for path in folder.glob(f"{_ASIDE}*"):
        with _claimed(folder, path.name.removeprefix(_ASIDE)) as free:
            if free:
                path.unlink(missing_ok=True)


def _counted(job: _Job, began: float) -> Archived:
    folder, found, made = Path(job.folder), list[dict[str, object]](), 0
    for code in job.books:
        path = folder / f"{code}.zip"
        if path.exists():
            found.append(_comment(path))
            made += path.stat().st_mtime >= began
    sums = [sum(int(str(one.get(name, 0))) for one in found) for name in ("bills", "pages")]
    return Archived(len(job.books), len(found), made, *sums)


def main() -> None:
    """Work as a process of its own: the job comes on standard input."""

    def work(text: str, orphaned: Callable[[], bool]) -> None:
        job = _Job.read(text)
        connection.settings_dict.update(django_database(job.url))  # the starter's: nothing is connected yet
        if _work(job, orphaned=orphaned):
            raise SystemExit(1)

    be_helper(work)
