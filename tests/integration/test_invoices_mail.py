"""Bills by e-mail over real SMTP: who agreed, once each, what is attached, refusals, pauses, a real kill -9."""

from __future__ import annotations

import email
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from email import policy
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pypdf import PdfReader
from typer.testing import CliRunner

from tests.factories import billing as world
from tests.factories import invoices as made
from tests.factories.invoices import OCTOBER, one, rows
from thapsang.adapters.smtp import SmtpSender
from thapsang.adapters.twins.mail import MailBox, MailServer
from thapsang.config import ports
from thapsang.domain.customers import operations as customers
from thapsang.domain.invoices import operations as invoices
from thapsang.domain.notifications import operations, queries
from thapsang.domain.notifications.types import Email, EmailRefusedError, EmailUnreachableError
from thapsang.engines.einvoice import verify
from thapsang.interfaces.cli.invoices import app as invoices_app
from thapsang.journeys import deliver_bills, issue_invoices
from thapsang.kit.bulk.copy import url
from thapsang.kit.db.transactions import transaction

pytestmark = pytest.mark.django_db(transaction=True)
CONSENT = "bills-by-email"


@pytest.fixture
def server(settings: Any, tmp_path: Path) -> Iterator[MailServer]:
    settings.FILES = tmp_path / "files"
    invoices.use_key(ports.seller_key)
    found = MailServer(("127.0.0.1", 0), MailBox())
    threading.Thread(target=found.serve_forever, args=(0.05,), daemon=True).start()
    settings.EMAIL = settings.EMAIL | {"port": found.server_address[1]}
    operations.use_email_sender(ports.email_sender())
    yield found
    found.shutdown()
    found.server_close()


def agree(
    customer: int, address: str, *, verified: bool = True, consent: bool = True, language: str = ""
) -> None:
    with transaction():
        point = customers.add_contact_point(customer_id=customer, kind="email", value=address, primary=True)
        if language:
            customers.choose_language(customer_id=customer, address=address, language=language)
        if verified:
            customers.verify_contact_point(contact_point_id=point, at=timezone.now())
        if consent:
            customers.grant_consent(
                customer_id=customer, purpose=CONSENT, text_version="t", evidence={"channel": "test"},
                at=timezone.now(),
            )  # fmt: skip


def billed(points: int = 4) -> list[tuple[int, int]]:
    """Issue October; return customer and bill of each invoice."""
    made.billed(books=1, points=points)
    issue_invoices.start(period=OCTOBER, workers=1, at=world.AT)
    return rows("SELECT customer_id, bill_id FROM invoices_invoice ORDER BY id")


def queue() -> int:
    return deliver_bills.queue_month(period=OCTOBER, at=timezone.now())


def statuses() -> dict[str, int]:
    return queries.email_counts(about=deliver_bills.about_month(OCTOBER))


