"""Handing invoices over to the tax authority's twin over real HTTP: accepted, rejected, silent, twice, late, lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.utils import timezone

from tests.factories import billing as world
from tests.factories import invoices as made
from tests.factories.invoices import OCTOBER, one, rows
from thapsang.adapters.tax_authority import TaxService
from thapsang.adapters.twins.server import TwinServer, serve
from thapsang.adapters.twins.setting import Setting
from thapsang.config import ports
from thapsang.domain.invoices import operations, queries
from thapsang.domain.invoices.types import AuthorityUnreachableError, CannotReplaceError, InvoicesError
from thapsang.engines.einvoice import validate, verify
from thapsang.journeys import hand_over_invoices, issue_invoices, show_invoice
from thapsang.kit.audit.models import AuditEntry

pytestmark = pytest.mark.django_db(transaction=True)


class Twin:
    """The authority's twin on a port of its own."""

    def __init__(self, server: TwinServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_address[1]}/tax"

    def behave(self, **words: str) -> None:
        assert httpx.post(f"{self.url}/behaviour", json=words).status_code == 200

    def state(self) -> list[dict[str, Any]]:
        return list(httpx.get(f"{self.url}/state.json").json())


@pytest.fixture
def twin(settings: Any, tmp_path: Path) -> Iterator[Twin]:
    settings.FILES = tmp_path / "files"
    operations.use_key(ports.seller_key)
    setting = Setting.of_environment({"THAPSANG_TAX_TOKEN": "t"}, merchant="", own="", pause=0.02, late=0.1)
    server = serve(setting, host="127.0.0.1", port=0)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    found = Twin(server)
    operations.use_authority(TaxService(found.url, "t", seconds=5))
    yield found
    server.shutdown()
    server.server_close()
    operations.use_key(ports.seller_key)
    operations.use_authority(ports.tax_authority())


@pytest.fixture
def issued(twin: Twin) -> int:
    made.billed(books=1, points=4)
    return issue_invoices.start(period=OCTOBER, workers=1, at=world.AT).new_invoices


def later(hours: float) -> datetime:
    return timezone.now() + timedelta(hours=hours)


def hand_over(hours: float = 0) -> hand_over_invoices.HandedOver:
    return hand_over_invoices.hand_over(at=later(hours))


def statuses() -> list[str]:
    return [status for (status,) in rows("SELECT status FROM invoices_invoice ORDER BY number")]


def test_accepted_with_a_code_that_stands_in_the_file_outside_what_is_signed(twin: Twin, issued: int) -> None:
    done = hand_over()
    assert (issued, done.made, done.received) == (3, 1, 1)
    assert hand_over(0.1).answered + done.answered == 1
    assert statuses() == ["accepted"] * 3
    view = queries.invoice_named(name="1C26TNA-1")
    assert view is not None and len(view.authority_code) == 34
    content = show_invoice.invoice_file(view=view)
    assert f"<MCCQT>{view.authority_code}</MCCQT>".encode() in content
    assert validate(content) == []
    assert verify(content, trusted=[operations.signer().certificate])[0].genuine
    assert [step.kind for step in queries.events(invoice_id=view.id)] == [
        "numbered", "signed", "sent", "accepted",
    ]  # fmt: skip
    assert hand_over(0.2) == hand_over_invoices.HandedOver()
    assert twin.state()[0]["deliveries"] == 1


def test_rejected_with_a_reason_and_replaced(twin: Twin, issued: int, django_user_model: Any) -> None:
    twin.behave(reject="2")
    hand_over()
    hand_over(0.1)
    assert statuses() == ["accepted", "rejected", "accepted"]
    (bad,) = queries.rejected(period=OCTOBER)
    assert bad.number == 2 and bad.rejection == "20003 Mã số thuế người mua không tồn tại"
    clerk = django_user_model.objects.create(username="clerk")
    words: dict[str, Any] = {"actor": clerk, "at": timezone.now()}
    with pytest.raises(InvoicesError, match="needs a reason"):
        issue_invoices.replace(invoice_id=bad.id, reason=" ", **words)
    number = issue_invoices.replace(invoice_id=bad.id, reason="Sai mã số thuế người mua", **words)
    with pytest.raises(CannotReplaceError):
        issue_invoices.replace(invoice_id=bad.id, reason="lần nữa", **words)
    assert AuditEntry.objects.get(action="invoices.replaced").reason == "Sai mã số thuế người mua"
    assert queries.rejected(period=OCTOBER) == []
    issue_invoices.start(period=OCTOBER, workers=1)
    new = queries.invoice(invoice_id=number)
    assert new is not None and (new.number, new.status, new.relates_to) == (4, "signed", bad.id)
    content = show_invoice.invoice_file(view=new)
    assert b"<TCHDon>1</TCHDon>" in content and b"<SHDCLQuan>2</SHDCLQuan>" in content
    assert "Sai mã số thuế người mua".encode() in content
    assert validate(content) == []
    hand_over(0.2)
    hand_over(0.3)
    assert statuses() == ["accepted", "rejected", "accepted", "accepted"]


def test_an_accepted_invoice_is_not_replaced_this_way(twin: Twin, issued: int) -> None:
    hand_over()
    hand_over(0.1)
    with pytest.raises(CannotReplaceError, match="rejected"):
        issue_invoices.replace(
            invoice_id=one("SELECT min(id) FROM invoices_invoice"), reason="x", actor="t", at=timezone.now()
        )


