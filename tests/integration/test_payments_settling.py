"""Paying on a real PostgreSQL: start, settle, confirm; what is odd is kept and moves no money."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from tests.factories.payments import (
    AT,
    Debtor,
    account_balance,
    count,
    make_bill,
    make_debtor,
    vnpay_message,
)
from thapsang.domain.payments import queries
from thapsang.domain.payments.types import (
    AlreadyRecordedError,
    Charge,
    IdempotencyKey,
    KeyReusedError,
    NothingOwedError,
    PaidInFutureError,
    UnknownCustomerError,
    UnknownReferenceError,
    Verdict,
)
from thapsang.engines import qr
from thapsang.journeys import pay_bill
from thapsang.journeys.pay_bill import Confirmed, Started


def start(debtor: Debtor, method: str = "gateway", bills: list[int] | None = None, at=AT) -> Started:
    return pay_bill.start_payment(customer_code=debtor.code, bill_ids=bills or [], method=method, at=at)


def notify(params: dict[str, str], at=AT) -> pay_bill.CallbackOutcome:
    return pay_bill.settle_callback(provider="vnpay", params=params, at=at)


def confirm(
    debtor: Debtor, amount: int, *, key: str = "k1", number: str = "", body: bytes = b"body", **more
) -> Confirmed:
    return pay_bill.confirm_bank_payment(
        key=IdempotencyKey("bank", key, body), provider_reference=number or f"FT{key}", amount=amount,
        paid_at=AT, at=AT, **({"customer_code": debtor.code} | more),
    )  # fmt: skip


def verdicts() -> list[str]:
    return [c.verdict for c in reversed(queries.callbacks())]


@pytest.mark.django_db
def test_a_payment_started_asks_for_what_is_owed_and_no_more() -> None:
    debtor = make_debtor(100_000, 250_000)
    started = start(debtor)
    assert started.amount == 350_000
    assert f"vnp_TxnRef={started.reference}&" in started.redirect_url
    assert "vnp_Amount=35000000&" in started.redirect_url
    intent = queries.intent(reference=started.reference)
    assert intent and intent.bill_ids == tuple(debtor.bills) and intent.status == "open"


@pytest.mark.django_db
def test_the_same_bills_by_the_same_way_are_the_same_intent() -> None:
    debtor = make_debtor(100_000, 250_000)
    first = start(debtor)
    assert start(debtor, bills=debtor.bills).reference == first.reference
    assert start(debtor, bills=debtor.bills[:1]).reference != first.reference
    assert start(debtor, "vietqr").reference != first.reference
    later = start(debtor, at=AT + timedelta(minutes=16))
    assert later.reference != first.reference
    assert queries.intent(reference=first.reference).status == "expired"  # type: ignore[union-attr]


@pytest.mark.django_db
def test_an_intent_whose_bill_was_partly_paid_is_replaced() -> None:
    debtor = make_debtor(100_000)
    first = start(debtor)
    confirm(debtor, 30_000)
    second = start(debtor)
    assert (second.amount, second.reference != first.reference) == (70_000, True)


@pytest.mark.django_db
def test_a_qr_code_carries_amount_account_and_reference() -> None:
    started = start(make_debtor(180_000), "vietqr")
    code = qr.decode(started.qr_payload)
    assert (code.amount, code.bill, code.bank) == (180_000, started.reference, queries.rules().bank_bin)
    assert started.reference in code.purpose


@pytest.mark.django_db
@pytest.mark.parametrize("case", ["unknown", "paid", "foreign", "method"])
def test_a_payment_that_cannot_be_started_says_why(case: str) -> None:
    debtor = make_debtor(50_000)
    if case == "unknown":
        with pytest.raises(UnknownCustomerError):
            pay_bill.start_payment(customer_code="PA13VH9999999", method="gateway", at=AT)
    elif case == "paid":
        confirm(debtor, 50_000)
        with pytest.raises(NothingOwedError):
            start(debtor)
    elif case == "foreign":
        with pytest.raises(NothingOwedError):
            start(debtor, bills=[1])
    else:
        with pytest.raises(ValueError, match="cash"):
            start(debtor, "cash")
    assert count("payments_paymentintent") == 0


@pytest.mark.django_db
def test_the_notification_settles_and_the_books_agree() -> None:
    debtor = make_debtor(100_000, 250_000)
    started = start(debtor)
    outcome = notify(vnpay_message(started.reference, 350_000))
    assert (outcome.verdict, outcome.answer["RspCode"]) == (Verdict.SETTLED, "00")
    assert account_balance(debtor) == 0
    assert queries.paid_of(bill_ids=debtor.bills) == dict(zip(debtor.bills, [100_000, 250_000], strict=True))
    intent = queries.intent(reference=started.reference)
    assert intent and intent.status == "paid"
    receipt = queries.receipt(code=intent.receipt_code)
    assert (
        receipt
        and receipt.credit == 0
        and receipt.allocations == tuple(zip(debtor.bills, [100_000, 250_000], strict=True))
    )
    assert queries.outstanding(customer_id=debtor.id).owed == 0


@pytest.mark.django_db
def test_a_bill_named_is_paid_before_an_older_one() -> None:
    debtor = make_debtor(100_000, 250_000)
    started = start(debtor, bills=debtor.bills[1:])
    notify(vnpay_message(started.reference, 250_000))
    assert queries.paid_of(bill_ids=debtor.bills) == {debtor.bills[0]: 0, debtor.bills[1]: 250_000}


@pytest.mark.django_db
def test_messages_that_are_odd_are_kept_and_move_no_money() -> None:
    debtor = make_debtor(100_000)
    reference = start(debtor).reference
    genuine = vnpay_message(reference, 100_000)
    answers = [
        notify(genuine | {"vnp_Amount": "100"}).answer["RspCode"],
        notify(vnpay_message(reference, 100_000, secret="another")).answer["RspCode"],
        notify({}).answer["RspCode"],
        notify(vnpay_message("TSUNKNOWN", 100_000)).answer["RspCode"],
        notify(vnpay_message(reference, 99_999)).answer["RspCode"],
        notify(vnpay_message(reference, 100_000, number="14 42")).answer["RspCode"],
    ]
    assert answers == ["97", "97", "97", "01", "04", "99"]
    assert verdicts() == ["forged", "forged", "forged", "unknown-order", "wrong-amount", "unreadable"]
    assert (count("payments_payment"), account_balance(debtor)) == (0, 100_000)
    assert queries.intent(reference=reference).status == "open"  # type: ignore[union-attr]


@pytest.mark.django_db
def test_replayed_and_reordered_messages_move_money_once() -> None:
    debtor = make_debtor(100_000)
    reference = start(debtor).reference
    good, bad = vnpay_message(reference, 100_000), vnpay_message(reference, 100_000, code="24", number="0")
    codes = [
        notify(m).answer["RspCode"]
        for m in (good, good, bad, vnpay_message(reference, 100_000, number="999"))
    ]
    assert codes == ["00", "02", "02", "02"]
    assert verdicts() == ["settled", "already-confirmed", "failure-after-success", "second-transaction"]
    assert (count("payments_payment"), account_balance(debtor)) == (1, 0)
    [waits] = queries.to_judge(since=AT - timedelta(days=1))
    assert (waits.reference, waits.verdict) == (reference, "second-transaction")
    assert queries.to_judge(since=AT + timedelta(days=1)) == []


@pytest.mark.django_db
def test_success_after_failure_is_kept_for_people_and_moves_no_money() -> None:
    debtor = make_debtor(100_000)
    reference = start(debtor).reference
    bad, good = vnpay_message(reference, 100_000, code="24", number="0"), vnpay_message(reference, 100_000)
    codes = [notify(m).answer["RspCode"] for m in (bad, bad, good)]
    assert codes == ["00", "02", "02"]
    assert verdicts() == ["failure", "already-confirmed", "success-after-failure"]
    assert account_balance(debtor) == 100_000
    assert start(debtor).reference != reference


@pytest.mark.django_db
def test_money_for_an_expired_intent_is_still_money() -> None:
    debtor = make_debtor(100_000)
    reference = start(debtor).reference
    start(debtor, at=AT + timedelta(hours=1))
    assert notify(vnpay_message(reference, 100_000), at=AT + timedelta(hours=1)).verdict is Verdict.SETTLED
    assert account_balance(debtor) == 0


@pytest.mark.django_db
@pytest.mark.parametrize("browser_first", [True, False])
def test_the_browser_may_return_before_or_after_the_notification(browser_first: bool) -> None:
    debtor = make_debtor(100_000)
    reference = start(debtor).reference
    message = vnpay_message(reference, 100_000)
    steps = [lambda: pay_bill.read_return(provider="vnpay", params=message, at=AT), lambda: notify(message)]
    results = [step() for step in (steps if browser_first else steps[::-1])]
    returned = results[0] if browser_first else results[1]
    assert returned == pay_bill.Returned(genuine=True, reference=reference, successful=True)
    assert (count("payments_payment"), account_balance(debtor)) == (1, 0)


@pytest.mark.django_db
def test_a_return_alone_settles_nothing_and_a_forged_one_shows_nothing() -> None:
    debtor = make_debtor(100_000)
    message = vnpay_message(start(debtor).reference, 100_000)
    assert pay_bill.read_return(provider="vnpay", params=message, at=AT).successful
    forged = pay_bill.read_return(provider="vnpay", params=message | {"vnp_Amount": "1"}, at=AT)
    assert forged == pay_bill.Returned(genuine=False)
    assert (count("payments_payment"), account_balance(debtor), verdicts()) == (
        0,
        100_000,
        ["shown", "forged"],
    )


@pytest.mark.django_db
def test_a_confirmation_pays_the_oldest_first_and_the_rest_is_credit() -> None:
    debtor = make_debtor(100_000, 200_000)
    first = confirm(debtor, 150_000)
    assert first.settled.allocations == ((debtor.bills[0], 100_000), (debtor.bills[1], 50_000))
    second = confirm(debtor, 200_000, key="k2")
    assert (second.settled.allocations, second.settled.credit) == (((debtor.bills[1], 150_000),), 50_000)
    due = queries.outstanding(customer_id=debtor.id)
    assert (due.dues, due.credit, account_balance(debtor)) == ((), 50_000, -50_000)


@pytest.mark.django_db
def test_credit_pays_the_next_bill_before_the_customer_is_asked() -> None:
    debtor = make_debtor(100_000)
    confirm(debtor, 130_000)
    bill = make_bill(debtor.supplied, AT.date().replace(day=1), 80_000)
    assert queries.outstanding(customer_id=debtor.id).owed == 50_000
    started = start(debtor)
    assert started.amount == 50_000
    assert queries.paid_of(bill_ids=[bill]) == {bill: 30_000}
    assert queries.outstanding(customer_id=debtor.id).credit == 0


@pytest.mark.django_db
def test_credit_that_covers_a_bill_leaves_nothing_to_ask_for() -> None:
    debtor = make_debtor(100_000)
    confirm(debtor, 500_000)
    bill = make_bill(debtor.supplied, AT.date().replace(day=1), 80_000)
    with pytest.raises(NothingOwedError):
        start(debtor)
    assert queries.paid_of(bill_ids=[bill]) == {bill: 80_000}
    assert queries.outstanding(customer_id=debtor.id).credit == 320_000


@pytest.mark.django_db
def test_the_same_key_gives_the_same_answer_and_another_body_is_refused() -> None:
    debtor = make_debtor(100_000)
    first, second = confirm(debtor, 100_000), confirm(debtor, 100_000)
    assert (second.settled, second.customer_code, second.replayed) == (first.settled, debtor.code, True)
    with pytest.raises(KeyReusedError):
        confirm(debtor, 90_000, body=b"other")
    with pytest.raises(KeyReusedError):
        confirm(debtor, 90_000, body=b"other", customer_code="PA13VH7777777")
    assert (count("payments_payment"), account_balance(debtor)) == (1, 0)


@pytest.mark.django_db
def test_the_same_transaction_under_another_key_is_refused() -> None:
    debtor = make_debtor(100_000)
    confirm(debtor, 100_000, number="FT1")
    with pytest.raises(AlreadyRecordedError):
        confirm(debtor, 100_000, key="k2", number="FT1")
    assert (count("payments_payment"), account_balance(debtor)) == (1, 0)


@pytest.mark.django_db
def test_a_confirmation_by_reference_pays_the_bills_of_the_code() -> None:
    debtor = make_debtor(100_000, 200_000)
    reference = start(debtor, "vietqr", debtor.bills[1:]).reference
    done = confirm(debtor, 200_000, customer_code="", intent_reference=reference)
    assert (done.customer_code, done.settled.allocations) == (debtor.code, ((debtor.bills[1], 200_000),))
    assert queries.intent(reference=reference).status == "paid"  # type: ignore[union-attr]


@pytest.mark.django_db
def test_less_than_asked_is_kept_and_leaves_the_intent_open() -> None:
    debtor = make_debtor(100_000)
    reference = start(debtor, "vietqr").reference
    confirm(debtor, 60_000, customer_code="", intent_reference=reference)
    assert queries.intent(reference=reference).status == "open"  # type: ignore[union-attr]
    assert queries.outstanding(customer_id=debtor.id).owed == 40_000


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"customer_code": "PA13VH7777777"}, UnknownCustomerError),
        ({"intent_reference": "TSNOBODY"}, UnknownReferenceError),
        ({"customer_code": "", "intent_reference": "TSNOBODY"}, UnknownReferenceError),
    ],
)
def test_a_confirmation_for_nobody_is_refused(more: dict[str, str], error: type[Exception]) -> None:
    debtor = make_debtor(100_000)
    with pytest.raises(error):
        confirm(debtor, 100_000, **more)
    assert count("payments_payment") == 0


@pytest.mark.django_db
def test_a_time_of_payment_in_the_future_is_refused() -> None:
    debtor = make_debtor(100_000)
    with pytest.raises(PaidInFutureError):
        pay_bill.confirm_bank_payment(
            key=IdempotencyKey("bank", "k", b""), provider_reference="F", amount=1, paid_at=AT + timedelta(hours=1),
            at=AT, customer_code=debtor.code,
        )  # fmt: skip


@pytest.mark.django_db
def test_the_last_minute_of_a_month_is_of_that_month_in_viet_nam() -> None:
    debtor = make_debtor(100_000)
    last = AT.replace(month=11, day=30, hour=23, minute=59)
    for number, moment in (("A", last), ("B", last + timedelta(minutes=1))):
        pay_bill.confirm_bank_payment(
            key=IdempotencyKey("bank", number, b""), provider_reference=number, amount=10_000, paid_at=moment,
            at=last + timedelta(minutes=3), customer_code=debtor.code,
        )  # fmt: skip
    days = [
        queries.statement(provider="bank", day=d).amount
        for d in (last.date(), last.date() + timedelta(days=1))
    ]
    assert days == [10_000, 10_000]
    with connection.cursor() as sql:
        sql.execute("SELECT business_date FROM ledger_journal WHERE kind = 'payment' ORDER BY id")
        assert [d for (d,) in sql.fetchall()] == [last.date(), last.date() + timedelta(days=1)]


@pytest.mark.django_db
def test_a_statement_is_paged_and_its_totals_are_of_the_day() -> None:
    debtor = make_debtor(100_000)
    for number in range(5):
        confirm(debtor, 1_000 + number, key=f"k{number}")
    first = queries.statement(provider="bank", day=AT.date(), limit=3)
    rest = queries.statement(provider="bank", day=AT.date(), limit=3, after=first.next_after)
    assert [p.amount for p in first.payments + rest.payments] == [1000, 1001, 1002, 1003, 1004]
    assert (first.count, first.amount, rest.next_after) == (5, 5_010, "")
    assert queries.statement(provider="other", day=AT.date()).count == 0


# ---- zero fee, and what the database itself refuses


@pytest.mark.django_db
def test_no_intent_may_ask_for_more_than_is_owed() -> None:
    debtor = make_debtor(100_000)
    reference = start(debtor).reference
    for change in ("amount = amount + 1", "amount = amount + 1, owed = owed + 1"):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as sql:
            sql.execute(f"UPDATE payments_paymentintent SET {change} WHERE reference = %s", [reference])
            sql.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_a_charge_is_the_sum_of_what_is_owed_and_has_no_place_for_a_fee() -> None:
    charge = Charge({1: 100, 2: 250})
    assert charge.amount == 350
    assert list(Charge.__dataclass_fields__) == ["owed"]
    for wrong in ({}, {1: 0}, {1: -5}):
        with pytest.raises(ValueError, match="charge"):
            Charge(wrong)


@pytest.mark.django_db
def test_the_database_refuses_to_give_away_more_than_came_and_to_change_what_came() -> None:
    debtor = make_debtor(100_000, 100_000)
    paid = confirm(debtor, 100_000).settled
    statements = [
        "INSERT INTO payments_allocation (payment_id, bill_id, amount)"
        f" VALUES ({paid.payment_id}, {debtor.bills[1]}, 1)",
        "UPDATE payments_payment SET amount = amount + 1",
        "DELETE FROM payments_allocation",
        "DELETE FROM payments_confirmation",
        "UPDATE payments_callback SET verdict = 'settled'",
    ]
    for statement in statements:
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as sql:
            sql.execute(statement)


# ---- at once


def together(work, times: int) -> list[object]:
    """Run `work(number)` in that many threads at once; return results or errors."""
    results: list[object] = [None] * times
    gate = threading.Barrier(times)

    def run(number: int) -> None:
        gate.wait()
        try:
            results[number] = work(number)
        except Exception as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(times)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    return results


@pytest.mark.django_db(transaction=True)
def test_fifty_people_pay_the_same_bill_at_once() -> None:
    debtor = make_debtor(100_000)
    results = together(lambda n: confirm(debtor, 100_000, key=f"k{n}"), 50)
    assert [r for r in results if isinstance(r, Exception)] == []
    paid = sorted(r.settled.credit for r in results)  # type: ignore[attr-defined]
    assert paid == [0] + [100_000] * 49
    assert account_balance(debtor) == -4_900_000
    assert queries.paid_of(bill_ids=debtor.bills) == {debtor.bills[0]: 100_000}


@pytest.mark.django_db(transaction=True)
def test_the_same_key_many_times_at_once_is_one_payment() -> None:
    debtor = make_debtor(100_000)
    results = together(lambda n: confirm(debtor, 100_000), 20)
    assert {r.settled.receipt_code for r in results}.__len__() == 1  # type: ignore[attr-defined]
    assert (count("payments_payment"), account_balance(debtor)) == (1, 0)


@pytest.mark.django_db(transaction=True)
def test_the_same_notification_many_times_at_once_settles_once() -> None:
    debtor = make_debtor(100_000)
    message = vnpay_message(start(debtor).reference, 100_000)
    results = together(lambda n: notify(message), 10)
    assert sorted(str(r.answer["RspCode"]) for r in results) == ["00"] + ["02"] * 9  # type: ignore[attr-defined]
    assert (count("payments_payment"), account_balance(debtor)) == (1, 0)


@pytest.mark.django_db(transaction=True)
def test_two_intents_for_one_bill_both_keep_the_money() -> None:
    debtor = make_debtor(100_000)
    gateway, code = start(debtor), start(debtor, "vietqr")
    work = [
        lambda: notify(vnpay_message(gateway.reference, 100_000)).verdict,
        lambda: confirm(debtor, 100_000, customer_code="", intent_reference=code.reference).settled.amount,
    ]
    results = together(lambda n: work[n](), 2)
    assert results == [Verdict.SETTLED, 100_000]
    assert (account_balance(debtor), queries.outstanding(customer_id=debtor.id).credit) == (-100_000, 100_000)


@pytest.mark.django_db(transaction=True)
def test_many_start_at_once_and_find_one_intent() -> None:
    debtor = make_debtor(100_000)
    results = together(lambda n: start(debtor).reference, 12)
    assert len(set(results)) == 1
