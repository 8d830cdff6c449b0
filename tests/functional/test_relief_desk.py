"""The relief desk in a browser: each page at 360, 768 and 1280 px fits and has no serious fault for axe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import connection
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from tests.factories import billing as world
from tests.factories import reliefs as factory
from tests.factories.staff import make_staff, signed_in
from tests.functional.conftest import DESK, PHONE, TABLET
from tests.integration.test_relief_apply import asked
from tests.integration.test_relief_console import run_jobs
from thapsang.domain.reliefs import operations, queries
from thapsang.journeys import relieve_months, run_billing
from thapsang.kit.db.place import ROOT
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity.access import Audience

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SHOTS = os.environ.get("THAPSANG_SHOTS", "")
LIST = "Họ và tên;Địa chỉ;Từ ngày\nNguyễn Văn A;Số 5 đường gì đó;01/10/2026\nKhông Ai;X;01/10/2026\n"
ASKED = os.environ.get("THAPSANG_WIDTHS", "360 768 1280").split()
WIDTHS = [size for size in (PHONE, TABLET, DESK) if str(size["width"]) in ASKED]


@pytest.fixture
def pages() -> Iterator[dict[str, str]]:
    """Make a programme in force, drafts, an unsure row, a batch granted and a simulation; name their pages."""
    world.big_world(books=4, points=120)
    run_billing.start(period=world.OCTOBER, workers=1)
    factory.listed("directive-16", areas=["99999"])
    storm = factory.in_force(factory.storm())
    covid = ROOT / "policies/nghe-an/reliefs/2021-08-covid-4.yaml"
    draft = factory.drafted(covid.read_text(encoding="utf-8"), file=covid.name)
    other = factory.drafted(factory.storm(code="storm-20", low=20, up_to=300, order=101), file="b.yaml")
    with transaction():
        operations.import_list(
            content=LIST.encode(), file_name="ds.csv", code="poor-households", lists=queries.list_scopes(),
            authority="UBND tỉnh", document="QĐ 12", document_date=world.OCTOBER, start=None, end=None, actor="lan",
            at=factory.AT,
        )  # fmt: skip
    batch = asked(name="Bão số 10")
    relieve_months.approve(batch_id=batch, actor=factory.APPROVER, at=factory.AT)
    relieve_months.run(batch_id=batch, workers=1, at=factory.AT)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.code FROM customers_supplypoint p JOIN reliefs_grant g ON g.supply_point_id = p.id LIMIT 1"
        )
        (code,) = cursor.fetchone()
    desk = signed_in(make_staff(Audience.BILLING, username="lan"))
    asking = {"programme": [storm, other], "month": ["2026-10"], "mode": "beside"}
    where = desk.post("/console/reliefs/simulate/", asking)["Location"]
    run_jobs()
    yield {
        "session": desk.cookies["sessionid"].value, "reliefs": "/console/reliefs/",
        "relief": f"/console/reliefs/{draft}/", "evidence": "/console/reliefs/evidence/",
        "batch": f"/console/reliefs/batches/{batch}/", "why": f"/console/reliefs/why/{code}/2026-10/",
        "simulation": where,
    }  # fmt: skip


def faults(page: Page, name: str) -> list[str]:
    """Return what is wrong with the open page."""
    width = page.viewport_size["width"] if page.viewport_size else 0
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}-{width}.png"), full_page=True)
    wide = page.evaluate("document.documentElement.scrollWidth")
    found = [f"{name} at {width}: {wide} px wide"] if wide > width else []
    return found + [
        f"{name} at {width}: {fault['id']}: {fault['nodes'][0]['html'][:160]}"
        for fault in Axe().run(page).response["violations"]
        if fault["impact"] in {"serious", "critical"}
    ]


def test_every_page_fits_and_has_no_serious_fault(
    live_server: LiveServer, pages: dict[str, str], chromium: Browser
) -> None:
    session, found = pages.pop("session"), []
    for size in WIDTHS:
        context = chromium.new_context(viewport=size, locale="vi-VN")
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page = context.new_page()
        for name, path in pages.items():
            page.goto(live_server.url + path)
            found += faults(page, name)
        context.close()
    assert found == []
