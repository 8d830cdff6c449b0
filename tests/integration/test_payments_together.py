"""Payments that wait together are settled in one transaction, and each is answered as if it had come alone."""

from __future__ import annotations

import hashlib
import threading
import time
from datetime import timedelta

import pytest
from django.db import connection

from tests.factories.customers import make_place
from tests.factories.payments import AT, Debtor, account_balance, count, make_debtor
from thapsang.domain.payments import queries
from thapsang.domain.payments.operations import lock_payer
from thapsang.domain.payments.types import (
    AlreadyRecordedError,
    IdempotencyKey,
    KeyReusedError,
    PaymentError,
    UnknownCustomerError,
    UnknownReferenceError,
)
from thapsang.journeys import pay_bill
from thapsang.journeys.pay_bill import Confirmed
from thapsang.kit.db.transactions import transaction

pytestmark = pytest.mark.django_db(transaction=True)


def confirm(
    code: str, amount: int, key: str, *, body: str = "", reference: str = "", number: str = ""
) -> Confirmed | PaymentError:
    """Confirm as a bank does; `number` is the bank's own number of the transaction (the key's, if not given)."""
    digest = hashlib.sha256((body or key).encode()).digest()
    try:
        return pay_bill.confirm_bank_payment(
            key=IdempotencyKey("bank-a", key, digest), provider_reference=number or f"FT-{key}", amount=amount,
            paid_at=AT, at=AT + timedelta(seconds=5), customer_code=code, intent_reference=reference,
        )  # fmt: skip
    except PaymentError as error:
        return error


def at_once(held: Debtor, *asked: dict[str, str | int]) -> list[Confirmed | PaymentError]:
    """Hold one customer's account; let its confirmation wait for it and all `asked` gather behind; let go."""
    answers: list[Confirmed | PaymentError | None] = [None] * (len(asked) + 1)

    def one(place: int, words: dict[str, str | int]) -> None:
        try:
            answers[place] = confirm(**words)  # type: ignore[arg-type]
        finally:
            connection.close()

    everything = [{"code": held.code, "amount": 1, "key": "first"}, *asked]
    threads = [threading.Thread(target=one, args=each) for each in enumerate(everything)]
    with transaction():
        lock_payer(customer_code=held.code)
        for thread in threads:
            thread.start()
            time.sleep(0.15)
    for thread in threads:
        thread.join(20)
    return [answer for answer in answers if answer is not None][1:]


def transactions() -> int:
    """How many transactions wrote confirmations."""
    with connection.cursor() as sql:
        sql.execute("SELECT count(DISTINCT xmin::text) FROM payments_confirmation")
        return int(sql.fetchone()[0])


def test_what_gathers_is_one_transaction_and_each_pays_its_own_bills() -> None:
    place = make_place()
    held, one, two, three = (
        make_debtor(*totals, serial=n, place=place)
        for n, totals in enumerate([(9,), (100_000,), (70_000, 50_000), (30_000,)], start=1)
    )
    answers = at_once(
        held,
        {"code": one.code, "amount": 100_000, "key": "a"},
        {"code": two.code, "amount": 80_000, "key": "b"},
        {"code": three.code, "amount": 45_000, "key": 'with "quotes", {braces} and \\'},
    )
    settled = [answer.settled for answer in answers if isinstance(answer, Confirmed)]
    assert [s.allocations for s in settled] == [
        ((one.bills[0], 100_000),),
        ((two.bills[0], 70_000), (two.bills[1], 10_000)),
        ((three.bills[0], 30_000),),
    ]
    assert [s.credit for s in settled] == [0, 0, 15_000]
    assert [account_balance(d) for d in (one, two, three)] == [0, 40_000, -15_000]
    assert (count("payments_confirmation"), transactions()) == (4, 2)
    kept = queries.receipt(code=settled[1].receipt_code)
    assert kept is not None
    assert (kept.amount, kept.allocations, kept.customer_id) == (80_000, settled[1].allocations, two.id)


def test_one_that_is_refused_hinders_no_other() -> None:
    place = make_place()
    held, one, two, three = (make_debtor(50_000, serial=n, place=place) for n in range(1, 5))
    assert isinstance(confirm(one.code, 10_000, "before"), Confirmed)
    answers = at_once(
        held,
        {"code": two.code, "amount": 50_000, "key": "b"},
        {"code": one.code, "amount": 20_000, "key": "new", "number": "FT-before"},
        {"code": three.code, "amount": 50_000, "key": "c"},
    )
    assert isinstance(answers[1], AlreadyRecordedError)
    assert [account_balance(d) for d in (one, two, three)] == [40_000, 0, 0]
    assert count("payments_payment") == 4


def test_refusals_that_write_nothing_do_not_split_the_group() -> None:
    place = make_place()
    held, one, two = (make_debtor(50_000, serial=n, place=place) for n in range(1, 4))
    first = confirm(one.code, 10_000, "before")
    answers = at_once(
        held,
        {"code": two.code, "amount": 50_000, "key": "b"},
        {"code": "PA13VH9999999", "amount": 50_000, "key": "c"},
        {"code": one.code, "amount": 10_000, "key": "before"},
    )
    assert isinstance(answers[1], UnknownCustomerError)
    assert isinstance(first, Confirmed)
    assert isinstance(answers[2], Confirmed)
    assert (answers[2].settled, answers[2].replayed) == (first.settled, True)
    other = at_once(
        two,
        {"code": one.code, "amount": 11_000, "key": "before", "body": "another"},
        {"code": held.code, "amount": 50_000, "key": "d", "reference": "TS0000000000"},
    )
    assert [type(answer) for answer in other] == [KeyReusedError, UnknownReferenceError]
    assert account_balance(one) == 40_000


def test_one_customer_paid_twice_at_once_gets_both() -> None:
    place = make_place()
    held, one = (make_debtor(50_000, serial=n, place=place) for n in (1, 2))
    answers = at_once(
        held,
        {"code": one.code, "amount": 30_000, "key": "a"},
        {"code": one.code, "amount": 30_000, "key": "b"},
    )
    shares = sorted(a.settled.credit for a in answers if isinstance(a, Confirmed))
    assert shares == [0, 10_000]
    assert account_balance(one) == -10_000
