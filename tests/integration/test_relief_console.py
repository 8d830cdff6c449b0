"""The console's relief desk: programmes with four eyes, simulation, batch, evidence, why."""

from __future__ import annotations

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.factories import billing as world
from tests.factories import reliefs as factory
from tests.factories.staff import make_staff, signed_in
from thapsang.domain.reliefs import queries
from thapsang.interfaces.worker import relief as tasks
from thapsang.journeys import run_billing
from thapsang.kit.identity.access import Audience

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lan() -> Client:
    return signed_in(make_staff(Audience.BILLING, username="lan"))


@pytest.fixture
def minh() -> Client:
    return signed_in(make_staff(Audience.ADMINISTRATOR, username="minh"))


def page(client: Client, path: str, status: int = 200) -> str:
    response = client.get(f"/console/reliefs/{path}")
    assert response.status_code == status, path
    return response.content.decode()


def sent(client: Client, path: str, status: int = 302, **values: object) -> str:
    response = client.post(f"/console/reliefs/{path}", values)
    assert response.status_code == status, (path, response.content.decode()[:2000])
    return response.get("Location", "") or response.content.decode()


def run_jobs() -> None:
    """Do what was handed over, as the worker would."""
    doing = {
        "thapsang.simulate_reliefs": tasks.simulate_reliefs,
        "thapsang.compute_relief_batch": tasks.compute_batch,
        "thapsang.run_relief_batch": tasks.run_batch,
    }
    for job in ProcrastinateJob.objects.filter(status="todo", task_name__in=doing).order_by("id"):
        doing[job.task_name](**job.args)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = %s", [job.id])


def test_a_programme_is_read_reviewed_by_another_and_closed(lan: Client, minh: Client) -> None:
    wrong = SimpleUploadedFile("storm.yaml", factory.storm(low=200).encode())
    assert "percent" in sent(lan, "draft/", 422, file=wrong, reason="bão")
    assert ".yaml" in sent(lan, "draft/", 422, file=SimpleUploadedFile("a.txt", b"x"), reason="bão")
    file = SimpleUploadedFile("storm.yaml", factory.storm().encode())
    where = sent(lan, "draft/", file=file, reason="bão")
    number = int(re.findall(r"\d+", where)[0])
    shown = page(lan, f"{number}/")
    for text in (
        "giảm 15 % tiền điện trước thuế",
        "Người khác phải duyệt",
        "theo tháng hóa đơn",
        "# A storm in October",
    ):
        assert text in shown, text
    assert "somebody else" in sent(lan, f"{number}/review/", 422)
    sent(minh, f"{number}/review/")
    sent(minh, f"{number}/put-in-force/")
    assert queries.programme_named(name="storm").status == "in-force"
    assert "đang áp dụng" in page(lan, "")
    assert "storm" in page(lan, "?format=csv")
    sent(lan, f"{number}/close/", reason="hết hạn")
    assert "hết hạn" in page(lan, "")
    assert page(lan, "999/", 404) and sent(lan, f"{number}/nothing/", 404)


def test_simulated_asked_approved_by_another_applied_and_reversed(lan: Client, minh: Client) -> None:
    world.big_world(books=3, points=150)
    run_billing.start(period=world.OCTOBER, workers=1)
    factory.listed("directive-16", areas=["99999"])
    storm = factory.in_force(factory.storm())
    other = factory.drafted(factory.storm(low=20, up_to=300), file="other.yaml")
    where = sent(lan, "simulate/", programme=[storm, other], month=["2026-10"], mode="beside")
    key = where.rstrip("/").rsplit("/", 1)[-1]
    waiting = page(lan, f"simulations/{key}/")
    assert "Đang tính thử" in waiting and "hx-get" in waiting
    run_jobs()
    shown = page(lan, f"simulations/{key}/")
    for text in (
        "<svg",
        f"storm #{storm}",
        f"storm #{other}",
        "Sinh hoạt",
        "Đội lớn",
        "Mười khoản lớn nhất",
        "Suýt được",
    ):
        assert text in shown, text
    assert "style=" not in shown
    where = sent(lan, "ask/", programme=[storm], month=["2026-10"], name="Bão số 10", reason="NQ")
    number = int(re.findall(r"\d+", where)[0])
    run_jobs()
    shown = page(lan, f"batches/{number}/")
    assert "người khác phải duyệt" in shown and "chờ duyệt" in shown and "Bão số 10" in shown
    assert "somebody else" in sent(lan, f"batches/{number}/approve/", 422)
    sent(minh, f"batches/{number}/approve/")
    assert "hx-get" in page(minh, f"batches/{number}/")
    run_jobs()
    done = lan.get(f"/console/reliefs/batches/{number}/progress/", headers={"HX-Request": "true"})
    assert done["HX-Refresh"] == "true" and "100 %" in done.content.decode()
    assert "storm/small" in page(lan, f"batches/{number}/")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.code FROM customers_supplypoint p JOIN reliefs_grant g ON g.supply_point_id = p.id LIMIT 1"
        )
        (code,) = cursor.fetchone()
    why = page(lan, f"why/{code}/2026-10/")
    for text in ("Vì sao được", "đúng", "sai", "Nghị quyết storm", f"<td>{number}"):
        assert text in why, text
    assert page(lan, "why/PA13BG0000000000/2026-10/", 404)
    assert "write it as YYYY-MM" in page(lan, f"why/{code}/10-2026/", 422)
    sent(lan, f"batches/{number}/reverse/", reason="nhầm")
    assert "somebody else" in sent(lan, f"batches/{number}/approve/", 422)
    sent(minh, f"batches/{number}/approve/")
    run_jobs()
    assert queries.batch(batch_id=number).status == "reversed"
    assert "đã đảo" in page(lan, f"batches/{number}/")
    assert page(lan, "batches/999/", 404)


def test_evidence_is_taken_in_and_decided(lan: Client) -> None:
    world.big_world(books=1, points=3)
    text = "Họ và tên;Địa chỉ\nNguyễn Văn A;Số 1\nNguyễn Văn A;Chỗ nào đó\nKhông Ai;Số 9\n"
    values = {
        "list": "poor-households",
        "authority": "UBND",
        "document": "QĐ 1",
        "dated": "2026-10-05",
        "from": "2026-10-01",
    }
    where = sent(lan, "evidence/", file=SimpleUploadedFile("ds.csv", text.encode()), **values)
    assert where == "/console/reliefs/evidence/"
    shown = page(lan, "evidence/")
    assert "Chỗ nào đó" in shown and "_from" not in shown and "QĐ 1" in shown
    (kept,) = queries.lists()
    assert (kept.sure, kept.waiting, kept.none) == (1, 1, 1)
    assert "Không Ai" in page(lan, f"evidence/{kept.id}/rejected/")
    row = queries.queue()[0].id
    sent(lan, f"evidence/rows/{row}/", choice="")
    assert queries.queue_length() == 0
    assert "không chờ" in sent(lan, f"evidence/rows/{row}/", 422, choice="0")
    assert "Chọn một tệp" in sent(lan, "evidence/", 422, **values)


def test_auditors_read_and_others_stay_out() -> None:
    number = factory.drafted(factory.storm())
    auditor = signed_in(make_staff(Audience.AUDITOR, username="kiem"))
    shown = page(auditor, f"{number}/")
    assert "Đóng chương trình" not in shown and "Gửi bản thảo" not in page(auditor, "")
    assert sent(auditor, f"{number}/review/", 403)
    cashier = signed_in(make_staff(Audience.CASHIER, username="thu"))
    page(cashier, "", 403)
