"""The correction desk: preview, look, a second person issues; an auditor only reads."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.urls import reverse

from tests.factories import billing as world
from tests.factories import metering as make
from tests.factories import staff
from thapsang.domain.billing.queries import corrections as queries
from thapsang.domain.metering import operations as metering
from thapsang.journeys import run_billing
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity.access import Audience

pytestmark = pytest.mark.django_db(transaction=True)


def one(sql: str, *params: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]


def misread(*used: int) -> list[str]:
    """Bill points of one book, then correct each reading to 50 kWh; return the points' codes."""
    book = make.book()
    points = [world.metered_point(book, kwh) for kwh in used]
    run_billing.start(period=world.OCTOBER, workers=1, at=world.AT)
    for point in points:
        register = one(
            "SELECT r.id FROM metering_register r JOIN metering_installation i ON i.id = r.installation_id "
            "WHERE i.supply_point_id = %s", point
        )  # fmt: skip
        with transaction():
            metering.correct_reading(
                register_id=register,
                read_on=world.NOVEMBER,
                value=1050,
                reason="nhầm",
                actor="x",
                at=world.AT,
            )
    return [one("SELECT code FROM customers_supplypoint WHERE id = %s", point) for point in points]


def wish(codes: list[str], **more: str) -> dict[str, str]:
    asked = {
        "points": " ".join(codes),
        "first": "2026-10",
        "reason": "Đọc nhầm",
        "document": "BB 1",
        "tariff": "kept",
    }
    return {**asked, **more}


def test_from_preview_to_issue_by_two_people() -> None:
    codes = misread(200, 300)
    first = staff.signed_in(staff.make_staff(Audience.BILLING, username="nga"))
    second = staff.signed_in(staff.make_staff(Audience.BILLING, username="minh"))
    answer = first.post(reverse("console:correction-new"), wish(codes))
    [found] = queries.corrections()
    where = reverse("console:correction", args=[found.id])
    assert (answer.status_code, answer["Location"]) == (302, where)
    page = first.get(where).content.decode()
    assert "người khác phải phát hành" in page and "Bậc 2" in page and found.reason in page
    refused = first.post(reverse("console:correction-issue", args=[found.id]), {"how": "adjust"})
    assert refused.status_code == 422 and "cần một người khác" in refused.content.decode()
    assert (
        second.post(reverse("console:correction-issue", args=[found.id]), {"how": "adjust"}).status_code
        == 302
    )
    now = queries.correction(correction_id=found.id)
    assert (now.status, now.asked_name, now.approved_name) == ("issued", "nga", "minh")
    assert "→ HD2610-" in second.get(where).content.decode()
    assert second.get(where + "?format=csv").content.decode("utf-8-sig").count("HD2610-") == 4
    assert str(found.id) in first.get(reverse("console:corrections")).content.decode()


def test_what_is_wrong_is_said_beside_what_was_typed() -> None:
    [code] = misread(200)
    client = staff.signed_in(staff.make_staff(Audience.BILLING, username="nga"))
    for more, told in (
        ({"points": ""}, "một trong hai"),
        ({"points": "PA13VH0000000999"}, "kiểm tra lại mã"),
        ({"first": "10/2026"}, "viết tháng như 2026-10"),
        ({"first": "2026-09"}, "chỉ chọn kỳ đã lập"),
        ({"document": " "}, "văn bản làm căn cứ"),
    ):
        answer = client.post(reverse("console:correction-new"), wish([code], **more))
        assert answer.status_code == 422 and told in answer.content.decode()
        assert "Đọc nhầm" in answer.content.decode()
    client.post(reverse("console:correction-new"), wish([code]))
    [found] = queries.corrections()
    answer = client.post(reverse("console:correction-withdraw", args=[found.id]), {"reason": "thôi"})
    assert answer.status_code == 302
    assert queries.correction(correction_id=found.id).status == "withdrawn"


def test_an_auditor_reads_and_changes_nothing() -> None:
    codes = misread(200)
    client = staff.signed_in(staff.make_staff(Audience.BILLING, username="nga"))
    client.post(reverse("console:correction-new"), wish(codes))
    [found] = queries.corrections()
    auditor = staff.signed_in(staff.make_staff(Audience.AUDITOR))
    assert auditor.get(reverse("console:correction", args=[found.id])).status_code == 200
    for name in ("correction-issue", "correction-withdraw"):
        assert auditor.post(reverse(f"console:{name}", args=[found.id]), {"how": "adjust"}).status_code == 403
    assert client.get(reverse("console:correction", args=[99])).status_code == 404
