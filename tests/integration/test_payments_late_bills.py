"""What is open is looked for from the oldest open month on; a bill issued late is found all the same."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction

from tests.factories.customers import make_place
from tests.factories.payments import AT, Debtor, account_balance, make_bill, make_debtor
from thapsang.domain.payments import queries
from thapsang.domain.payments.queries import dues
from thapsang.domain.payments.types import IdempotencyKey, Settled
from thapsang.journeys import pay_bill
from thapsang.kit.db.place import libpq_url

MONTH = 10**10


def pay(debtor: Debtor, amount: int, key: str) -> Settled:
    """Confirm a payment as a bank does."""
    return pay_bill.confirm_bank_payment(
        key=IdempotencyKey("bank-a", key, hashlib.sha256(key.encode()).digest()), provider_reference=f"FT-{key}",
        amount=amount, paid_at=AT, at=AT + timedelta(seconds=5), customer_code=debtor.code,
    ).settled  # fmt: skip


def one(sql: str, *values: object) -> object:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        row = cursor.fetchone()
        return row[0] if row else None


def paid_below(receipt: str) -> object:
    return one("SELECT paid_below FROM payments_payment WHERE receipt_code = %s", receipt)


def plan(customer_id: int) -> str:
    """How PostgreSQL looks for what this customer owes."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF) {dues._DUES}", {"customer": customer_id})
        return "\n".join(row[0] for row in cursor.fetchall())


@pytest.mark.django_db
def test_a_payment_says_below_which_month_all_is_paid() -> None:
    debtor = make_debtor(10_000, 20_000, 30_000)
    months = [bill // MONTH * MONTH for bill in debtor.bills]
    assert paid_below(pay(debtor, 4_000, "a").receipt_code) == months[0]
    assert paid_below(pay(debtor, 6_000, "b").receipt_code) == months[1]
    assert paid_below(pay(debtor, 25_000, "c").receipt_code) == months[2]
    assert paid_below(pay(debtor, 40_000, "d").receipt_code) == months[2], "the newest bill it paid"
    assert paid_below(pay(debtor, 1_000, "e").receipt_code) == months[2], "nothing was open"


@pytest.mark.django_db
def test_months_that_are_paid_are_not_looked_into() -> None:
    debtor = make_debtor(10_000, 20_000, 30_000)
    pay(debtor, 30_000, "a")
    seen = [line for line in plan(debtor.id).splitlines() if "on billing_bill_2608" in line]
    assert seen
    assert all("never executed" in line for line in seen)
    assert [due.open for due in queries.outstanding(customer_id=debtor.id).dues] == [30_000]


@pytest.mark.django_db
def test_a_late_bill_is_owed_and_paid() -> None:
    place = make_place()
    debtor = make_debtor(10_000, serial=1, place=place)
    other = make_debtor(50_000, serial=2, place=place)
    pay(debtor, 10_000, "a")
    late = make_bill(debtor.supplied, date(2026, 7, 1), 7_000)
    assert one("SELECT count(*) FROM payments_latebill") == 1
    assert [(d.bill_id, d.open) for d in queries.outstanding(customer_id=debtor.id).dues] == [(late, 7_000)]
    assert pay(other, 50_000, "b").allocations == ((other.bills[0], 50_000),)
    settled = pay(debtor, 5_000, "c")
    assert settled.allocations == ((late, 5_000),)
    assert paid_below(settled.receipt_code) == debtor.bills[0] // MONTH * MONTH, "never goes back"
    assert pay(debtor, 5_000, "d").allocations == ((late, 2_000),)
    assert account_balance(debtor) == -3_000
    assert queries.outstanding(customer_id=debtor.id).credit == 3_000


@pytest.mark.django_db
def test_a_late_bill_of_one_who_never_paid_is_counted_once() -> None:
    debtor = make_debtor(10_000)
    late = make_bill(debtor.supplied, date(2026, 7, 1), 7_000)
    owed = queries.outstanding(customer_id=debtor.id).dues
    assert [due.bill_id for due in owed] == [late, debtor.bills[0]]
    assert pay(debtor, 20_000, "a").credit == 3_000


@pytest.mark.django_db
def test_credit_pays_a_late_bill() -> None:
    debtor = make_debtor(10_000)
    pay(debtor, 18_000, "a")
    make_bill(debtor.supplied, date(2026, 7, 1), 7_000)
    assert queries.outstanding(customer_id=debtor.id).owed == 0
    with pytest.raises(pay_bill.NothingOwedError):
        pay_bill.start_payment(customer_code=debtor.code, method="vietqr", at=AT)
    assert queries.outstanding(customer_id=debtor.id).dues == ()


@pytest.mark.django_db
def test_every_month_is_watched_and_late_bills_are_kept() -> None:
    debtor = make_debtor(10_000, 20_000)
    assert one("SELECT count(*) FROM payments_latebill") == 0
    watched = """SELECT count(*) FROM pg_inherits i WHERE inhparent = 'billing_bill'::regclass AND NOT EXISTS (
        SELECT FROM pg_trigger WHERE tgrelid = inhrelid AND tgname = 'late_bills_noted' AND tgenabled = 'O')"""
    assert one(watched) == 0
    make_bill(debtor.supplied, date(2026, 7, 1), 7_000)
    with pytest.raises(IntegrityError), transaction.atomic():
        one("DELETE FROM payments_latebill RETURNING 1")


@pytest.mark.django_db(transaction=True)
def test_a_run_begins_when_bills_of_earlier_months_are_committed() -> None:
    """Else a bill of September could come, unseen, after a payment has seen October's."""
    make_debtor(10_000)
    begin = (
        "INSERT INTO billing_billrun (period, status, policy_version_id, started_at, totals)"
        " SELECT '2026-11-01', 'running', id, now(), '{}' FROM tariffs_policyversion"
    )
    with psycopg.connect(libpq_url(connection.settings_dict)) as other:
        other.execute("SET lock_timeout = '300ms'")
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO billing_bill SELECT * FROM billing_bill WHERE false")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute(begin)
            other.rollback()
        other.execute(begin)
        other.rollback()
