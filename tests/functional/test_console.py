"""The console as its people use it: the door, the keyboard, the main tasks; no serious fault for axe."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Browser, Page

from tests.functional.conftest import DESK, PHONE, TABLET, Site
from thapsang.kit.identity import demonstration

pytestmark = pytest.mark.browser
ROLES = {
    "billing": "hoadon",
    "cashier": "thungan",
    "service": "chamsoc",
    "auditor": "kiemtra",
    "admin": "quantri",
}
PAGES = [
    ("billing", "/console/"), ("billing", "/console/runs/"), ("billing", "/console/runs/2026-10/"),
    ("billing", "/console/exceptions/"), ("billing", "/console/imports/"), ("billing", "/console/customers/"),
    ("billing", "/console/account/"), ("cashier", "/console/"), ("cashier", "CUSTOMER"), ("service", "CUSTOMER"),
    ("auditor", "/console/"), ("auditor", "/console/audit/"), ("admin", "/console/"), ("admin", "/console/staff/"),
]  # fmt: skip


def thapsang(site: Site, *words: str) -> str:
    """Run a command on the site's own database."""
    environment = os.environ | {"THAPSANG_DB_KEY": site_key()}
    environment.pop("DATABASE_URL", None)
    command = [sys.executable, "-m", "thapsang.interfaces.cli.main", *words]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def site_key() -> str:
    return f"functional-{os.getpid()}"


@pytest.fixture(scope="module")
def staffed(site: Site) -> Site:
    thapsang(site, "staff", "demo", "--json")
    return site


@pytest.fixture(scope="module")
def states(staffed: Site, chromium: Browser) -> dict[str, Any]:
    """A signed-in browser state by role, each made at the door."""
    made: dict[str, Any] = {}
    for role, username in ROLES.items():
        context = chromium.new_context(viewport=DESK)
        page = context.new_page()
        sign_in(page, staffed, username)
        made[role] = context.storage_state()
        context.close()
    return made


