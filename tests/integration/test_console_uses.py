"""What premises are used for, recorded on the customer's page: by whom, with what, and what is refused."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.urls import reverse

from tests.factories import customers as people
from tests.factories.staff import make_staff, signed_in
from thapsang.domain.reliefs import queries
from thapsang.kit.identity.access import Audience

pytestmark = pytest.mark.django_db


@pytest.fixture
def one() -> Any:
    return people.make_supplied(people.make_place())


def where(one: Any) -> str:
    point = queries_of(one)
    return reverse("console:use", args=[one.customer_code, point])


def queries_of(one: Any) -> str:
    from thapsang.domain.customers.queries import matching

    return matching.supply_point_codes(ids=[one.supply_point_id])[one.supply_point_id]


def wish(**more: str) -> dict[str, str]:
    return {"use": "hotel", "from": "2026-10-01", "until": "2026-10-31", "source": "GCN 15/2026", **more}


def test_a_use_is_kept_with_its_paper_and_the_last_day_counts(one: Any) -> None:
    clerk = signed_in(make_staff(Audience.BILLING, username="nga"))
    answer = clerk.post(where(one), wish())
    assert (answer.status_code, answer["Location"]) == (
        302,
        reverse("console:customer", args=[one.customer_code]),
    )
    [kept] = queries.uses_of(supply_point_id=one.supply_point_id)
    assert kept == {
        "use": "hotel",
        "start": date(2026, 10, 1),
        "end": date(2026, 11, 1),
        "source": "GCN 15/2026",
    }
    page = clerk.get(answer["Location"]).content.decode()
    assert "Cơ sở lưu trú du lịch" in page and "31/10/2026" in page and "GCN 15/2026" in page


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"from": "hôm qua"}, "chọn lại ngày"),
        ({"until": "2026-09-01"}, "ngày kết thúc phải sau"),
        ({"use": "casino"}, "trong danh sách"),
        ({"source": " "}, "Cần số giấy tờ"),
    ],
)
def test_what_is_wrong_is_said_beside_what_was_typed(one: Any, more: dict[str, str], told: str) -> None:
    clerk = signed_in(make_staff(Audience.BILLING, username="nga"))
    answer = clerk.post(where(one), wish(**more))
    page = answer.content.decode()
    assert answer.status_code == 422 and told in page
    assert queries.uses_of(supply_point_id=one.supply_point_id) == []
    assert ("GCN 15/2026" in page) == ("source" not in more)


def test_the_same_first_day_twice_is_refused(one: Any) -> None:
    clerk = signed_in(make_staff(Audience.BILLING, username="nga"))
    clerk.post(where(one), wish())
    answer = clerk.post(where(one), wish(use="storage"))
    assert answer.status_code == 422 and "chọn ngày khác" in answer.content.decode()
    assert [use["use"] for use in queries.uses_of(supply_point_id=one.supply_point_id)] == ["hotel"]


def test_the_page_says_which_use_ended_and_which_stands_in_the_way(one: Any) -> None:
    clerk = signed_in(make_staff(Audience.BILLING, username="nga"))
    clerk.post(where(one), wish(until=""))
    told = clerk.post(where(one), wish(use="storage", **{"from": "2026-11-01", "until": ""}), follow=True)
    assert "«Cơ sở lưu trú du lịch» ghi trước đó kết thúc" in told.content.decode()
    refused = clerk.post(where(one), wish(use="hospital", **{"from": "2026-10-15", "until": "2026-11-05"}))
    assert refused.status_code == 422
    assert "«Cơ sở lưu trú du lịch» từ 01/10/2026 đến hết 31/10/2026" in refused.content.decode()


def test_only_billing_and_administrators_write_and_only_at_the_customers_own_point(one: Any) -> None:
    reader = signed_in(make_staff(Audience.CUSTOMER_SERVICE, username="kha"))
    assert reader.post(where(one), wish()).status_code == 403
    clerk = signed_in(make_staff(Audience.BILLING, username="nga"))
    other = reverse("console:use", args=["PA13VH0999999", queries_of(one)])
    assert clerk.post(other, wish()).status_code == 404
    assert queries.uses_of(supply_point_id=one.supply_point_id) == []
