"""An e-mail address on the portal: proven by a code over real SMTP, changed, removed; no address leaks."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from tests.factories.customers import Supplied, make_place, make_supplied
from thapsang.adapters.twins.mail import MailBox, MailServer, TakenMail
from thapsang.config import ports
from thapsang.domain.customers import operations as register
from thapsang.domain.customers import queries as customers
from thapsang.domain.customers.models import Consent, ContactPoint
from thapsang.domain.notifications import operations
from thapsang.domain.notifications.models import EmailCode, Message
from thapsang.domain.notifications.types import CODE_TRIES, EMAIL_CODE_LIFE
from thapsang.journeys import confirm_email, deliver_bills
from thapsang.kit.audit.models import AuditEntry
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity.people import customer_user

PHONE, OTHER = "+84912345678", "+84912345679"
PAGE, CODE = "/account/contact/", "/account/contact/code/"
LAN, MINH = "lan.nguyen@example.vn", "minh@example.vn"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def box(settings: Any) -> Iterator[MailBox]:
    found = MailServer(("127.0.0.1", 0), MailBox())
    threading.Thread(target=found.serve_forever, args=(0.05,), daemon=True).start()
    settings.EMAIL = settings.EMAIL | {"port": found.server_address[1]}
    operations.use_email_sender(ports.email_sender())
    yield found.box
    found.shutdown()
    found.server_close()


@pytest.fixture
def mine() -> Supplied:
    return make_supplied(make_place(), phone=PHONE)


@pytest.fixture
def me(mine: Supplied) -> Client:
    return browser(PHONE)


def browser(phone: str) -> Client:
    made = Client()
    made.force_login(customer_user(phone=phone), backend="django.contrib.auth.backends.ModelBackend")
    return made


def code_in(mail: TakenMail) -> str:
    found = re.search(r"^\d{6}\s*$", mail.text, re.MULTILINE)
    assert found, mail.text
    return found[0].strip()


def prove(client: Client, box: MailBox, address: str, **more: Any) -> None:
    assert client.post(PAGE, {"email": address, **more}).status_code == 302
    assert client.post(CODE, {"code": code_in(box.mails(address)[0])}).status_code == 302


def emails(customer: Supplied) -> list[tuple[str, bool, str]]:
    found = customers.contact_points(customer_id=customer.customer_id)
    return [(one.value, one.verified_at is not None, one.language) for one in found if one.kind == "email"]


def test_an_address_is_mine_only_once_its_code_came_back(me: Client, mine: Supplied, box: MailBox) -> None:
    page = me.get("/account/").content.decode()
    assert f'href="{PAGE}"' in page
    sent = me.post(PAGE, {"email": " Lan.Nguyen@Example.vn "})
    assert sent.status_code == 302 and sent["Location"] == CODE and emails(mine) == []
    asked = me.get(CODE)
    assert LAN in asked.content.decode() and "no-store" in asked["Cache-Control"]
    (mail,) = box.mails()
    assert mail.to == LAN and "mã xác nhận" in mail.subject and "15 phút" in mail.text
    wrong = f"{(int(code_in(mail)) + 1) % 1_000_000:06d}"
    refused = me.post(CODE, {"code": wrong})
    assert refused.status_code == 422 and "Mã chưa đúng" in refused.content.decode() and emails(mine) == []
    assert me.post(CODE, {"code": code_in(mail)}).status_code == 302
    assert emails(mine) == [(LAN, True, "vi")]
    page = me.get(PAGE).content.decode()
    assert "l•••@example.vn" in page and LAN not in page and "Đã xác nhận địa chỉ thư." in page
    assert me.get(CODE).status_code == 302


def test_bills_by_email_are_agreed_to_on_the_same_page_with_proof(
    me: Client, mine: Supplied, box: MailBox
) -> None:
    page = me.get(PAGE).content.decode()
    assert "Xác nhận địa chỉ e-mail trước" in page and 'name="agree"' not in page
    prove(me, box, LAN)
    page = me.get(PAGE).content.decode()
    tick = re.search(r'<input type="checkbox" name="agree"[^>]*>', page)
    shown = re.search(r'name="shown" value="([0-9a-f]{64})"', page)
    assert tick and "checked" not in tick[0] and shown
    answer = {"purpose": "bills-by-email", "answer": "agree", "shown": shown[1], "back": "contact"}
    assert me.post("/account/consents/", answer).status_code == 422
    given = me.post("/account/consents/", answer | {"agree": "yes"})
    assert given["Location"] == PAGE
    consent = Consent.objects.get()
    assert consent.evidence["text_sha256"] == shown[1] and consent.withdrawn_at is None
    boxes = customers.consented_emails(purpose="bills-by-email")
    assert boxes[mine.customer_id].address == LAN and boxes[mine.customer_id].language == "vi"
    assert "Quý khách đã đồng ý lúc" in me.get(PAGE).content.decode()


def test_a_new_address_takes_the_place_of_the_old_which_is_told(
    me: Client, mine: Supplied, box: MailBox
) -> None:
    prove(me, box, LAN)
    prove(me, box, MINH)
    assert emails(mine) == [(MINH, True, "vi")]
    assert deliver_bills.send_waiting()["sent"] == 1
    told = box.mails(LAN)[0]
    assert "không còn nhận hóa đơn" in told.subject and "no longer receives bills" in told.subject
    assert "Bills are no longer sent here" in told.text and MINH not in told.text


def test_removing_it_ends_bills_by_email_and_is_audited(me: Client, mine: Supplied, box: MailBox) -> None:
    prove(me, box, LAN)
    with transaction():
        register.grant_consent(
            customer_id=mine.customer_id, purpose="bills-by-email", text_version="t", evidence={"how": "test"},
            at=timezone.now(),
        )  # fmt: skip
    number = ContactPoint.objects.get(kind="email").pk
    assert me.post(f"{PAGE}remove/", {"address": number}).status_code == 302
    assert emails(mine) == [] and customers.consented_emails(purpose="bills-by-email") == {}
    assert Consent.objects.get().withdrawn_at is not None
    assert [entry.action for entry in AuditEntry.objects.order_by("pk")] == [
        "customers.email-confirmed", "customers.email-removed",
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(e::text, '') FROM audit_auditentry e")
        kept = cursor.fetchone()[0]
    assert "lan.nguyen" not in kept.lower() and "example" not in kept


def test_another_persons_address_is_out_of_reach(me: Client, mine: Supplied, box: MailBox) -> None:
    prove(me, box, LAN)
    make_supplied(make_place(unit="PA13DC", book="DC0001"), serial=2, phone=OTHER, unit="PA13DC")
    stranger, number = browser(OTHER), ContactPoint.objects.get(kind="email").pk
    assert stranger.post(f"{PAGE}remove/", {"address": number}).status_code == 302
    stranger.post(f"{PAGE}language/", {"address": number, "language": "en"})
    stranger.post(f"{PAGE}remove/", {"address": "9" * 30})
    assert emails(mine) == [(LAN, True, "vi")]
    me.post(PAGE, {"email": MINH})
    session = stranger.session
    session["email_code"] = me.session["email_code"]
    session.save()
    assert stranger.get(CODE).status_code == 302
    assert stranger.post(CODE, {"code": code_in(box.mails(MINH)[0])})["Location"] == PAGE
    assert ContactPoint.objects.filter(kind="email").count() == 1
    assert Client().get(PAGE).status_code in (302, 403)


def test_codes_are_counted_expire_and_serve_once(me: Client, mine: Supplied, box: MailBox) -> None:
    me.post(PAGE, {"email": LAN})
    code = code_in(box.mails()[0])
    for _ in range(CODE_TRIES):
        assert me.post(CODE, {"code": "000000" if code != "000000" else "111111"}).status_code == 422
    assert me.post(CODE, {"code": code}).status_code == 422 and emails(mine) == []
    asker, people = f"user:{customer_user(phone=PHONE).pk}", [mine_view(mine)]
    now = timezone.now()
    number = confirm_email.ask_code(address=LAN, asker=asker, sender="10.0.0.9", language="en", at=now)
    newest = re.search(r"\d{6}", box.mails()[0].text)
    assert newest and "code to confirm" in box.mails()[0].subject
    given = {"code_id": number, "asker": asker, "code": newest[0], "mine": people}
    assert not confirm_email.confirm(**given, at=now + EMAIL_CODE_LIFE)
    assert confirm_email.confirm(**given, at=now + timedelta(minutes=1))
    assert not confirm_email.confirm(**given, at=now + timedelta(minutes=2))
    assert emails(mine) == [(LAN, True, "en")]


def mine_view(mine: Supplied) -> Any:
    found = customers.find_customer(code=mine.customer_code)
    assert found
    return found


def test_nobodys_mailbox_is_filled(me: Client, box: MailBox) -> None:
    for _ in range(3):
        assert me.post(PAGE, {"email": LAN}).status_code == 302
    refused = me.post(PAGE, {"email": LAN})
    assert refused.status_code == 429 and "phút" in refused.content.decode()
    assert me.post(PAGE, {"email": MINH}).status_code == 302
    assert me.post(PAGE, {"email": "another@example.vn"}).status_code == 429  # five an hour for one who asks
    assert len(box.mails()) == 4
    assert EmailCode.objects.filter(expires_at__gt=timezone.now()).count() == 1


@pytest.mark.parametrize(
    "typed",
    [
        "", "lan", "lan@vn", "a,b@example.vn", "<lan@example.vn>", "lan@-x.vn", "lan\r\nBcc: x@y.vn@z.vn",
        "l" * 65 + "@a.vn",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_and_shown_again(me: Client, box: MailBox, typed: str) -> None:
    answer = me.post(PAGE, {"email": typed})
    assert answer.status_code == 422 and "ten@noi.vn" in answer.content.decode()
    assert not box.mails() and not Message.objects.exists()


def test_two_customers_of_one_phone_choose_who_uses_it(me: Client, mine: Supplied, box: MailBox) -> None:
    second = make_supplied(make_place(unit="PA13DC", book="DC0001"), serial=2, phone=PHONE, unit="PA13DC")
    assert me.post(PAGE, {"email": LAN}).status_code == 422
    prove(me, box, LAN, customer=second.customer_code)
    assert emails(mine) == [] and emails(second) == [(LAN, True, "vi")]
    prove(me, box, MINH, customer=[mine.customer_code, second.customer_code])
    assert emails(mine) == emails(second) == [(MINH, True, "vi")]


def test_the_language_of_letters_is_the_portals_and_can_be_changed(
    me: Client, mine: Supplied, box: MailBox
) -> None:
    me.cookies["django_language"] = "en"
    prove(me, box, LAN)
    assert emails(mine) == [(LAN, True, "en")] and "code to confirm" in box.mails()[0].subject
    number = ContactPoint.objects.get(kind="email").pk
    assert me.post(f"{PAGE}language/", {"address": number, "language": "vi"}).status_code == 302
    assert emails(mine)[0][2] == "vi"
    me.post(f"{PAGE}language/", {"address": number, "language": "fr"})
    assert emails(mine)[0][2] == "vi"


def test_neither_code_nor_address_stands_in_the_database_or_the_log(
    me: Client, box: MailBox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    box.down = True
    operations.use_email_sender(ports.email_sender())
    me.post(PAGE, {"email": LAN})
    row = Message.objects.get()
    assert row.status == "queued" and row.text_cipher is not None and row.about is None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT string_agg(m::text, '') FROM notifications_message m) || "
            "(SELECT string_agg(c::text, '') FROM notifications_emailcode c)"
        )
        kept = cursor.fetchone()[0]
    assert "example" not in kept and "example" not in caplog.text and "was not sent" in caplog.text
    box.down = False
    Message.objects.update(due_at=timezone.now())
    assert dict(deliver_bills.send_waiting()) == {"sent": 1}
    row.refresh_from_db()
    assert (row.status, row.text_cipher) == ("sent", None)
    assert me.post(CODE, {"code": code_in(box.mails()[0])}).status_code == 302


def test_a_code_nobody_can_use_any_more_is_not_sent(me: Client, box: MailBox) -> None:
    box.down = True
    operations.use_email_sender(ports.email_sender())
    me.post(PAGE, {"email": LAN})
    box.down = False
    Message.objects.update(due_at=timezone.now(), expires_at=timezone.now())
    assert dict(deliver_bills.send_waiting()) == {"failed": 1}
    assert not box.mails() and Message.objects.get().text_cipher is None


def test_who_waits_for_a_mail_does_not_stand_behind_a_months_bills(me: Client, box: MailBox) -> None:
    now = timezone.now()
    from thapsang.domain.notifications.types import NewEmail

    with transaction():
        operations.queue_emails(
            emails=[NewEmail(f"k{n}@example.vn", f"bill-month:2026-10:{n}") for n in range(60)], template="bill-ready",
            at=now - timedelta(hours=1),
        )  # fmt: skip
    box.down = True
    operations.use_email_sender(ports.email_sender())
    me.post(PAGE, {"email": LAN})
    Message.objects.filter(about=None).update(due_at=now)
    with transaction():
        first = operations.claim_emails(at=timezone.now(), most=5)
    assert [waiting.letter is not None for waiting in first] == [True, False, False, False, False]


def test_an_address_staff_wrote_down_is_shown_as_unproven(me: Client, mine: Supplied, box: MailBox) -> None:
    with transaction():
        register.add_contact_point(customer_id=mine.customer_id, kind="email", value=LAN, primary=True)
    page = me.get(PAGE).content.decode()
    assert "chưa xác nhận" in page and "Nhập lại địa chỉ này" in page
    prove(me, box, LAN)
    assert emails(mine) == [(LAN, True, "vi")]
    assert not deliver_bills.send_waiting()  # nothing was replaced, so nobody is told
