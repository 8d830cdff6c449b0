"""Refunds: four eyes, never more than the credit, sent once, paid or returned, and the ledger beside it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.db import transaction as django_transaction
from lxml import etree

from tests.factories import payments as make
from thapsang.domain.ledger import queries as ledger
from thapsang.domain.payments import operations, queries
from thapsang.domain.payments.models import RefundRequest
from thapsang.domain.payments.operations import refunds as doing
from thapsang.domain.payments.queries import refunds as asked
from thapsang.domain.payments.types import Receipt
from thapsang.engines import transfers
from thapsang.kit.db.transactions import transaction

pytestmark = pytest.mark.django_db(transaction=True)

AT = make.AT
NS = {"p": transfers.NAMESPACE}


def overpaid(*bills: int, paid: int, serial: int = 1, place: Any = None) -> make.Debtor:
    """Make a customer with these bills who paid so much in all."""
    debtor = make.make_debtor(*bills, serial=serial, place=place)
    pay(debtor, paid, f"A{serial}")
    return debtor


def pay(debtor: make.Debtor, amount: int, reference: str) -> None:
    with transaction():
        payer = operations.lock_payer(customer_code=debtor.code)
        operations.settle(
            payer=payer, receipt=Receipt("bank", "vcb", reference, amount, paid_at=AT, received_at=AT)
        )


def ask(debtor: make.Debtor, amount: int, **more: Any) -> int:
    given = {"bank": "970436", "account": "0011 2345 6789", "holder": "Nguyễn Văn Đức", "reason": "", **more}
    with transaction():
        return doing.ask_refund(
            customer_code=debtor.code,
            amount=amount,
            by_customer=True,
            actor=f"customer:{debtor.code}",
            at=AT,
            **given,
        )


def approve(number: int, actor: str = "nga") -> None:
    with transaction():
        doing.approve_refund(refund_id=number, reason="đúng tên", actor=actor, at=AT)


def send(**more: Any) -> Any:
    with transaction():
        return doing.send_refunds(actor="nga", at=AT, **more)


def sent(debtor: make.Debtor, amount: int) -> int:
    approve(number := ask(debtor, amount))
    send()
    return number


def confirm(number: int, reference: str = "FT1") -> None:
    with transaction():
        doing.confirm_refund(refund_id=number, bank_reference=reference, actor="nga", at=AT)


def give_back(number: int) -> None:
    with transaction():
        doing.return_refund(refund_id=number, reason="sai số tài khoản", actor="nga", at=AT)


def account(code: str) -> int:
    return ledger.balance(account_id=ledger.account_id(code=code))


def credit(debtor: make.Debtor) -> int:
    return queries.outstanding(customer_id=debtor.id).credit


def test_from_asking_to_paid_with_the_ledger_beside_it() -> None:
    debtor = overpaid(100_000, paid=150_000)
    number = ask(debtor, 50_000)
    found = asked.refund(refund_id=number)
    assert (found.status, found.holder, found.account_tail) == ("asked", "NGUYEN VAN DUC", "6789")
    assert (found.bank_name, found.customer_code) == ("Vietcombank", debtor.code)
    assert credit(debtor) == 50_000 and make.account_balance(debtor) == -50_000
    approve(number)
    file, content = send()
    assert (file.count, file.total) == (1, 50_000)
    assert (credit(debtor), make.account_balance(debtor)) == (0, 0)
    assert (account("112"), account("113")) == (150_000, -50_000)
    confirm(number)
    assert (account("112"), account("113")) == (100_000, 0)
    assert asked.refund(refund_id=number).status == "paid"
    assert asked.file_content(file_id=file.pk) == content
    confirm(number)  # the same news again
    assert account("112") == 100_000
    assert ledger.unbalanced_journals() == []
    [payment] = queries.payments_of(customer_id=debtor.id)
    assert (payment.refunded, payment.credit, [part[1] for part in payment.allocations]) == (
        50_000,
        0,
        [100_000],
    )


@pytest.mark.parametrize("paid_first", [False, True])
def test_what_the_bank_gives_back_is_credit_again(paid_first: bool) -> None:
    debtor = overpaid(100_000, paid=150_000)
    number = sent(debtor, 30_000)
    if paid_first:
        confirm(number)
    give_back(number)
    give_back(number)  # the same news again
    assert (credit(debtor), make.account_balance(debtor)) == (50_000, -50_000)
    assert (account("112"), account("113")) == (150_000, 0)
    assert asked.refund(refund_id=number).status == "returned"
    sent(debtor, 50_000)  # and can be paid back once more
    assert credit(debtor) == 0


def test_the_file_is_read_by_another_parser_and_holds_what_was_approved() -> None:
    place = make.make_place()
    first, second = overpaid(10, paid=25, serial=1, place=place), overpaid(10, paid=17, serial=2, place=place)
    numbers = [ask(first, 15), ask(second, 7, holder="CTY TNHH A & B", account="190366")]
    for number in numbers:
        approve(number)
    file, content = send()
    schema = etree.XMLSchema(etree.parse(transfers.SCHEMA))
    assert schema.validate(etree.fromstring(content)), schema.error_log
    root = ET.fromstring(content)
    assert [child.tag.split("}")[1] for child in root[0]] == ["GrpHdr", "PmtInf"]
    head, block = root[0]
    assert [child.tag.split("}")[1] for child in head] == [
        "MsgId",
        "CreDtTm",
        "NbOfTxs",
        "CtrlSum",
        "InitgPty",
    ]
    assert [child.tag.split("}")[1] for child in block][:10] == [
        "PmtInfId", "PmtMtd", "NbOfTxs", "CtrlSum", "ReqdExctnDt", "Dbtr", "DbtrAcct", "DbtrAgt", "ChrgBr",
        "CdtTrfTxInf",
    ]  # fmt: skip
    assert (head.findtext("p:NbOfTxs", "", NS), head.findtext("p:CtrlSum", "", NS)) == ("2", "22")
    orders = block.findall("p:CdtTrfTxInf", NS)
    assert [one.findtext("p:Amt/p:InstdAmt", "", NS) for one in orders] == ["15", "7"]
    assert [one.findtext("p:Cdtr/p:Nm", "", NS) for one in orders] == ["NGUYEN VAN DUC", "CTY TNHH A & B"]
    assert orders[0].findtext("p:CdtrAcct/p:Id/p:Othr/p:Id", "", NS) == "001123456789"
    assert [one.findtext("p:PmtId/p:EndToEndId", "", NS) for one in orders] == [
        asked.refund(refund_id=number).reference for number in numbers
    ]
    assert block.findtext("p:ReqdExctnDt/p:Dt", "", NS) == (AT.date() + timedelta(days=1)).isoformat()
    assert file.message == head.findtext("p:MsgId", "", NS)


def test_who_asked_does_not_approve_and_the_database_holds_it() -> None:
    debtor = overpaid(10, paid=30)
    with transaction():
        number = doing.ask_refund(
            customer_code=debtor.code, amount=5, bank="970436", account="123456", holder="A B", reason="r",
            by_customer=False, actor="nga", at=AT,
        )  # fmt: skip
    with pytest.raises(doing.SamePersonError):
        approve(number, "nga")
    with pytest.raises(IntegrityError, match="refund_four_eyes"):
        RefundRequest.objects.filter(pk=number).update(status="approved", decided_name="nga", decided_at=AT)
    approve(number, "minh")
    approve(number, "minh")
    with pytest.raises(doing.RefundStateError):
        approve(number, "lan")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"amount": 21}, "amount"), ({"amount": 0}, "amount"), ({"amount": -1}, "amount"), ({"bank": "000000"}, "bank"),
        ({"account": "12"}, "account"), ({"account": "'; DROP"}, "account"), ({"holder": " "}, "holder"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked(wrong: dict[str, Any], told: str) -> None:
    debtor = overpaid(10, paid=30)
    with pytest.raises(doing.RefundRefusedError, match=f"^{told}"):
        ask(debtor, **{"amount": 20, **wrong})
    assert asked.refunds() == []


def test_credit_an_open_bill_needs_is_not_paid_back() -> None:
    debtor = overpaid(100, paid=150)
    make.make_bill(debtor.supplied, date(2026, 11, 1), 30)
    assert asked.refundable(customer_id=debtor.id) == 20
    with pytest.raises(doing.RefundRefusedError, match="amount"):
        ask(debtor, 21)


def test_one_request_at_a_time_and_withdrawing_leaves_the_credit() -> None:
    debtor = overpaid(10, paid=30)
    number = ask(debtor, 20)
    with pytest.raises(doing.RefundRefusedError, match="already"):
        ask(debtor, 5)
    with pytest.raises(asked.UnknownRefundError), transaction():
        doing.withdraw_refund(refund_id=number, customer_id=debtor.id + 1, actor="x", at=AT)
    with transaction():
        doing.withdraw_refund(refund_id=number, customer_id=debtor.id, actor="x", at=AT)
    assert ask(debtor, 5) > number and credit(debtor) == 20


def test_a_bill_that_came_meanwhile_keeps_the_refund_out_of_the_file() -> None:
    place = make.make_place()
    first, second = (
        overpaid(100, paid=150, serial=1, place=place),
        overpaid(100, paid=150, serial=2, place=place),
    )
    numbers = [ask(first, 50), ask(second, 50)]
    for number in numbers:
        approve(number)
    make.make_bill(first.supplied, date(2026, 11, 1), 30)
    file, _ = send()
    assert (file.count, file.total) == (1, 50)
    left = asked.refund(refund_id=numbers[0])
    assert (left.status, left.problem) == ("approved", "credit-used")
    assert send(refund_ids=numbers) == (None, b"")
    with transaction():
        doing.reject_refund(refund_id=numbers[0], reason="đã trừ hóa đơn", actor="nga", at=AT)
    with pytest.raises(doing.RefundRefusedError, match="Nothing to send"):
        send()


def test_two_people_at_once_make_one_file() -> None:
    debtor = overpaid(100, paid=150)
    approve(number := ask(debtor, 50))
    both, found = threading.Barrier(2), []

    def clerk() -> None:
        try:
            both.wait()
            found.append(send())
        except doing.RefundRefusedError as error:
            found.append(error)
        finally:
            connection.close()

    clerks = [threading.Thread(target=clerk) for _ in range(2)]
    for one in clerks:
        one.start()
    for one in clerks:
        one.join()
    assert sorted(type(one).__name__ for one in found) == ["RefundRefusedError", "tuple"]
    assert (account("113"), credit(debtor), len(asked.refund_files())) == (-50, 0, 1)
    assert asked.refund(refund_id=number).status == "sent"


def test_a_payment_and_a_bill_at_once_never_spend_the_same_credit() -> None:
    debtor = overpaid(100, paid=150)
    approve(ask(debtor, 50))
    make.make_bill(debtor.supplied, date(2026, 11, 1), 50)
    both = threading.Barrier(2)

    def use() -> None:
        try:
            both.wait()
            with transaction():
                operations.use_credit(payer=operations.lock_payer(customer_code=debtor.code))
        finally:
            connection.close()

    other = threading.Thread(target=use)
    other.start()
    both.wait()
    assert send() == (None, b"")  # the bill needs it, whoever came first
    other.join()
    assert (credit(debtor), make.account_balance(debtor)) == (0, 0)


_KILLED = """
import os, sys, django
os.environ["DJANGO_SETTINGS_MODULE"] = "thapsang.config.settings"
django.setup()
from django.conf import settings
from django.db import connection
connection.settings_dict.update(NAME=sys.argv[1])
from django.utils import timezone
from thapsang.domain.payments.operations import refunds
from thapsang.kit.db.transactions import transaction
real = refunds.audit.record
def stop(**words):
    print("posted", flush=True)
    sys.stdin.read()
