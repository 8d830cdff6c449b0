"""Invoices of correcting bills: adjusting ones name the earlier invoice, replacing ones stand in its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from tests.factories import billing as world
from tests.factories import invoices as made
from tests.factories.invoices import OCTOBER, rows
from thapsang.config import ports
from thapsang.domain.invoices import operations, queries
from thapsang.engines.einvoice import validate, verify
from thapsang.journeys import issue_invoices, show_invoice

pytestmark = pytest.mark.django_db(transaction=True)

BILL = """
INSERT INTO billing_bill (id, run_id, supply_point_id, customer_id, agreement_id, category, household_quarters, start,
    "end", kwh, kvarh, estimated, net, vat_rate, vat, total, issued_on, due_on)
SELECT id + {step}, run_id, supply_point_id, customer_id, agreement_id, category, household_quarters, start, "end",
    {kwh}, kvarh, estimated, {net}, vat_rate, {vat}, {net} + {vat}, issued_on, due_on FROM billing_bill WHERE id = {id}
"""
LINE = """
INSERT INTO billing_billline (bill_id, line_no, kind, tier, band, kwh, price, amount, start, "end", reference)
SELECT {id} + {step}, 1, 'tier', 1, '', {kwh}, 0, {net}, start, "end", reference FROM billing_billline
WHERE bill_id = {id} AND line_no = 1
"""
LINK = "INSERT INTO billing_billlink (bill_id, of_bill_id, kind, origin) "
LINK += "VALUES ({id} + {step}, {id}, '{kind}', 'test:1')"


@pytest.fixture(autouse=True)
def _files_of_its_own(settings: Any, tmp_path: Path) -> None:
    settings.FILES = tmp_path / "files"
    operations.use_key(ports.seller_key)


def issue() -> int:
    return issue_invoices.start(period=OCTOBER, workers=1, at=world.AT).new_invoices


def later_bill(number: int, step: int, kind: str, *, kwh: int, net: int, vat: int) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in (BILL, LINE, LINK):
            cursor.execute(statement.format(id=number, step=step, kind=kind, kwh=kwh, net=net, vat=vat))


def bills() -> list[tuple[int, int, int, int]]:
    return rows("SELECT id, kwh, net, vat FROM billing_bill WHERE net <> 0 AND id % 10 = 0 ORDER BY id")


def test_an_adjusting_bill_has_an_invoice_that_names_the_earlier_one() -> None:
    made.billed(books=1, points=3)
    assert issue() == 2
    number = bills()[0][0]
    later_bill(number, 1, "adjusts", kwh=-10, net=-20_000, vat=-1_600)
    assert issue() == 1
    view = queries.invoice_named(name="1C26TNA-3")
    first = queries.invoices_of_bills(bill_ids=[number])[number]
    assert view is not None and (view.relation, view.relates_to, view.total) == (2, first.id, -21_600)
    content = show_invoice.invoice_file(view=view)
    assert b"<TCHDon>2</TCHDon>" in content
    assert f"<SHDCLQuan>{first.number}</SHDCLQuan>".encode() in content
    assert validate(content) == []
    assert verify(content, trusted=[operations.signer().certificate])[0].genuine
    assert [one.id for one in queries.newer(invoice_id=first.id)] == [view.id]


def test_a_replaced_bill_has_one_invoice_for_it_and_none_for_the_cancelling_bill() -> None:
    made.billed(books=1, points=3)
    assert issue() == 2
    number, kwh, net, vat = bills()[0]
    later_bill(number, 1, "cancels", kwh=-kwh, net=-net, vat=-vat)
    later_bill(number, 2, "replaces", kwh=30, net=60_000, vat=4_800)
    assert issue() == 1
    view = queries.invoice_named(name="1C26TNA-3")
    assert view is not None and (view.relation, view.bill_id, view.total) == (1, number + 2, 64_800)
    assert issue() == 0


def test_a_bill_cancelled_before_it_had_an_invoice_gets_none() -> None:
    made.billed(books=1, points=3)
    number, kwh, net, vat = bills()[0]
    later_bill(number, 1, "cancels", kwh=-kwh, net=-net, vat=-vat)
    later_bill(number, 2, "replaces", kwh=30, net=60_000, vat=4_800)
    assert issue() == 2
    found = rows("SELECT bill_id, relation FROM invoices_invoice ORDER BY bill_id")
    assert (number + 2, None) in found and number not in [bill for bill, _ in found]
