"""Customer, journal and payment of what is received are proved for whole statements, few rows or many."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from django.db import IntegrityError, connection, transaction

from tests.factories import billing as world
from tests.factories import customers as people
from thapsang.domain.ledger import bulk as ledger
from thapsang.journeys import run_billing
from thapsang.kit.bulk.copy import copy_rows, url

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 300


@pytest.fixture
def journal() -> int:
    """A billed month of 400 points, and a journal for payments."""
    world.big_world(books=4, points=400)
    run_billing.start(period=world.OCTOBER, workers=1)
    with psycopg.connect(url()) as link:
        [number] = ledger.open_journals(
            link, kind="relief", references=["t"], business_date=dt.date(2026, 11, 3), at=world.AT
        )
        accounts = [row[0] for row in link.execute("SELECT id FROM ledger_account ORDER BY id LIMIT 2")]
        entries = {
            "journal_id": [number] * 2, "account_id": accounts, "amount": [5, -5],
            "document": pa.array([None, None], pa.int64()),
        }  # fmt: skip
        ledger.post_columns(link, pa.table(entries))
    return number


def customers() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM customers_customer ORDER BY id LIMIT %s", [MANY])
        return [row[0] for row in cursor.fetchall()]


def payments(owners: list[int], journal: int, **more: Any) -> pa.Table:
    count = len(owners)
    names = [str(10**6 + n) for n in range(count)]
    columns: dict[str, Any] = {
        "id": list(range(10**6, 10**6 + count)), "customer_id": owners, "channel": ["note"] * count,
        "provider": ["test"] * count, "provider_reference": names, "receipt_code": names, "amount": [100] * count,
        "journal_id": [journal] * count, "business_date": pa.array([dt.date(2026, 11, 3)] * count, pa.date32()),
        "paid_at": [0] * count, "received_at": [0] * count,
    }  # fmt: skip
    return pa.table({**columns, **more})


def brought(rows: pa.Table, shares: dict[str, list[int]] | None = None) -> None:
    with psycopg.connect(url()) as link:
        copy_rows(link, "payments_payment", rows)
        if shares:
            copy_rows(link, "payments_allocation", pa.table(shares))


@pytest.mark.parametrize("count", [1, MANY])
def test_customer_and_journal_exist(journal: int, count: int) -> None:
    owners = customers()[:count]
    for wrong, told in (
        (payments([*owners[:-1], 10**9 if count == 1 else owners[-1] + 1 + MANY * 4], journal), "customer"),
        (payments(owners, journal, journal_id=[*[journal] * (count - 1), 10**9]), "journal"),
    ):
        with pytest.raises(psycopg.errors.ForeignKeyViolation, match=f"its {told} does not exist"):
            brought(wrong)
    brought(payments(owners, journal))


@pytest.mark.parametrize("count", [1, MANY])
def test_a_payment_gives_what_it_brought_and_no_more(journal: int, count: int) -> None:
    rows = payments(customers()[:count], journal)
    numbers: list[int] = rows["id"].to_pylist()
    shares = {"payment_id": numbers, "bill_id": [7] * count, "amount": [100] * count}
    with pytest.raises(psycopg.IntegrityError, match=f"{10**6 + count - 1} is allocated beyond"):
        brought(rows, {**shares, "amount": [*[100] * (count - 1), 101]})
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match=f"number {numbers[-1] + 1} does not exist"):
        brought(rows, {**shares, "payment_id": [*numbers[:-1], numbers[-1] + 1]})
    brought(rows, shares)
    with pytest.raises(psycopg.IntegrityError, match="allocated beyond"), psycopg.connect(url()) as link:
        copy_rows(
            link, "payments_allocation", pa.table({**shares, "bill_id": [8] * count, "amount": [1] * count})
        )


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("DELETE FROM customers_customer WHERE id = (SELECT min(customer_id) FROM payments_payment)",
         "hangs on this customer"),
        ("TRUNCATE customers_customer CASCADE", "Customers who paid stay|never changed|is refused"),
        ("TRUNCATE payments_payment CASCADE", "TRUNCATE on .* is refused"),
        ("DELETE FROM payments_payment", "DELETE on payments_payment is refused"),
    ],
)  # fmt: skip
def test_who_paid_stays(journal: int, sql: str, told: str) -> None:
    brought(payments(customers()[:1], journal))
    with pytest.raises(IntegrityError, match=told), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_a_customer_nobody_paid_for_may_go() -> None:
    """Only payments are asked here: the other keys have their say at the end of the transaction."""
    place = people.make_place()
    one = people.make_supplied(place)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM customers_customer WHERE id = %s", [one.customer_id])
        transaction.set_rollback(True)
