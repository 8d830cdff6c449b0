"""A month for the printer: zips by book, whole also after a real kill -9, left alone when nothing changed."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from tests.factories import billing as world
from tests.factories import invoices as made
from tests.factories.invoices import OCTOBER, rows
from tests.factories.staff import make_staff, signed_in
from thapsang.config import ports
from thapsang.domain.billing.types import bill_code
from thapsang.domain.invoices import operations
from thapsang.domain.network.queries import books as reading_books
from thapsang.engines.einvoice import verify
from thapsang.journeys import deliver_bills, issue_invoices
from thapsang.journeys.deliver_bills import archiving
from thapsang.kit.bulk.copy import url
from thapsang.kit.bulk.sharing import helpers
from thapsang.kit.identity.access import Audience

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _files_of_its_own(settings: Any, tmp_path: Path) -> None:
    settings.FILES = tmp_path / "files"
    operations.use_key(ports.seller_key)


def archive(folder: Path, **words: Any) -> deliver_bills.Archived:
    return deliver_bills.archive(period=OCTOBER, folder=folder, workers=1, **words)


def zips(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "2026-10").glob("*.zip"))}


def index_of(pack: zipfile.ZipFile) -> list[dict[str, str]]:
    name = next(name for name in pack.namelist() if name.endswith(".csv"))
    return list(csv.DictReader(io.StringIO(pack.read(name).decode())))


def test_a_book_is_one_pdf_an_index_and_the_signed_invoices(tmp_path: Path) -> None:
    made.billed(books=2, points=4)
    issue_invoices.start(period=OCTOBER, workers=1, at=world.AT)
    done = archive(tmp_path)
    assert (done.books, done.done, done.bills, done.made) == (2, 2, 6, 2)
    trusted = [operations.signer().certificate]
    billed = {bill_code(n): total for n, total in rows("SELECT id, total FROM billing_bill WHERE net <> 0")}
    seen = set()
    for content in zips(tmp_path).values():
        pack = zipfile.ZipFile(io.BytesIO(content))
        index = index_of(pack)
        reader = PdfReader(io.BytesIO(pack.read(index[0]["file"])))
        assert len(reader.pages) == sum(int(row["pages"]) for row in index)
        assert [int(row["place"]) for row in index] == list(range(1, len(index) + 1))
        for row in index:
            text = reader.pages[int(row["first_page"]) - 1].extract_text().replace("\u00a0", " ")
            assert row["bill"] in text and row["customer"] in text
            assert f"{billed[row['bill']]:,} đ".replace(",", ".") in text
            verdict = verify(pack.read(f"hoa-don/{row['invoice']}.xml"), trusted=trusted)[0]
            assert verdict.genuine
            seen.add(row["bill"])
    assert seen == set(billed)


def test_it_is_pdf_a_with_its_fonts_inside(tmp_path: Path) -> None:
    made.billed(books=1, points=3)
    archive(tmp_path)
    (content,) = zips(tmp_path).values()
    pack = zipfile.ZipFile(io.BytesIO(content))
    reader = PdfReader(io.BytesIO(pack.read(index_of(pack)[0]["file"])))
    about = reader.trailer["/Root"]["/Metadata"].get_data().decode()
    assert "<pdfaid:part>2</pdfaid:part>" in about and "<pdfaid:conformance>B</pdfaid:conformance>" in about
    fonts = reader.pages[0]["/Resources"]["/Font"]
    for font in fonts.values():
        inner = font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
        assert {"/FontFile2", "/FontFile3"} & set(inner)


def test_again_changes_nothing_and_invoices_issued_since_come_in(tmp_path: Path) -> None:
    made.billed(books=2, points=3)
    assert archive(tmp_path).made == 2
    before = zips(tmp_path)
    time.sleep(0.02)
    assert archive(tmp_path).made == 0
    assert zips(tmp_path) == before
    issue_invoices.start(period=OCTOBER, workers=1, at=world.AT)
    assert archive(tmp_path).made == 2
    after = zips(tmp_path)
    assert after.keys() == before.keys() and all(after[name] != before[name] for name in before)


def test_two_processes_share_the_books_and_write_the_same(tmp_path: Path, capfd: Any) -> None:
    made.billed(books=6, points=3)
    folder = tmp_path / "two"
    assert deliver_bills.archive(period=OCTOBER, folder=folder, workers=2).made == 6
    assert "Traceback" not in capfd.readouterr().err
    helped = deliver_bills.archive(period=OCTOBER, folder=folder, workers=2)
    assert (helped.done, helped.made) == (6, 0)


def test_a_helper_alone_archives_every_book_of_its_starters_database(tmp_path: Path) -> None:
    made.billed(books=3, points=2)
    month = tmp_path / "2026-10"
    (month / archiving._LOCKS).mkdir(parents=True)
    codes = [book.code for book in reading_books()]
    job = archiving._Job(OCTOBER, str(month), codes, url())
    with helpers(archiving.__name__, job.written(), count=1) as (helper,):
        assert helper.wait() == 0
    assert sorted(path.stem for path in month.glob("*.zip")) == sorted(codes)


def test_one_book_and_unknown_books_and_a_month_not_billed(tmp_path: Path) -> None:
    made.billed(books=2, points=3)
    (code, _) = [row[0] for row in rows("SELECT code FROM network_readingbook ORDER BY id")]
    assert archive(tmp_path, books=[code]).books == 1
    assert list(zips(tmp_path)) == [f"{code}.zip"]
    with pytest.raises(deliver_bills.UnknownBookError, match="KHONG-CO"):
        archive(tmp_path, books=["KHONG-CO"])
    with pytest.raises(deliver_bills.NothingToArchiveError, match="bills run"):
        deliver_bills.archive(period=world.NOVEMBER, folder=tmp_path)


def start(folder: Path, settings: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "thapsang.interfaces.cli.main", "invoices", "archive", "--period", "2026-10",
         "--to", str(folder), "--json"],
        text=True, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "DATABASE_URL": url(), "THAPSANG_FILES": str(settings.FILES)},
    )  # fmt: skip


@pytest.mark.slow
def test_killed_it_leaves_whole_archives_only_and_the_next_start_goes_on(
    settings: Any, tmp_path: Path
) -> None:
    bills = made.billed_big(books=12, points=1_200)
    for share in (2, 5):
        process = start(tmp_path, settings)
        deadline = time.monotonic() + 60
        while len(zips(tmp_path)) < share and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        whole = [zipfile.ZipFile(io.BytesIO(content)) for content in zips(tmp_path).values()]
        assert share <= len(whole) < 12
        assert all(pack.testzip() is None and index_of(pack) for pack in whole)
    process = start(tmp_path, settings)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert json.loads(output) | {"made": 0, "pages": 0} == {
        "books": 12, "done": 12, "made": 0, "bills": bills, "pages": 0,
    }  # fmt: skip
    assert not list((tmp_path / "2026-10").glob(".partial-*"))
    codes = [
        row["bill"]
        for content in zips(tmp_path).values()
        for row in index_of(zipfile.ZipFile(io.BytesIO(content)))
    ]
    assert len(codes) == len(set(codes)) == bills


def test_the_desk_hands_a_book_out_and_says_who_took_it(tmp_path: Path) -> None:
    made.billed(books=1, points=3)
    issue_invoices.start(period=OCTOBER, workers=1, at=world.AT)
    ((code,),) = rows("SELECT code FROM network_readingbook")
    officer = signed_in(make_staff(Audience.BILLING))
    answer = officer.get(f"/console/invoices/2026-10/books/{code}/")
    pack = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))  # type: ignore[attr-defined]
    assert len(index_of(pack)) == 2 and pack.testzip() is None
    assert f"invoice-archive:2026-10/{code}" in [
        row[0] for row in rows("SELECT subject FROM audit_auditentry")
    ]
    assert officer.get("/console/invoices/2026-10/books/KHONG-CO/").status_code == 404
