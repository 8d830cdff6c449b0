"""Storm mode and refunds in a browser: each page at 360, 768 and 1280 px fits and has no serious fault for axe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.test import Client
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from tests.factories import metering as make
from tests.factories.staff import make_staff, signed_in
from tests.functional.test_relief_desk import WIDTHS, faults
from tests.integration.test_console_storms import FORM, NOV
from tests.integration.test_metering_storms import three_periods
from tests.integration.test_refunds_pages import PHONE, portal, wish, world
from thapsang.domain.metering import queries as metering
from thapsang.domain.payments.queries import refunds as queries
from thapsang.kit.identity.access import Audience

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@dataclass(frozen=True)
class Pages:
    """Addresses by name, for staff and for the customer, with their sessions."""

    desk: dict[str, str]
    portal: dict[str, str]
    staff: str
    customer: str


def session(client: Client) -> str:
    return client.cookies["sessionid"].value


@pytest.fixture
def pages() -> Iterator[Pages]:
    """Make a storm with points held, decided and released, and refunds in several states; name their pages."""
    desk = signed_in(make_staff(Audience.BILLING, Audience.CASHIER, username="lan"))
    mine, theirs = world()
    book = make.book()
    for _ in range(3):
        three_periods(book)
    desk.post("/console/storms/begin/", {**FORM, "books": book.code})
    desk.post("/console/storms/begin/", {**FORM, "name": "Lũ quét Kỳ Sơn", "communes": ["16690"]})
    first, second = (storm.id for storm in reversed(metering.storms()))
    point = metering.held_in_book(storm_id=first, closing=NOV)[0].code
    decided = {"period": "2026-10", "decision": "read", "reason": "Gọi đọc lại", "point": point}
    desk.post(f"/console/storms/{first}/decide/", decided)
    desk.post(f"/console/storms/{second}/end/", {"at": "2026-10-27T00:00", "reason": "Đóng điện"})
    me = portal(PHONE)
    me.post("/account/refunds/", wish(mine, amount="20"))
    desk.post(f"/console/refunds/{queries.refunds()[0].id}/approve/", {"reason": "đúng tên"})
    desk.post("/console/refunds/send/")
    desk.post("/console/refunds/ask/", {**wish(theirs), "reason": "Khách gọi"})
    waiting, sent = (queries.refunds(status=status)[0].id for status in ("asked", "sent"))
    yield Pages(
        {
            "storms": "/console/storms/", "storm": f"/console/storms/{first}/?book=2026-10/{book.code}",
            "refunds": "/console/refunds/", "refunds-all": "/console/refunds/?status=",
            "refund": f"/console/refunds/{waiting}/",
            "refund-sent": f"/console/refunds/{sent}/", "refund-new": "/console/refunds/ask/",
        },
        {"my-refunds": "/account/refunds/", "my-account": "/account/"}, session(desk), session(me),
    )  # fmt: skip


def test_every_page_fits_and_has_no_serious_fault(
    live_server: LiveServer, pages: Pages, chromium: Browser
) -> None:
    found = []
    for size in WIDTHS:
        for who, paths in ((pages.staff, pages.desk), (pages.customer, pages.portal)):
            context = chromium.new_context(viewport=size, locale="vi-VN")
            context.add_cookies([{"name": "sessionid", "value": who, "url": live_server.url}])
            page = context.new_page()
            for name, path in paths.items():
                page.goto(live_server.url + path)
                found += faults(page, name)
            if who == pages.customer:
                page.goto(live_server.url + "/account/refunds/")
                for summary in page.locator("details summary").all():
                    summary.click()
                found += faults(page, "my-refunds-open")
            context.close()
    assert found == []
