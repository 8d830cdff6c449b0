"""Issuing a month's e-invoices: numbers, signed files, packs, obstacles, corrections."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from tests.factories import billing as world
from tests.factories import invoices as made
from tests.factories.invoices import OCTOBER, one, rows
from thapsang.domain.invoices import operations, queries
from thapsang.engines.einvoice import validate, verify
from thapsang.journeys import issue_invoices
from thapsang.journeys.issue_invoices import worker
from thapsang.kit.files import operations as files

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _files_of_its_own(settings: Any, tmp_path: Path) -> None:
    settings.FILES = tmp_path / "files"


def issue(**words: Any) -> issue_invoices.Outcome:
    return issue_invoices.start(period=OCTOBER, workers=1, at=world.AT, **words)


def file_of(view: Any) -> bytes:
    with files.open_file(sha256=view.pack_sha256) as stream:
        stream.seek(view.position)
        return bytes(stream.read(view.size))


def test_every_bill_with_an_amount_gets_one_signed_invoice() -> None:
    made.billed(books=2, points=3)
    outcome = issue()
    assert (outcome.progress.status, outcome.new_invoices) == ("finished", 4)
    trusted = [operations.signer().certificate]
    for (number,) in rows("SELECT id FROM invoices_invoice ORDER BY number"):
        view = queries.invoice(invoice_id=number)
        assert view is not None
        content = file_of(view)
        assert validate(content) == []
        verdict = verify(content, trusted=trusted)[0]
        assert verdict.genuine, verdict
        assert f"<SHDon>{view.number}</SHDon>".encode() in content
        assert f"<TgTTTBSo>{view.total}</TgTTTBSo>".encode() in content
    assert rows("SELECT number FROM invoices_invoice ORDER BY number") == [(1,), (2,), (3,), (4,)]
    assert one("SELECT next_number FROM invoices_series") == 5
    kinds = rows("SELECT kind, count(*)::int FROM invoices_invoiceevent GROUP BY 1 ORDER BY 1")
    assert kinds == [("numbered", 4), ("signed", 4)]


def test_a_pack_is_a_zip_anybody_can_open() -> None:
    made.billed(books=1, points=3)
    issue()
    (pack,) = queries.packs(period=OCTOBER)
    with files.open_file(sha256=pack.sha256) as stream:
        archive = zipfile.ZipFile(io.BytesIO(stream.read()))
    assert archive.testzip() is None
    assert archive.namelist() == ["C26TNA-00000001.xml", "C26TNA-00000002.xml"]
    views = [queries.invoice_named(name=f"1C26TNA-{n}") for n in (1, 2)]
    assert [archive.read(name) for name in archive.namelist()] == [file_of(view) for view in views]


def test_a_second_start_changes_nothing() -> None:
    made.billed()
    issue()
    before = rows("SELECT id, number, sha256, steps FROM invoices_invoice ORDER BY id")
    again = issue()
    assert again.nothing_to_do
    assert again.new_invoices == 0
    assert rows("SELECT id, number, sha256, steps FROM invoices_invoice ORDER BY id") == before


def test_an_unfinished_month_has_no_invoices() -> None:
    with pytest.raises(issue_invoices.NotBilledError, match="bills run --period 2026-10"):
        issue()


def test_a_bill_that_cannot_have_an_invoice_takes_no_number_and_says_why() -> None:
    made.billed(books=1, points=4)
    customer = one("SELECT min(customer_id) FROM billing_bill WHERE net <> 0")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE customers_customer SET tax_code = '0100100080' WHERE id = %s", [customer])
    outcome = issue()
    assert outcome.new_invoices == 2
    (found,) = queries.obstacles(period=OCTOBER)
    assert found.element == "NMua/MST"
    assert "tax code" in found.remedy
    assert "0100100080" not in found.problem + found.remedy
    assert one("SELECT max(number) FROM invoices_invoice") == 2
    with connection.cursor() as cursor:
        cursor.execute("UPDATE customers_customer SET tax_code = '0100100079' WHERE id = %s", [customer])
    mended = issue()
    assert (mended.new_invoices, mended.progress.obstacles) == (1, 0)
    assert b"<MST>0100100079</MST>" in file_of(queries.invoice_named(name="1C26TNA-3"))


def test_no_number_is_taken_without_a_key_that_may_sign() -> None:
    from thapsang.config.ports import seller_key
    from thapsang.domain.invoices.types import NoKeyError

    def broken() -> Any:
        raise NoKeyError("no key")

    made.billed(books=1, points=2)
    operations.use_key(broken)
    try:
        with pytest.raises(NoKeyError):
            issue()
    finally:
        operations.use_key(seller_key)
    assert one("SELECT count(*) FROM invoices_series") == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE invoices_invoice SET number = number + 100",
        "UPDATE invoices_invoice SET net = net + 1, total = total + 1",
        "UPDATE invoices_invoice SET status = 'accepted', steps = steps + 1",
        "UPDATE invoices_invoice SET status = 'numbered', steps = steps + 1",
        "UPDATE invoices_invoice SET sha256 = '\\x00'",
        "DELETE FROM invoices_invoice",
        "DELETE FROM invoices_invoiceevent",
        "UPDATE invoices_invoiceevent SET kind = 'accepted'",
        "UPDATE invoices_series SET next_number = next_number + 1",
        "UPDATE invoices_series SET next_number = next_number - 1",
        "DELETE FROM invoices_series",
        "DELETE FROM invoices_pack",
        "UPDATE invoices_pack SET id = id + 1000",
        "UPDATE invoices_invoice SET message_id = 999999",
        "UPDATE invoices_invoice SET look_up_code = 'U' || substr(look_up_code, 2)",
    ],
)
def test_the_database_refuses_what_would_make_a_hole_or_change_an_invoice(statement: str) -> None:
    made.billed(books=1, points=2)
    issue()
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_an_invoice_of_other_amounts_than_its_bill_is_refused() -> None:
    made.billed(books=1, points=3)
    issue()
    copied = (
        "INSERT INTO invoices_invoice (id, series_id, number, bill_id, customer_id, issued_on, net, vat, total, "
        "look_up_code, status, steps, relation, relates_to_id, reason, authority_code, rejection) "
        "SELECT id + 1, series_id, 3, bill_id, customer_id, issued_on, net {change}, vat, total {change}, "
        "'000000000000', 'numbered', 1, 1, id, '', '', '' FROM invoices_invoice WHERE number = 1"
    )
    take = "UPDATE invoices_series SET next_number = next_number + 1"
    with pytest.raises(IntegrityError, match="other amounts"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(take)
            cursor.execute(copied.format(change="+ 1"))
    with pytest.raises(IntegrityError, match="was not rejected"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(take)
            cursor.execute(copied.format(change=""))


def test_an_invoice_is_not_signed_into_a_pack_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    made.billed(books=1, points=3)

    def broken(*_: Any) -> None:
        raise RuntimeError("the token is gone")

    monkeypatch.setattr(worker, "_sign", broken)
    with pytest.raises(issue_invoices.IssueFailedError, match="the token is gone"):
        issue()
    sign = (
        "UPDATE invoices_invoice SET status = 'signed', steps = steps + 1, signed_at = now(), position = 0, size = 1, "
        "sha256 = decode(repeat('00', 32), 'hex'), pack_id = 4711"
    )
    with pytest.raises(IntegrityError, match="pack does not exist"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(sign)
    monkeypatch.undo()
    issue()
    assert rows("SELECT DISTINCT status FROM invoices_invoice") == [("signed",)]


def test_a_message_that_invoices_name_stays() -> None:
    made.billed(books=1, points=3)
    issue()
    with transaction.atomic():
        count = operations.make_message(code="VTEST", most=10, at=world.AT)
    assert count == 2
    for statement in ("DELETE FROM invoices_message", "UPDATE invoices_message SET id = id + 1"):
        with pytest.raises(IntegrityError, match="invoices name it"), transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(statement)


def test_days_do_not_go_back_within_a_series() -> None:
    world_made = made.billed(books=1, points=2)
    issue()
    assert world_made
    late = world.metered_point(
        world.metering.model("network.ReadingBook").objects.get(pk=next(iter(world_made.points))), 100
    )
    assert late
    from thapsang.journeys import run_billing

    run_billing.start(period=OCTOBER, workers=1, at=world.AT)
    with pytest.raises(issue_invoices.IssueFailedError, match="days do not go back"):
        issue_invoices.start(period=OCTOBER, workers=1, at=world.AT - timedelta(days=1))
    assert issue().new_invoices == 1
