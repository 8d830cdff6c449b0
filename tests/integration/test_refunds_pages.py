"""Refunds on the portal, at the desk and from the command line; each only sees what is theirs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from typer.testing import CliRunner

from tests.factories import payments as make
from tests.factories import staff
from tests.factories.customers import make_place, make_supplied
from thapsang.domain.ledger import operations as ledger
from thapsang.domain.payments import operations
from thapsang.domain.payments.queries import refunds as queries
from thapsang.domain.payments.types import Receipt
from thapsang.kit.audit.queries import entries
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity.access import Audience
from thapsang.kit.identity.people import customer_user

pytestmark = pytest.mark.django_db(transaction=True)

PHONE, OTHER = "+84912345678", "+84912345679"
PAGE = "/account/refunds/"


def world() -> Any:
    """Two customers with 50 đồng of credit each, of different phones."""
    place = make_place()
    both = [make_supplied(place, serial=n, phone=phone) for n, phone in ((1, PHONE), (2, OTHER))]
    for number, one in enumerate(both):
        with transaction():
            ledger.open_account(chart="112", code="112")
            payer = operations.lock_payer(customer_code=one.customer_code)
            receipt = Receipt("bank", "vcb", f"A{number}", 50, paid_at=make.AT, received_at=make.AT)
            operations.settle(payer=payer, receipt=receipt)
    return both


def portal(phone: str) -> Client:
    made = Client()
    made.force_login(customer_user(phone=phone), backend="django.contrib.auth.backends.ModelBackend")
    return made


def wish(customer: Any, **more: str) -> dict[str, str]:
    given = {"amount": "50", "bank": "970436", "account": "0011 2345 6789", "holder": "Nguyễn Văn An"}
    return {"customer": customer.customer_code, **given, **more}


def test_a_customer_asks_follows_and_takes_it_back() -> None:
    mine, theirs = world()
    me = portal(PHONE)
    page = me.get(PAGE).content.decode()
    assert "tự trừ vào hóa đơn sau" in page and "50 đ" in page.replace("\xa0", " ")
    assert me.post(PAGE, wish(theirs)).status_code == 422
    refused = me.post(PAGE, wish(mine, amount="51"))
    assert refused.status_code == 422 and "không quá số tiền còn dư" in refused.content.decode()
    assert "0011 2345 6789" not in refused.content.decode()
    assert me.post(PAGE, wish(mine)).status_code == 302
    [found] = queries.refunds()
    page = me.get(PAGE).content.decode()
    assert "đang kiểm tra" in page and "…6789" in page and "001123456789" not in page
    assert me.post(PAGE, wish(mine)).status_code == 422
    assert portal(OTHER).post(reverse("portal:refund-withdraw", args=[found.id])).status_code == 302
    assert queries.refund(refund_id=found.id).status == "asked"
    assert me.post(reverse("portal:refund-withdraw", args=[found.id])).status_code == 302
    assert queries.refund(refund_id=found.id).status == "withdrawn"
    assert "đã rút yêu cầu" in me.get(PAGE).content.decode()


def test_the_desk_from_asking_to_returned() -> None:
    mine, _ = world()
    portal(PHONE).post(PAGE, wish(mine))
    [found] = queries.refunds()
    nga = staff.signed_in(staff.make_staff(Audience.CASHIER, username="nga"))
    page = nga.get(reverse("console:refunds")).content.decode()
    assert found.reference in page and "chờ duyệt" in page
    where = reverse("console:refund", args=[found.id])
    page = nga.get(where).content.decode()
    assert "trùng tên khách hàng" in page and "001123456789" not in page

    def step(verb: str, reason: str = "đã xem") -> int:
        return nga.post(reverse("console:refund-step", args=[found.id, verb]), {"reason": reason}).status_code

    assert step("paid") == 422
    assert step("approve") == 302
    assert nga.post(reverse("console:refunds-send")).status_code == 302
    [file] = queries.refund_files()
    taken = nga.post(reverse("console:refund-file", args=[file.id]))
    assert taken["Content-Type"] == "application/xml" and b"001123456789" in taken.content
    assert "payments.refund-file-taken" in [entry.action for entry in entries(limit=5)]
    assert step("paid", "FT1") == 302 and step("returned", "sai tên") == 302
    page = nga.get(where).content.decode()
    assert "bị trả lại" in page and "sai tên" in page
    assert "Ngân hàng trả lại" in portal(PHONE).get(PAGE).content.decode()
    assert step("nothing") == 404


def test_who_asks_at_the_desk_does_not_approve() -> None:
    mine, _ = world()
    nga = staff.signed_in(staff.make_staff(Audience.BILLING, username="nga"))
    assert nga.get(reverse("console:refund-ask")).status_code == 200
    wrong = nga.post(reverse("console:refund-ask"), {**wish(mine, bank="1"), "reason": "r"})
    assert wrong.status_code == 422 and "trong danh sách" in wrong.content.decode()
    asked = nga.post(reverse("console:refund-ask"), {**wish(mine), "reason": "Khách gọi"})
    [found] = queries.refunds()
    assert asked.status_code == 302 and found.asked_name == "nga"
    refused = nga.post(reverse("console:refund-step", args=[found.id, "approve"]), {"reason": "r"})
    assert refused.status_code == 422 and "cần một người khác" in refused.content.decode()
    service = staff.signed_in(staff.make_staff(Audience.CUSTOMER_SERVICE, username="lan"))
    assert service.get(reverse("console:refunds")).status_code == 403
    auditor = staff.signed_in(staff.make_staff(Audience.AUDITOR, username="minh"))
    assert auditor.get(reverse("console:refund", args=[found.id])).status_code == 200
    assert auditor.post(reverse("console:refunds-send")).status_code == 403


def test_from_the_command_line(tmp_path: Path) -> None:
    from thapsang.interfaces.cli import refunds

    mine, theirs = world()

    def run(*words: str, code: int = 0, typed: str = "") -> Any:
        answer = CliRunner().invoke(refunds.app, [*words, "--json"], input=typed)
        assert answer.exit_code == code, answer.output
        return (
            json.loads(answer.stdout[answer.stdout.index("{" if "list" not in words else "[") :])
            if not code
            else None
        )

    portal(PHONE).post(PAGE, wish(mine))
    [first] = run("list", "--status", "asked")
    assert "holder" not in first and first["account_tail"] == "6789"
    number = str(first["id"])
    run("file", "--to", str(tmp_path / "none.xml"), code=2)
    assert run("approve", number, "--reason", "r")["status"] == "approved"
    asked = run(
        "ask", "--customer", theirs.customer_code, "--amount", "5", "--bank", "970415", "--reason", "r", "--actor", "b",
        typed="123456789\nTRAN B\n",
    )  # fmt: skip
    assert run("reject", str(asked["id"]), "--reason", "sai")["status"] == "rejected"
    path = tmp_path / "refunds.xml"
    made = run("file", "--to", str(path))
    assert made["total"] == 50 and b"<EndToEndId>" + first["reference"].encode() in path.read_bytes()
    again = tmp_path / "again.xml"
    run("file", "--to", str(again), "--again", str(made["id"]))
    assert again.read_bytes() == path.read_bytes() and path.stat().st_mode & 0o777 == 0o600
    assert run("confirm", number, "--bank-reference", "FT1")["status"] == "paid"
    assert run("returned", number, "--reason", "sai")["status"] == "returned"
    run("confirm", "999", "--bank-reference", "x", code=2)
