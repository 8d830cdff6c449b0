"""A final bill opens its month before the run of the month before: only who has it may owe late bills."""

from __future__ import annotations

import datetime as dt
import hashlib
import threading

import psycopg
import pytest
from django.db import connection

from tests.factories import billing as world
from tests.factories import metering as make
from tests.integration import test_close_supply as leaving
from thapsang.domain.billing.types import bill_id
from thapsang.domain.ledger import operations as accounts
from thapsang.domain.payments import queries
from thapsang.domain.payments.types import IdempotencyKey
from thapsang.journeys import pay_bill, run_billing
from thapsang.kit.bulk.copy import url
from thapsang.kit.db.transactions import transaction

pytestmark = pytest.mark.django_db(transaction=True)
OCTOBER, AT = world.OCTOBER, world.AT


def late() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT bill_id FROM payments_latebill ORDER BY 1")
        return [row[0] for row in cursor.fetchall()]


def owner(point: int) -> int:
    return int(
        leaving.one("SELECT customer_id FROM customers_supplyagreement WHERE supply_point_id = %s", point)
    )


def open_november(point: int) -> int:
    """End the point's agreement on 5 November, before October is billed."""
    closed = leaving.leave(point, 1350, on=dt.date(2026, 11, 5))
    assert closed.bill_id is not None
    return closed.bill_id


def pay_all(point: int) -> None:
    customer = owner(point)
    with transaction():
        accounts.open_account(chart="112", code="112")
    code = str(leaving.one("SELECT code FROM customers_customer WHERE id = %s", customer))
    pay_bill.confirm_bank_payment(
        key=IdempotencyKey("bank-a", code, hashlib.sha256(code.encode()).digest()), provider_reference=f"FT-{code}",
        amount=queries.outstanding(customer_id=customer).open, paid_at=AT, at=AT + dt.timedelta(seconds=5),
        customer_code=code,
    )  # fmt: skip


def test_who_paid_a_final_bill_still_owes_the_month_before() -> None:
    book = make.book()
    gone = world.metered_point(book, 300)
    others = [world.metered_point(book, 100 + n) for n in range(5)]
    final = open_november(gone)
    pay_all(gone)
    run_billing.start(period=OCTOBER, workers=1, at=AT)
    october = bill_id(OCTOBER, gone)
    assert late() == [october]
    dues = [due.bill_id for due in queries.outstanding(customer_id=owner(gone)).dues]
    assert dues == [october] and final not in dues
    for point in others:
        assert [d.bill_id for d in queries.outstanding(customer_id=owner(point)).dues] == [
            bill_id(OCTOBER, point)
        ]
    report = run_billing.check(period=OCTOBER)
    assert report.sound, report.violations


def test_a_final_bill_waits_for_those_who_write_bills() -> None:
    book = make.book()
    gone = world.metered_point(book, 300)
    run_billing.start(period=OCTOBER, workers=1, at=AT)
    with psycopg.connect(url()) as writer:
        writer.execute("SELECT pg_advisory_xact_lock_shared(7412)")
        began = threading.Event()

        def close() -> None:
            began.set()
            open_november(gone)
            connection.close()

        thread = threading.Thread(target=close)
        thread.start()
        began.wait()
        thread.join(timeout=3)
        assert thread.is_alive()
        writer.commit()
        thread.join(timeout=60)
        assert not thread.is_alive()
    assert late() == []