def test_silence_makes_them_unanswered_and_a_late_answer_still_counts(twin: Twin, issued: int) -> None:
    twin.behave(behaviour="silent")
    hand_over()
    assert statuses() == ["sent"] * 3
    assert hand_over(25).overdue == 3
    assert statuses() == ["unanswered"] * 3
    today = timezone.localdate()
    sheet = hand_over_invoices.reconcile(day=today)
    assert (sheet.sent, len(sheet.unanswered), sheet.agrees) == (3, 3, True)
    twin.behave(behaviour="late")
    for hours in (27, 29, 31, 33):
        hand_over(hours)
    assert statuses() == ["accepted"] * 3


def test_a_delivery_whose_answer_is_lost_is_repeated_and_counts_once(twin: Twin, issued: int) -> None:
    twin.behave(behaviour="deaf")
    assert hand_over().unreachable == 1
    assert statuses() == ["signed"] * 3
    assert hand_over().received == 0  # not before the pause is over
    twin.behave(behaviour="normal")
    hand_over(1)
    hand_over(2)
    assert statuses() == ["accepted"] * 3
    assert [(m["deliveries"], m["invoices"]) for m in twin.state()] == [(2, 3)]
    sent = "SELECT count(*) FROM invoices_invoiceevent WHERE kind = 'sent'"
    assert one(sent) == 3


def test_a_message_the_authority_forgot_is_sent_again(twin: Twin, issued: int) -> None:
    twin.behave(behaviour="silent")
    hand_over()
    twin.behave(behaviour="forgetful")
    for hours in (1, 2, 3, 4):
        hand_over(hours)
    assert statuses() == ["accepted"] * 3
    assert one("SELECT count(*) FROM invoices_invoiceevent WHERE kind = 'sent'") == 3


def test_an_answer_that_changes_its_mind_changes_nothing_and_is_named(twin: Twin, issued: int) -> None:
    hand_over()
    hand_over(0.1)
    message = one("SELECT id FROM invoices_message")
    twin.behave(behaviour="twice")
    code = one("SELECT code FROM invoices_message")
    contrary = operations.authority().answer(code=code)
    assert contrary is not None
    from thapsang.kit.db.transactions import transaction

    for _ in range(2):
        with transaction():
            conflicts = operations.keep_answer(
                message_id=message, answers=contrary.answers, sha256=contrary.sha256, at=timezone.now()
            )
        assert len(conflicts) == 3
    assert statuses() == ["accepted"] * 3
    (stuck,) = queries.stuck_messages()
    assert "1C26TNA-1" in stuck.problem


def test_a_service_that_is_down_is_tried_with_growing_pauses_then_given_up(twin: Twin, issued: int) -> None:
    twin.behave(behaviour="down")
    hours = 0.0
    for _ in range(12):
        hand_over(hours)
        hours += 2
    assert one("SELECT status FROM invoices_message") == "given-up"
    assert statuses() == ["signed"] * 3
    with pytest.raises(AuthorityUnreachableError):
        hand_over_invoices.reconcile(day=timezone.localdate())
    from thapsang.kit.db.transactions import transaction

    with transaction():
        assert operations.try_again(message_id=one("SELECT id FROM invoices_message"), at=timezone.now())
    twin.behave(behaviour="normal")
    hand_over(hours)
    hand_over(hours + 1)
    assert statuses() == ["accepted"] * 3


def test_a_message_refused_as_a_whole_waits_for_an_officer(twin: Twin, issued: int) -> None:
    twin.behave(behaviour="refusing")
    assert hand_over().stopped == 1
    assert one("SELECT status FROM invoices_message") == "refused"
    assert queries.stuck_messages()[0].problem.startswith(
        "The tax authority's service refused with status 422"
    )


def test_a_file_that_was_changed_is_never_sent(twin: Twin, issued: int, settings: Any) -> None:
    for path in settings.FILES.rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes().replace(b"<TgTTTBSo>", b"<TgTTTBSO>"))
    assert hand_over().stopped == 1
    assert twin.state() == []
    assert "restore its pack" in queries.stuck_messages()[0].problem


def test_reconciliation_names_what_differs(twin: Twin, issued: int) -> None:
    twin.behave(reject="1")
    hand_over()
    hand_over(0.1)
    day = timezone.localdate()
    sheet = hand_over_invoices.reconcile(day=day)
    assert sheet.agrees and (sheet.sent, sheet.accepted) == (3, 2)
    assert sheet.rejected == (("1C26TNA-1", "20003 Mã số thuế người mua không tồn tại"),)
    mine = queries.outcomes_of_day(day=day)
    theirs = {name: status for name, status in mine.items() if name != "1C26TNA-3"} | {
        "1C26TNA-9": "accepted"
    }
    differing = queries.day_sheet(day=day, theirs=theirs)
    assert not differing.agrees
    assert differing.differences == (
        ("1C26TNA-3", "accepted", "not there"), ("1C26TNA-9", "not sent", "accepted"),
    )  # fmt: skip


def test_examining_a_file_tells_genuine_from_altered(twin: Twin, issued: int) -> None:
    hand_over()
    hand_over(0.1)
    view = queries.invoice_named(name="1C26TNA-3")
    assert view is not None
    content = show_invoice.invoice_file(view=view)
    good = show_invoice.examine(content=content)
    assert good.genuine and good.same_file and good.invoice == view
    altered = content.replace(b"<TgTTTBSo>", b"<TgTTTBSo>9", 1)
    bad = show_invoice.examine(content=altered)
    assert not bad.genuine and bad.verdict.cause == "altered" and not bad.same_file
    assert show_invoice.examine(content=b"nothing").genuine is False
    assert show_invoice.examine(content=b"").invoice is None