def time_passes() -> None:
    """Let the pauses of all waiting mails be over."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE notifications_message SET due_at = now() - interval '1 s' WHERE status = 'queued'"
        )


def test_who_agreed_gets_the_bill_the_invoice_and_nobody_else(server: MailServer) -> None:
    (first, bill), (second, _), (third, _) = billed()
    agree(first, "lan@example.vn")
    agree(second, "khong-xac-nhan@example.vn", verified=False)
    agree(third, "khong-dong-y@example.vn", consent=False)
    assert queue() == 1
    assert dict(deliver_bills.send_waiting()) == {"sent": 1}
    (mail,) = server.box.mails()
    assert mail.to == "lan@example.vn" and "tháng 10/2026" in mail.subject
    read = email.message_from_bytes(server.box.content(mail.message_id), policy=policy.default)
    pdf, xml = [part.get_payload(decode=True) for part in read.iter_attachments()]
    assert verify(xml, trusted=[invoices.signer().certificate])[0].genuine
    amount = f"{one('SELECT total FROM billing_bill WHERE id = %s', bill):,}".replace(",", ".")
    text = PdfReader(io.BytesIO(pdf)).pages[0].extract_text()
    assert amount in text and f"{amount} đồng" in mail.text
    assert one("SELECT look_up_code FROM invoices_invoice WHERE bill_id = %s", bill)[:4] in mail.text
    assert read["Auto-Submitted"] == "auto-generated"


def parts_of(server: MailServer, to: str) -> tuple[str, str, str]:
    """Return subject, plain text and HTML of the newest mail to an address."""
    (mail, *_) = server.box.mails(to)
    read = email.message_from_bytes(server.box.content(mail.message_id), policy=policy.default)
    assert isinstance(read, email.message.EmailMessage)
    plain, html = read.get_body(("plain",)), read.get_body(("html",))
    assert plain and html
    return str(read["Subject"]), plain.get_content(), html.get_content()


def test_each_reads_their_own_language_and_who_never_said_both(server: MailServer) -> None:
    (first, bill), (second, _), (third, _) = billed()
    agree(first, "lan@example.vn", language="vi")
    agree(second, "ann@example.vn", language="en")
    agree(third, "ai@example.vn")
    queue()
    deliver_bills.send_waiting()
    subject, text, html = parts_of(server, "lan@example.vn")
    assert "tháng 10/2026" in subject and "Dear" not in text and '<html lang="vi">' in html
    subject, text, html = parts_of(server, "ann@example.vn")
    assert subject.endswith("electricity bill, October 2026") and "Kính gửi" not in text
    assert "VND" in text and '<html lang="en">' in html
    subject, text, html = parts_of(server, "ai@example.vn")
    assert "tháng 10/2026 / electricity bill, October 2026" in subject
    assert text.index("Kính gửi") < text.index("———") < text.index("Dear customer")
    assert html.index('<div lang="vi">') < html.index('<div lang="en">')
    assert one("SELECT total FROM billing_bill WHERE id = %s", bill) > 0


def test_the_html_says_the_same_and_fetches_nothing(server: MailServer) -> None:
    (first, _), *_ = billed()
    agree(first, "lan@example.vn", language="vi")
    queue()
    deliver_bills.send_waiting()
    _, text, html = parts_of(server, "lan@example.vn")
    for fetched in ("<img", "<link", "<script", "@import", "url(", "src="):
        assert fetched not in html
    words = unescape(re.sub(r"<[^>]+>", " ", html.split("<body", 1)[1].split(">", 1)[1])).split()
    assert "".join(text.split()) in "".join(words)
    links = re.findall(r'href="([^"]+)"', html)
    assert len(links) == 3 and all(f"{link}" in text for link in links)


def test_issuing_by_command_queues_the_same_mails(server: MailServer) -> None:
    made.billed(books=1, points=4)
    (first,) = rows("SELECT customer_id FROM billing_bill WHERE net > 0 ORDER BY id LIMIT 1")[0]
    agree(first, "lan@example.vn")
    ran = CliRunner().invoke(invoices_app, ["issue", "--period", "2026-10", "--workers", "1", "--json"])
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["new_mails"] == 1 and statuses() == {"queued": 1}
    again = CliRunner().invoke(invoices_app, ["issue", "--period", "2026-10", "--workers", "1"])
    assert "0 mails queued" in again.stdout and statuses() == {"queued": 1}


def test_a_bill_goes_to_an_address_once(server: MailServer) -> None:
    (first, _), (second, _), _ = billed()
    agree(first, "lan@example.vn")
    assert [queue(), queue()] == [1, 0]
    deliver_bills.send_waiting()
    agree(second, "minh@example.vn")
    assert queue() == 1
    deliver_bills.send_waiting()
    time_passes()
    assert not deliver_bills.send_waiting()
    assert sorted(mail.to for mail in server.box.mails()) == ["lan@example.vn", "minh@example.vn"]
    assert set(server.box.deliveries.values()) == {1}


def test_the_row_shows_neither_address_nor_text(server: MailServer) -> None:
    (first, bill), *_ = billed()
    agree(first, "lan@example.vn")
    queue()
    (row,) = rows(
        "SELECT about, provider_reference, text_cipher, address_cipher::text FROM notifications_message"
    )
    assert row[0].startswith(f"bill-month:2026-10:{bill}:") and row[2] is None
    assert "lan" not in "".join(map(str, row)) and "example" not in "".join(map(str, row))


def test_consent_taken_back_while_it_waited_is_heard(server: MailServer) -> None:
    (first, _), *_ = billed()
    agree(first, "lan@example.vn")
    queue()
    with transaction():
        customers.withdraw_consent(customer_id=first, purpose=CONSENT, at=timezone.now())
    assert dict(deliver_bills.send_waiting()) == {"failed": 1}
    assert not server.box.mails()


def test_refused_for_good_busy_and_down(server: MailServer) -> None:
    (first, _), (second, _), (third, _) = billed()
    agree(first, "khong-co@example.vn")
    agree(second, "ban@example.vn")
    queue()
    assert dict(deliver_bills.send_waiting()) == {"refused": 1, "queued": 1}
    ((_, status, why),) = queries.email_problems(about=deliver_bills.about_month(OCTOBER))
    assert status == "refused" and "550 5.1.1" in why and "example" not in why
    (due,) = rows("SELECT due_at - tried_at FROM notifications_message WHERE status = 'queued'")
    assert timedelta(seconds=55) < due[0] < timedelta(seconds=70)
    time_passes()
    server.box.down = True
    operations.use_email_sender(ports.email_sender())
    assert dict(deliver_bills.send_waiting()) == {"queued": 1}
    time_passes()
    server.box.down = False
    agree(third, "huong@example.vn")
    assert queue() == 1
    assert dict(deliver_bills.send_waiting()) == {"sent": 2}
    assert statuses() == {"refused": 1, "sent": 2}


def test_out_of_tries_it_is_given_up(server: MailServer) -> None:
    (first, _), *_ = billed()
    agree(first, "lan@example.vn")
    queue()
    server.box.down = True
    for _ in range(queries.email_rules().tries):
        time_passes()
        deliver_bills.send_waiting()
    assert statuses() == {"failed": 1}


def test_a_mail_that_comes_back_is_noted(server: MailServer) -> None:
    (first, _), *_ = billed()
    agree(first, "lan@example.vn")
    queue()
    deliver_bills.send_waiting()
    (mail,) = server.box.mails()
    with transaction():
        assert operations.note_bounce(message_id=mail.message_id, problem="5.2.2")
        assert not operations.note_bounce(message_id="<none@of.ours>", problem="5.2.2")
    assert statuses() == {"bounced": 1}


def test_all_senders_together_keep_the_rate(server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for customer, _ in billed(points=7):
        agree(customer, f"khach{customer}@example.vn")
    queue()
    from thapsang.domain.notifications.operations import emails

    few = queries.email_rules().__class__(4, 8, timedelta(minutes=1), timedelta(hours=6), 5_000_000)
    monkeypatch.setattr(emails, "email_rules", lambda: few)
    assert deliver_bills.send_waiting().total() == 4
    assert deliver_bills.send_waiting().total() == 0
    with connection.cursor() as cursor:
        cursor.execute("UPDATE notifications_message SET tried_at = tried_at - interval '61 s'")
    assert deliver_bills.send_waiting().total() == 2


def test_the_adapter_names_no_address_and_mends_a_lost_connection(server: MailServer) -> None:
    sender = SmtpSender("127.0.0.1", server.server_address[1], "hoa-don@example.vn")

    def mail(to: str) -> Email:
        return Email(to, "Thử", "Một dòng.\n.một dòng bắt đầu bằng dấu chấm\n", f"<{to}-1@x>")

    sender.send(mail("lan@example.vn"))
    sender._server().sock.close()  # type: ignore[union-attr]
    sender.send(mail("minh@example.vn"))
    assert ".một dòng" in server.box.mails("minh@example.vn")[0].text
    with pytest.raises(EmailRefusedError) as refused:
        sender.send(mail("khong-co@example.vn"))
    assert "khong-co" not in str(refused.value)
    with pytest.raises(EmailUnreachableError, match="does not answer"):
        SmtpSender("127.0.0.1", 1, "a@b.vn").send(mail("lan@example.vn"))


@pytest.mark.slow
def test_killed_while_sending_nothing_is_lost_and_nobody_reads_it_twice(
    server: MailServer, settings: Any
) -> None:
    made.billed_big(books=2, points=120)
    issue_invoices.start(period=OCTOBER, workers=1, at=world.AT)
    wanted = rows("SELECT customer_id FROM invoices_invoice ORDER BY id")
    for (customer,) in wanted:
        agree(customer, f"khach{customer}@example.vn")
    queue()
    kills = 0
    for share in (10, 40):
        process = subprocess.Popen(
            [sys.executable, "-m", "thapsang.interfaces.cli.main", "invoices", "mail", "--period", "2026-10", "--send"],
            start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "DATABASE_URL": url(), "THAPSANG_FILES": str(settings.FILES),
                 "THAPSANG_EMAIL_PORT": str(settings.EMAIL["port"])},
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while len(server.box.mails()) < share and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
        time_passes()
    assert kills == 2 and len(server.box.mails()) < len(wanted)
    while deliver_bills.send_waiting():
        time_passes()
    assert statuses() == {"sent": len(wanted)}
    assert len(server.box.mails()) == len({mail.to for mail in server.box.mails()}) == len(wanted)
    assert sum(server.box.deliveries.values()) <= len(wanted) + kills  # at most what was in hand at each kill
