"""The invoice desk and the public look-up: who sees what, live state, replacement, genuine or altered."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.factories import billing as world
from tests.factories import invoices as made
from tests.factories.invoices import OCTOBER, one
from tests.factories.staff import make_staff, signed_in
from thapsang.config import ports
from thapsang.domain.invoices import operations, queries
from thapsang.domain.invoices.types import Answer, AuthorityUnreachableError, shown_look_up_code
from thapsang.interfaces.worker import invoices as tasks
from thapsang.journeys import hand_over_invoices, issue_invoices, show_invoice
from thapsang.kit.audit.models import AuditEntry
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity.access import Audience

pytestmark = pytest.mark.django_db(transaction=True)


class Nobody:
    """An authority that is never reached; real answers are tested over HTTP elsewhere."""

    def deliver(self, **_: Any) -> None:
        raise AuthorityUnreachableError("nobody there")

    answer = day = deliver


@pytest.fixture(autouse=True)
def _own(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.FILES = tmp_path / "files"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    operations.use_key(ports.seller_key)
    operations.use_authority(Nobody())
    yield
    operations.use_key(ports.seller_key)
    operations.use_authority(ports.tax_authority())


@pytest.fixture
def issued() -> list[Any]:
    made.billed(books=1, points=4)
    issue_invoices.start(period=OCTOBER, workers=1, at=world.AT)
    found = [queries.invoice_named(name=f"1C26TNA-{n}") for n in (1, 2, 3)]
    return [view for view in found if view]


def reject(number: int) -> None:
    """Have one of the three rejected and the others accepted, as the authority would."""
    at = timezone.now()
    with transaction():
        operations.make_message(code="M1", most=10, at=at)
        message = one("SELECT id FROM invoices_message")
        operations.note_received(message_id=message, at=at, ask_after=timedelta())
        answers = [
            Answer(
                "1",
                "C26TNA",
                n,
                "" if n == number else f"CODE{n}",
                "20003 MST người mua" if n == number else "",
            )
            for n in (1, 2, 3)
        ]
        operations.keep_answer(message_id=message, answers=answers, sha256=b"x" * 32, at=at)


def desk(role: Audience) -> Client:
    return signed_in(make_staff(role))


def test_the_month_is_started_on_the_page_and_done_by_the_worker() -> None:
    made.billed(books=1, points=3)
    clerk = desk(Audience.BILLING)
    page = clerk.get("/console/invoices/2026-10/")
    assert page.status_code == 200 and "Phát hành" in page.content.decode()
    assert clerk.post("/console/invoices/2026-10/start/", {"reason": "định kỳ"}).status_code == 302
    job = ProcrastinateJob.objects.filter(task_name="thapsang.issue_invoices").latest("id")
    assert AuditEntry.objects.get(action="invoices.issue-started").reason == "định kỳ"
    moving = clerk.get("/console/invoices/2026-10/progress/").content.decode()
    assert "hx-get" in moving
    tasks.issue_month(**job.args)
    progress = queries.progress(period=OCTOBER)
    assert progress is not None and (progress.status, progress.invoices) == ("finished", 2)
    assert "2 trên 2 hóa đơn" in clerk.get("/console/invoices/2026-10/").content.decode()
    assert "C26TNA" in clerk.get("/console/invoices/2026-10/").content.decode()


@pytest.mark.parametrize("role", [Audience.BILLING, Audience.AUDITOR, Audience.ADMINISTRATOR])
def test_readers_see_every_page_and_take_a_pack(issued: list[Any], role: Audience) -> None:
    reader = desk(role)
    for address in ("", "2026-10/", "rejected/", "days/2026-11-23/", "?format=csv", "rejected/?format=csv"):
        answer = reader.get(f"/console/invoices/{address}")
        assert answer.status_code == 200, address
    (pack,) = queries.packs(period=OCTOBER)
    taken = reader.get(f"/console/invoices/packs/{pack.id}/")
    archive = zipfile.ZipFile(io.BytesIO(b"".join(taken.streaming_content)))
    assert len(archive.namelist()) == len(issued)
    assert AuditEntry.objects.filter(action="invoices.pack-taken").count() == 1


@pytest.mark.parametrize("role", [Audience.CASHIER, Audience.CUSTOMER_SERVICE])
def test_others_are_not_let_in(role: Audience) -> None:
    assert desk(role).get("/console/invoices/").status_code == 403


def test_only_billing_starts_and_replaces(issued: list[Any]) -> None:
    for role in (Audience.AUDITOR, Audience.ADMINISTRATOR):
        reader = desk(role)
        assert reader.post("/console/invoices/2026-10/start/").status_code == 403
        assert reader.post(f"/console/invoices/rejected/{issued[0].id}/replace/").status_code == 403


def test_a_rejected_invoice_is_shown_with_its_reason_and_replaced(issued: list[Any]) -> None:
    reject(2)
    clerk = desk(Audience.BILLING)
    page = clerk.get("/console/invoices/rejected/").content.decode()
    assert "1C26TNA-2" in page and "20003 MST người mua" in page
    assert "1 hóa đơn bị cơ quan thuế từ chối" in clerk.get("/console/invoices/").content.decode()
    refused = clerk.post(f"/console/invoices/rejected/{issued[1].id}/replace/", {"reason": ""}, follow=True)
    assert "needs a reason" in refused.content.decode()
    done = clerk.post(
        f"/console/invoices/rejected/{issued[1].id}/replace/", {"reason": "Sai MST"}, follow=True
    )
    assert "1C26TNA-4" in done.content.decode()
    tasks.issue_month(period="2026-10-01")
    new = queries.invoice_named(name="1C26TNA-4")
    assert new is not None and new.status == "signed"
    assert hand_over_invoices.reconcile(day=timezone.localdate(), ask=False).rejected[0][0] == "1C26TNA-2"


def test_a_key_that_ends_soon_is_said_and_one_that_is_gone_stops_the_start(issued: list[Any]) -> None:

    from tests.factories.einvoice import signer

    soon = timezone.now() + timedelta(days=5, hours=1)
    operations.use_key(lambda: signer(valid_until=soon))
    clerk = desk(Audience.BILLING)
    assert "còn 5 ngày" in clerk.get("/console/invoices/").content.decode()
    gone = timezone.now() - timedelta(days=1)
    operations.use_key(lambda: signer(valid_until=gone))
    assert "hết hạn" in clerk.get("/console/invoices/").content.decode()
    before = ProcrastinateJob.objects.count()
    clerk.post("/console/invoices/2026-10/start/", {"reason": "x"})
    assert ProcrastinateJob.objects.count() == before


def test_a_look_up_shows_the_holder_amounts_and_no_full_name_or_address(
    issued: list[Any], client: Client
) -> None:
    view = issued[0]
    name = one("SELECT name FROM customers_customer WHERE id = %s", view.customer_id)
    address = one("SELECT r.address FROM customers_premises r LIMIT 1")
    assert client.get("/invoices/").status_code == 200
    shown = client.post("/invoices/", {"code": shown_look_up_code(view.look_up_code).lower()})
    page = shown.content.decode()
    assert shown.status_code == 200 and view.name in page
    assert name not in page and address not in page
    assert client.post("/invoices/", {"code": "0000-0000-0000"}).status_code == 404
    assert client.post("/invoices/", {"code": "x"}).status_code == 422
    assert client.get(f"/invoices/?code={view.look_up_code}").content.decode().count(view.name) == 0
    got = client.post("/invoices/xml/", {"code": view.look_up_code})
    assert got.content == show_invoice.invoice_file(view=view)
    assert got["Content-Disposition"] == 'attachment; filename="1C26TNA-1.xml"'


def test_a_file_is_genuine_altered_or_not_ours(issued: list[Any], client: Client) -> None:
    content = show_invoice.invoice_file(view=issued[0])

    def said(data: bytes) -> str:
        return client.post("/invoices/file/", {"file": SimpleUploadedFile("a.xml", data)}).content.decode()

    assert "Hóa đơn thật" in said(content)
    assert "Tệp đã bị sửa" in said(content.replace(b"<TgTTTBSo>", b"<TgTTTBSo>9", 1))
    assert "Không đọc được" in said(b"<html></html>")
    from tests.factories.einvoice import invoice, signer
    from thapsang.engines.einvoice import sign

    assert "Không phải hóa đơn của chúng tôi" in said(sign(invoice(), signer(), at=timezone.now()))
    assert client.post("/invoices/file/").status_code == 422


def test_guessing_is_slowed_down(client: Client) -> None:
    for _ in range(30):
        assert client.post("/invoices/", {"code": "0000-0000-0000"}).status_code == 404
    assert client.post("/invoices/", {"code": "0000-0000-0000"}).status_code == 429