def sign_in(page: Page, site: Site, username: str) -> None:
    """Sign in by the keyboard alone."""
    page.goto(f"{site.url}/console/")
    page.get_by_label("Tên đăng nhập").focus()
    page.keyboard.type(username)
    page.keyboard.press("Tab")
    page.keyboard.type(demonstration.PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_label("Mã 6 số").focus()
    page.keyboard.type(code_now())
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/")


def code_now() -> str:
    from datetime import UTC, datetime

    from thapsang.kit.identity.second_factor import code_at

    return code_at(secret=demonstration.SECRET, at=datetime.now(UTC))


@pytest.fixture
def desk(
    request: pytest.FixtureRequest, staffed: Site, states: dict[str, Any], chromium: Browser
) -> Iterator[Page]:
    """A desk of the role asked for; afterwards: nothing the content policy or the page complained of."""
    role, viewport = request.param if isinstance(request.param, tuple) else (request.param, DESK)
    context = chromium.new_context(viewport=viewport, storage_state=states[role], base_url=staffed.url)
    context.set_default_timeout(15_000)
    page, complaints = context.new_page(), []
    page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto("/console/")
    yield page
    context.close()
    assert complaints == []


def customer_page(page: Page) -> str:
    page.goto("/console/customers/")
    page.get_by_label("Mã khách hàng, tên").fill("PA13VH")
    page.keyboard.press("Enter")
    link = page.locator("[data-rows] a").first
    return str(link.get_attribute("href"))


@pytest.mark.parametrize("viewport", [PHONE, TABLET, DESK], ids=["360", "768", "1280"])
@pytest.mark.parametrize(("role", "path"), PAGES)
def test_pages_fit_and_have_no_serious_fault(
    role: str, path: str, viewport: Any, staffed: Site, states: dict[str, Any], chromium: Browser
) -> None:
    context = chromium.new_context(viewport=viewport, storage_state=states[role], base_url=staffed.url)
    page = context.new_page()
    page.goto(customer_page(page) if path == "CUSTOMER" else path)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    serious = [
        f"{fault['id']}: {fault['nodes'][0]['html'][:120]}"
        for fault in Axe().run(page).response["violations"]
        if fault["impact"] in {"serious", "critical"}
    ]
    context.close()
    assert serious == []


@pytest.mark.parametrize("path", ["/console/sign-in/"])
def test_the_door_has_no_serious_fault(path: str, staffed: Site, chromium: Browser) -> None:
    context = chromium.new_context(viewport=PHONE, base_url=staffed.url)
    page = context.new_page()
    page.goto(path)
    faults = [f for f in Axe().run(page).response["violations"] if f["impact"] in {"serious", "critical"}]
    context.close()
    assert faults == []


@pytest.mark.parametrize("desk", ["billing"], indirect=True)
def test_desks_are_reached_by_two_keys(desk: Page) -> None:
    for key, path in (
        ("b", "/console/runs/"),
        ("x", "/console/exceptions/"),
        ("i", "/console/imports/"),
        ("h", "/console/"),
    ):
        desk.keyboard.press("g")
        desk.keyboard.press(key)
        desk.wait_for_url(f"**{path}")
    desk.keyboard.press("?")
    assert desk.get_by_role("dialog").is_visible()
    desk.keyboard.press("Escape")


@pytest.mark.parametrize("desk", ["cashier"], indirect=True)
def test_a_cashier_finds_a_customer_and_takes_cash_by_keyboard(desk: Page) -> None:
    desk.keyboard.press("/")
    desk.keyboard.type("PA13VH")
    desk.keyboard.press("Enter")
    desk.wait_for_url("**/console/customers/")
    code = desk.locator("[data-rows] a").first.inner_text()
    desk.keyboard.press("Escape")
    desk.keyboard.press("j")
    desk.keyboard.press("Enter")
    desk.wait_for_url(f"**/{code}/")
    amount = desk.get_by_label("Thu tiền mặt")
    amount.focus()
    amount.select_text()
    desk.keyboard.type("5.000")
    desk.keyboard.press("Enter")
    desk.get_by_text("Đã thu 5.000").wait_for()
    assert desk.get_by_text("quầy").first.is_visible()


@pytest.mark.parametrize("desk", ["service"], indirect=True)
def test_customer_service_reveals_a_phone_for_a_reason_and_writes_a_note(desk: Page) -> None:
    desk.goto(customer_page(desk))
    assert "••••" in desk.locator("[id^=contact-]").first.inner_text()
    desk.get_by_text("Xem đủ").first.click()
    desk.get_by_label("Lý do xem").first.fill("khách hỏi số đã đăng ký")
    desk.keyboard.press("Enter")
    desk.locator("[id^=contact-] b").first.wait_for()
    assert desk.locator("[id^=contact-] b").first.inner_text().startswith("+84")
    desk.get_by_label("Ghi thêm").fill("Khách hẹn gọi lại chiều thứ hai")
    desk.get_by_role("button", name="Ghi", exact=True).click()
    desk.get_by_text("Khách hẹn gọi lại chiều thứ hai").wait_for()


@pytest.mark.slow
@pytest.mark.parametrize("desk", ["billing"], indirect=True)
def test_a_bill_run_is_tried_started_and_watched_while_the_worker_works(desk: Page, staffed: Site) -> None:
    environment = os.environ | {"THAPSANG_DB_KEY": site_key()}
    worker = subprocess.Popen(
        [sys.executable, "-m", "thapsang.interfaces.cli.main", "worker"], env=environment
    )
    try:
        today = timezone.localdate()
        desk.goto(f"/console/runs/{today.year - 2 + (today.month > 1)}-{(today.month - 2) % 12 + 1:02}/")
        desk.get_by_role("button", name="Chạy thử").click()
        desk.get_by_text("Chạy thử: theo mục đích sử dụng").wait_for(timeout=60_000)
        desk.get_by_role("button", name="Lập hóa đơn").click()
        desk.get_by_text("100 %").wait_for(timeout=90_000)
        desk.get_by_text("Theo mục đích sử dụng, so với tháng trước").wait_for(timeout=30_000)
    finally:
        worker.terminate()
        worker.wait(30)
    assert "billing.run-started" in thapsang(staffed, "audit", "list", "--json")
    assert '"whole": true' in thapsang(staffed, "audit", "verify", "--json")
