"""The desk of widespread outages: begin, end, decide, estimate; customer service reads."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.factories import metering as make
from tests.factories import staff
from thapsang.domain.metering import queries
from thapsang.interfaces.shared import storm_jobs
from thapsang.interfaces.worker import storms
from thapsang.kit.identity.access import Audience

pytestmark = pytest.mark.django_db(transaction=True)

NOV = date(2026, 11, 1)
FORM = {"name": "Bão số 10", "from": "2026-10-22T00:00", "document": "CĐ 12", "reason": "Đổ cột"}


@pytest.fixture
def world() -> Any:
    """Two points of one book, ten kWh a day, without October's closing reading."""
    book = make.book()
    for _ in range(2):
        installation = make.meter(make.supply_point(book))
        for month, value in ((7, 0), (8, 310), (9, 620), (10, 920)):
            make.reading(installation, date(2026, month, 1), value)
    make.ensure_months(NOV, NOV)
    return book


def metering(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])


def waiting() -> list[ProcrastinateJob]:
    return list(ProcrastinateJob.objects.filter(status="todo", task_name=storm_jobs.ESTIMATE))


def do_waiting() -> None:
    """Do what was handed over, as the worker would."""
    for job in waiting():
        storms.estimate_storm(**job.args)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = %s", [job.id])


def test_begin_decide_end_and_estimate(world: Any) -> None:
    clerk = staff.signed_in(staff.make_staff(Audience.BILLING, username="nga"))
    assert "Chưa ghi đợt" in clerk.get(reverse("console:storms")).content.decode()
    answer = clerk.post(reverse("console:storm-begin"), {**FORM, "books": world.code.lower()})
    [storm] = queries.storms()
    where = reverse("console:storm", args=[storm.id])
    assert (answer.status_code, answer["Location"]) == (302, where)
    page = clerk.get(where, {"book": f"2026-10/{world.code}"}).content.decode()
    points = queries.held_in_book(storm_id=storm.id, closing=NOV)
    assert (
        len(points) == 2 and points[0].code in page and points[1].serial in page and "đang mất điện" in page
    )
    refused = clerk.post(reverse("console:storm-estimate", args=[storm.id]), {"period": "2026-10"})
    assert refused.status_code == 422
    decided = {"period": "2026-10", "decision": "read", "reason": "Gọi đọc lại", "point": points[0].code}
    assert clerk.post(reverse("console:storm-decide", args=[storm.id]), decided).status_code == 302
    ended = {"at": "2026-10-27T00:00", "reason": "Đóng điện"}
    assert clerk.post(reverse("console:storm-end", args=[storm.id]), ended).status_code == 302
    assert (
        clerk.post(reverse("console:storm-estimate", args=[storm.id]), {"period": "2026-10"}).status_code
        == 302
    )
    page = clerk.get(where).content.decode()
    assert "Đang ước tính" in page and "hx-get" in page and "Đã ước tính" not in page
    assert metering("SELECT count(*) FROM metering_reading WHERE quality = 'E'") == 0
    again = clerk.post(reverse("console:storm-estimate", args=[storm.id]), {"period": "2026-10"})
    assert again.status_code == 302 and len(waiting()) == 1, "asked twice, it waits once"
    do_waiting()
    polled = clerk.get(reverse("console:storm-progress", args=[storm.id]), headers={"HX-Request": "true"})
    assert polled["HX-Refresh"] == "true"
    assert metering("SELECT count(*) FROM metering_reading WHERE quality = 'E'") == 1
    page = clerk.get(where).content.decode()
    assert "đã có điện lại" in page and "Gọi đọc lại" in page and "Đã ước tính 1 điểm đo" in page
    assert "đọc lại" in clerk.get(where, {"format": "csv"}).content.decode()
    withdrawn = clerk.post(reverse("console:storm-withdraw", args=[storm.id]), {"reason": "Nhầm"})
    assert withdrawn.status_code == 302 and queries.storm(storm_id=storm.id).state == "withdrawn"


def test_what_is_missing_is_said_and_what_was_typed_stays() -> None:
    clerk = staff.signed_in(staff.make_staff(Audience.BILLING, username="nga"))
    for wrong, told in (
        ({}, "Chọn ít nhất một đội"),
        ({"books": "X", "from": "?"}, "Chọn ngày và giờ"),
        ({"books": "X"}, "Không có sổ nào"),
        ({"books": "X", "reason": " "}, "Viết lý do"),
    ):
        answer = clerk.post(reverse("console:storm-begin"), {**FORM, **wrong})
        assert (
            answer.status_code == 422
            and told in answer.content.decode()
            and "Bão số 10" in answer.content.decode()
        )


def test_customer_service_reads_and_a_cashier_does_not(world: Any) -> None:
    clerk = staff.signed_in(staff.make_staff(Audience.BILLING, username="nga"))
    clerk.post(reverse("console:storm-begin"), {**FORM, "books": world.code})
    [storm] = queries.storms()
    service = staff.signed_in(staff.make_staff(Audience.CUSTOMER_SERVICE, username="lan"))
    page = service.get(reverse("console:storm", args=[storm.id]))
    assert (
        page.status_code == 200 and reverse("console:storm-end", args=[storm.id]) not in page.content.decode()
    )
    assert service.post(reverse("console:storm-end", args=[storm.id]), {}).status_code == 403
    cashier = staff.signed_in(staff.make_staff(Audience.CASHIER, username="minh"))
    assert cashier.get(reverse("console:storms")).status_code == 403
