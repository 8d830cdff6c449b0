"""The desk of lists: a row that is not certain stands beside what the register says; the last day counts."""

from __future__ import annotations

from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.factories import customers as people
from tests.factories.staff import make_staff, signed_in
from tests.integration.test_relief_evidence import evidence
from thapsang.kit.identity.access import Audience

pytestmark = pytest.mark.django_db


def test_candidates_are_shown_as_the_register_has_them() -> None:
    place = people.make_place()
    sure = people.make_supplied(place, serial=1, name="Nguyễn Văn An", address="Số 12 đường Nguyễn Du")
    people.make_supplied(place, serial=2, name="Lê Chi", address="Số 5 Lê Lợi")
    clerk = signed_in(make_staff(Audience.BILLING, username="lan"))
    rows = f"Mã KH;Họ và tên;Địa chỉ\n{sure.customer_code};Nguyễn Văn An;\n;Lê Chi;Số 7 Lê Lợi\n"
    wish = {
        "file": SimpleUploadedFile("ds.csv", rows.encode()), "list": "poor-households", "authority": "UBND tỉnh",
        "document": "QĐ 12", "dated": "2026-10-05", "from": "2026-10-01", "until": "2026-12-31",
    }  # fmt: skip
    assert clerk.post("/console/reliefs/evidence/", wish).status_code == 302
    assert evidence() == [("poor-households", sure.supply_point_id, "", date(2026, 10, 1), date(2027, 1, 1))]
    page = clerk.get("/console/reliefs/evidence/").content.decode()
    assert "Số 7 Lê Lợi" in page, "what the list says"
    assert "Số 5 Lê Lợi" in page and "Đúng người này" in page, "what the register says"
    reader = signed_in(make_staff(Audience.AUDITOR, username="kiem"))
    seen = reader.get("/console/reliefs/evidence/").content.decode()
    assert "Số 5 Lê Lợi" in seen and "Đúng người này" not in seen