refunds.audit.record = stop
with transaction():
    refunds.send_refunds(actor="nga", at=timezone.now())
"""


def test_killed_before_the_commit_nothing_was_sent_and_the_next_try_sends_once() -> None:
    debtor = overpaid(100, paid=150)
    approve(number := ask(debtor, 50))
    name = str(connection.settings_dict["NAME"])
    child = subprocess.Popen(
        [sys.executable, "-c", _KILLED, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ.copy(),
    )
    assert child.stdout and child.stdout.readline().strip() == b"posted"
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert (asked.refund(refund_id=number).status, credit(debtor), make.account_balance(debtor)) == (
        "approved",
        50,
        -50,
    )
    file, _ = send()
    assert file.total == 50 and account("113") == -50


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE payments_refundrequest SET amount = amount + 1",
        "UPDATE payments_refundrequest SET status = 'paid', paid_at = now(), decided_name = 'x', decided_at = now()",
        "DELETE FROM payments_refundrequest",
        "INSERT INTO payments_refundfile (message, count, total, sha256, execute_on, made_name, made_at)"
        " VALUES ('m', 1, 5, '', now(), 'x', now());"
        "UPDATE payments_refundrequest SET status = 'approved', decided_name = 'x', decided_at = now();"
        "UPDATE payments_refundrequest SET status = 'sent', sent_at = now(),"
        " file_id = (SELECT max(id) FROM payments_refundfile)",
    ],
)  # fmt: skip
def test_the_database_itself_lets_no_money_out(statement: str) -> None:
    debtor = overpaid(100, paid=150)
    ask(debtor, 50)
    with pytest.raises(IntegrityError), django_transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert (credit(debtor), asked.refunds()[0].status) == (50, "asked")


def test_account_and_holder_are_not_readable_in_the_table() -> None:
    ask(overpaid(10, paid=30), 20)
    with connection.cursor() as cursor:
        cursor.execute("SELECT r::text FROM payments_refundrequest r")
        text = cursor.fetchone()[0]
        cursor.execute("SELECT string_agg(a::text, ' ') FROM audit_auditentry a")
        log = cursor.fetchone()[0]
    for secret in ("001123456789", "NGUYEN VAN DUC"):
        assert secret not in text and secret not in log and secret.encode().hex() not in text
