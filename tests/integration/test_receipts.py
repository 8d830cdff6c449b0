"""Receipts by short message: only to who agreed, once for each payment, whoever recorded it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from tests.factories.customers import make_place
from tests.factories.messages import Carrier
from tests.factories.payments import Debtor, make_debtor
from tests.factories.staff import make_staff
from thapsang.domain.customers import operations as customers
from thapsang.domain.ledger import bulk as ledger
from thapsang.domain.notifications import operations as notifications
from thapsang.domain.notifications.models import Message
from thapsang.domain.payments import bulk as payments
from thapsang.domain.payments.operations import lock_payer, settle
from thapsang.domain.payments.queries import payments_of, sweeping
from thapsang.domain.payments.types import Receipt
from thapsang.journeys import collect_at_counter, thank_payers
from thapsang.journeys.send_messages import send_waiting
from thapsang.kit.bulk.copy import bulk_connection
from thapsang.kit.db.transactions import transaction
from thapsang.kit.events import operations as events
from thapsang.kit.events.models import Event, Watermark
from thapsang.kit.identity.access import Audience

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> Carrier:
    made = Carrier()
    monkeypatch.setitem(notifications._senders, "sms", made)
    thank_payers.announce_payments(at=timezone.now())  # the sweep began before these payments
    return made


def agree(debtor: Debtor, phone: str, *, verified: bool = True, consent: bool = True) -> None:
    now = timezone.now()
    with transaction():
        point = customers.add_contact_point(customer_id=debtor.id, kind="phone", value=phone, primary=True)
        if verified:
            customers.verify_contact_point(contact_point_id=point, at=now)
        if consent:
            customers.grant_consent(
                customer_id=debtor.id, purpose="messages", text_version="1", evidence={"how": "test"}, at=now
            )


def pay(debtor: Debtor, amount: int, number: str, at: datetime | None = None) -> None:
    """Record a payment as a bank reports it."""
    with transaction():
        record(debtor, amount, number, at or timezone.now())


def record(debtor: Debtor, amount: int, number: str, at: datetime) -> None:
    payer = lock_payer(customer_code=debtor.code)
    settle(payer=payer, receipt=Receipt("bank", "test-bank", number, amount, at, at))


def work() -> None:
    """What the worker does in a round."""
    thank_payers.announce_payments(at=timezone.now())
    while events.drain():
        pass
    send_waiting()


def test_who_agreed_gets_one_receipt_and_who_did_not_gets_none(carrier: Carrier) -> None:
    place = make_place()
    yes, no, unproven, gone = (make_debtor(50_000, serial=n, place=place) for n in range(1, 5))
    agree(yes, "0912000001")
    agree(no, "0912000002", consent=False)
    agree(unproven, "0912000003", verified=False)
    agree(gone, "0912000004")
    with transaction():
        customers.withdraw_consent(customer_id=gone.id, purpose="messages", at=timezone.now())
    for n, debtor in enumerate((yes, no, unproven, gone)):
        pay(debtor, 50_000, f"t{n}")
    for _ in range(3):
        work()
    [(phone, text)] = carrier.sent
    assert phone == "+84912000001"
    assert text.startswith("Dien luc Nghe An: Da nhan 50.000 dong") and text.isascii() and len(text) <= 160
    [paid] = payments_of(customer_id=yes.id)
    assert paid.receipt_code in text


def past(days: int) -> datetime:
    return timezone.now() - timedelta(days=days)


def test_a_second_payment_gets_a_second_receipt(carrier: Carrier) -> None:
    debtor = make_debtor(50_000)
    agree(debtor, "0912000001")
    pay(debtor, 20_000, "a")
    work()
    pay(debtor, 30_000, "b")
    work()
    assert [text.split()[6] for _, text in carrier.sent] == ["20.000", "30.000"]


def test_what_was_paid_before_the_first_sweep_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    carrier = Carrier()
    monkeypatch.setitem(notifications._senders, "sms", carrier)
    debtor = make_debtor(50_000)
    agree(debtor, "0912000001")
    pay(debtor, 20_000, "a")
    work()
    pay(debtor, 30_000, "b")
    work()
    assert len(carrier.sent) == 1 and "30.000" in carrier.sent[0][1]


def test_a_payment_of_last_week_is_not_news(carrier: Carrier) -> None:
    debtor = make_debtor(50_000)
    agree(debtor, "0912000001")
    pay(debtor, 20_000, "a", at=past(7))
    work()
    assert carrier.sent == []


def test_a_quiet_sweep_writes_nothing(carrier: Carrier) -> None:
    debtor = make_debtor(50_000)
    pay(debtor, 20_000, "a")
    assert thank_payers.announce_payments(at=timezone.now()) == 1
    for later in (0, 1, 3, 60):
        assert thank_payers.announce_payments(at=timezone.now() + timedelta(minutes=later)) == 0
    assert Event.objects.count() == 1
    assert Watermark.objects.get().value == sweeping.last_payment()


def test_a_payment_that_commits_late_is_not_missed(carrier: Carrier) -> None:
    """Its number was drawn first, and committed after a higher one had been announced."""
    place = make_place()
    slow, quick = make_debtor(50_000, serial=1, place=place), make_debtor(50_000, serial=2, place=place)
    agree(slow, "0912000001")
    agree(quick, "0912000002")
    drawn, go_on = threading.Event(), threading.Event()

    def pay_slowly() -> None:
        try:
            with transaction():
                record(slow, 10_000, "slow", timezone.now())
                drawn.set()
                go_on.wait(10)
        finally:
            connection.close()

    thread = threading.Thread(target=pay_slowly)
    thread.start()
    assert drawn.wait(10)
    pay(quick, 20_000, "quick")
    work()
    assert [phone for phone, _ in carrier.sent] == ["+84912000002"]
    go_on.set()
    thread.join()
    work()
    assert [phone for phone, _ in carrier.sent] == ["+84912000002", "+84912000001"]


def test_one_sweeps_at_a_time(carrier: Carrier) -> None:
    debtor = make_debtor(50_000)
    pay(debtor, 20_000, "a")
    in_other_connection(lambda: thank_payers.announce_payments(at=timezone.now()), expects=0)


def in_other_connection(action: Callable[[], int], *, expects: int) -> None:
    """Run `action` while this connection holds the watermark."""
    found: list[int] = []

    def run() -> None:
        try:
            found.append(action())
        finally:
            connection.close()

    with transaction():
        assert events.take_watermark(name=thank_payers.EVENT, first=0) is not None
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert found == [expects]


def test_a_banks_file_of_many_payments_makes_few_events(
    carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "BLOCK", 10)
    place = make_place()
    debtors = [make_debtor(10_000 + n, serial=n + 1, place=place) for n in range(25)]
    for n, debtor in enumerate(debtors[::5]):
        agree(debtor, f"09120000{n:02}")
    with bulk_connection() as link:
        bank = ledger.chart_account(link, chart="112")
        count = payments.collect_month(
            link, period=date(2026, 10, 1), percent=100, bank_account=bank, at=timezone.now()
        )
        link.commit()
    assert count == 25
    assert thank_payers.announce_payments(at=timezone.now()) in (3, 4)
    work()
    assert len(carrier.sent) == 5 and Message.objects.count() == 5


def test_cash_at_the_counter_is_thanked_for_as_well(carrier: Carrier) -> None:
    debtor = make_debtor(50_000)
    agree(debtor, "0912000001")
    cashier = make_staff(Audience.CASHIER)
    collect_at_counter.collect(
        customer_code=debtor.code, amount=50_000, slip="s1", actor=cashier, at=timezone.now()
    )
    work()
    assert len(carrier.sent) == 1
