"""Relief, corrections and e-invoices in a browser: every page with real work on it, in both languages, by keyboard.

The province of the functional tests gets the work of `tests.functional.desks`; pages are looked at by axe at 360, 768
and 1280 px, and three errands are run without a mouse.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.factories.reliefs import storm
from tests.functional.conftest import DESK, PHONE, TABLET, Site
from tests.functional.test_console import ROLES, sign_in, site_key

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("THAPSANG_SHOTS", "")
WIDTHS = (PHONE, TABLET, DESK)
READS = {"audit": "auditor", "staff": "admin", "customer-closed": "service"}
"""Pages that other roles than the billing clerk read; the rest is hers."""
OLDER = {
    "home": "/console/", "runs": "/console/runs/", "run": "/console/runs/2026-10/", "audit": "/console/audit/",
    "exceptions": "/console/exceptions/", "imports": "/console/imports/", "staff": "/console/staff/",
}  # fmt: skip
VIETNAMESE = re.compile(r"[ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]", re.I)


@pytest.fixture(scope="module")
def pages(site: Site) -> dict[str, str]:
    """Do the desks' work once; return what stands where."""
    environment = os.environ | {"THAPSANG_DB_KEY": site_key(), "THAPSANG_TWIN_URL": site.twins}
    environment.pop("DATABASE_URL", None)
    command = [sys.executable, "-m", "tests.functional.desks"]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return {**OLDER, **json.loads(done.stdout.splitlines()[-1])}


@pytest.fixture(scope="module")
def doors(pages: dict[str, str], site: Site, chromium: Browser) -> dict[str, Any]:
    """A signed-in browser state by role."""
    made = {}
    for role in ("billing", "admin", "auditor", "service"):
        context = chromium.new_context(viewport=DESK)
        sign_in(context.new_page(), site, ROLES[role])
        made[role] = context.storage_state()
        context.close()
    return made


def opened(chromium: Browser, site: Site, state: Any, viewport: Any, language: str = "vi") -> BrowserContext:
    context = chromium.new_context(viewport=viewport, storage_state=state, base_url=site.url)
    context.set_default_timeout(20_000)
    context.add_cookies([{"name": "django_language", "value": language, "url": site.url}])
    return context


def faults(page: Page, name: str) -> list[str]:
    """Return what is wrong with the open page: too wide, small to the finger, or a serious fault for axe."""
    width = page.viewport_size["width"] if page.viewport_size else 0
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}-{width}.png"), full_page=True)
    found = []
    if page.evaluate("document.documentElement.scrollWidth") > width:
        found.append(f"{name} at {width}: the page scrolls sideways")
    if width == PHONE["width"]:
        found += [f"{name}: {one} scrolls sideways" for one in page.evaluate(SIDEWAYS)]
        found += [f"{name}: {one} is small to the finger" for one in page.evaluate(SMALL)]
    return found + [
        f"{name} at {width}: {fault['id']}: {fault['nodes'][0]['html'][:160]}"
        for fault in Axe().run(page).response["violations"]
        if fault["impact"] in {"serious", "critical"}
    ]


SIDEWAYS = """[...document.querySelectorAll('.list-frame')].filter(e => e.scrollWidth > e.clientWidth + 1)
  .map(e => e.getAttribute('aria-label') || e.getAttribute('aria-labelledby'))"""
SMALL = """[...document.querySelectorAll('main :is(button, select, summary, a.button, input:not([type=hidden]))')]
  .map(e => [e, (e.closest('label') || e).getBoundingClientRect()])
  .filter(([e, box]) => box.width > 1 && box.height > 1 && box.height < 43.5)
  .map(([e]) => (e.textContent || e.name).trim().slice(0, 30))"""


@pytest.mark.parametrize("language", ["vi", "en"])
def test_every_page_fits_and_has_no_serious_fault(
    language: str, pages: dict[str, str], doors: dict[str, Any], site: Site, chromium: Browser
) -> None:
    found = []
    for width in WIDTHS if language == "vi" else (PHONE,):
        for role, state in doors.items():
            context = opened(chromium, site, state, width, language)
            page = context.new_page()
            for name, path in pages.items():
                if path.startswith("/") and READS.get(name, "billing") == role:
                    answer = page.goto(path)
                    assert answer and answer.status == 200, path
                    found += faults(page, f"{name}-{language}")
            context.close()
    assert found == []


def test_the_frame_of_every_desk_speaks_english(
    pages: dict[str, str], doors: dict[str, Any], site: Site, chromium: Browser
) -> None:
    """Headings, heads of columns, labels and buttons are English; what people and authorities wrote is not ours."""
    context = opened(chromium, site, doors["billing"], DESK, "en")
    page = context.new_page()
    found = []
    for name in ("programmes", "evidence", "batch-ready", "correction-draft", "correction-new", "invoices",
                 "invoices-month", "invoices-rejected", "invoices-day", "runs"):  # fmt: skip
        page.goto(pages[name])
        texts = page.locator(
            "main h2, main thead th, main label, main button, main dt, nav li span"
        ).all_inner_texts()
        found += [f"{name}: {text}" for text in texts if VIETNAMESE.search(text) and not _theirs(text)]
    context.close()
    assert found == []


def _theirs(text: str) -> bool:
    """Tell what comes from the data: an authority's column, the name of a batch, a person."""
    return any(
        word in text
        for word in ("Họ và tên", "Địa chỉ", "Từ ngày", "Mã khách hàng", "Bão số 10", "Tiếng Việt")
    ) or ("This is the one" in text or "None of these" in text or "Giảm tiền điện" in text)


def test_the_public_look_up_tells_genuine_from_altered(
    pages: dict[str, str], site: Site, chromium: Browser, tmp_path: Path
) -> None:
    code, found = pages["look-up-code"], []
    for width in WIDTHS:
        context = opened(chromium, site, None, width)
        page = context.new_page()
        page.goto("/invoices/")
        page.locator("input[name=code]").first.fill(code)
        page.keyboard.press("Enter")
        page.get_by_text("XML").first.wait_for()
        found += faults(page, "look-up")
        context.close()
    with httpx.Client(base_url=site.url, follow_redirects=True) as web:
        web.get("/invoices/")
        token = {"csrfmiddlewaretoken": web.cookies["csrftoken"]}
        form = re.search(
            r'action="([^"]*xml[^"]*)"', web.post("/invoices/", data={**token, "code": code}).text
        )
        assert form
        genuine = web.post(form[1], data={**token, "code": code}).content
    altered = genuine.replace(b"<SLuong>", b"<SLuong>9", 1)
    assert altered != genuine
    for name, content, told in (("genuine", genuine, "thật"), ("altered", altered, "đã bị sửa")):
        file = tmp_path / f"{name}.xml"
        file.write_bytes(content)
        for width in WIDTHS:
            context = opened(chromium, site, None, width)
            page = context.new_page()
            page.goto("/invoices/")
            page.locator("input[type=file]").set_input_files(file)
            page.locator("form:has(input[type=file]) button").click()
            expect(page.locator("main")).to_contain_text(told)
            found += faults(page, name)
            context.close()
    assert found == []


@pytest.fixture
def worker(site: Site) -> Iterator[None]:
    """The worker, for what pages hand over."""
    environment = os.environ | {"THAPSANG_DB_KEY": site_key(), "THAPSANG_TWIN_URL": site.twins}
    process = subprocess.Popen(
        [sys.executable, "-m", "thapsang.interfaces.cli.main", "worker"], env=environment
    )
    yield
    process.terminate()
    process.wait(30)


def press(page: Page, name: str) -> None:
    """Reach a button or link by Tab alone, see that it shows where one is, and press Enter."""
    for _ in range(300):
        page.keyboard.press("Tab")
        here = page.evaluate(
            "(e => [(e.textContent || '').trim().replace(/\\s+/g, ' '), getComputedStyle(e).outlineStyle])"
            "(document.activeElement)"
        )
        if here[0].startswith(name):
            assert here[1] != "none", f"{name}: nothing shows that it has the focus"
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"{name} is not reached by Tab")


def fill(page: Page, label: str, text: str) -> None:
    """Reach a field by Tab alone and type."""
    wanted = page.locator("main").get_by_label(label).first.get_attribute("id")
    for _ in range(300):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == wanted:
            page.keyboard.type(text)
            return
    raise AssertionError(f"{label} is not reached by Tab")


@pytest.mark.slow
def test_a_relief_from_draft_to_applied_by_keyboard(
    pages: dict[str, str], doors: dict[str, Any], site: Site, chromium: Browser, worker: None, tmp_path: Path
) -> None:
    clerk = opened(chromium, site, doors["billing"], DESK).new_page()
    other = opened(chromium, site, doors["admin"], DESK).new_page()
    file = tmp_path / "2026-10-keys.yaml"
    file.write_text(
        storm(code="keys", order=120, listed="poor-households: last-billed-day"), encoding="utf-8"
    )
    clerk.goto("/console/")
    clerk.keyboard.press("g")
    clerk.keyboard.press("g")
    clerk.wait_for_url("**/console/reliefs/")
    clerk.locator("#file").set_input_files(file)  # the system's own dialog is no page of ours
    press(clerk, "Gửi bản thảo")
    clerk.wait_for_url(re.compile(r"/console/reliefs/\d+/"))
    where = clerk.url
    other.goto(where)
    press(other, "Duyệt")
    other.get_by_role("button", name="Đưa vào áp dụng").wait_for()
    press(other, "Đưa vào áp dụng")
    other.get_by_text("đang áp dụng").first.wait_for()
    clerk.goto("/console/reliefs/")
    tick(clerk, "Giảm tiền điện sau bão keys")
    tick(clerk, "10/2026")
    fill(clerk, "Tên đợt", "Bằng bàn phím")
    fill(clerk, "Căn cứ, lý do", "NQ keys")
    press(clerk, "Đề nghị áp dụng")
    clerk.wait_for_url("**/reliefs/batches/*/")
    batch = clerk.url
    clerk.get_by_text("chờ duyệt").first.wait_for(timeout=60_000)
    other.goto(batch)
    press(other, "Duyệt và áp dụng")
    other.get_by_text("đã xong").first.wait_for(timeout=90_000)
    expect(other.get_by_role("link", name="tháng 10/2026")).to_be_visible()
    clerk.context.close()
    other.context.close()


def tick(page: Page, label: str) -> None:
    """Reach a box by Tab alone and tick it."""
    box = page.locator("main").get_by_label(label).first
    for _ in range(300):
        page.keyboard.press("Tab")
        if box.evaluate("e => e === document.activeElement"):
            page.keyboard.press("Space")
            assert box.is_checked()
            return
    raise AssertionError(f"{label} is not reached by Tab")


def test_a_correction_is_issued_by_keyboard(
    pages: dict[str, str], doors: dict[str, Any], site: Site, chromium: Browser
) -> None:
    context = opened(chromium, site, doors["billing"], DESK)
    page = context.new_page()
    page.goto("/console/")
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url("**/console/corrections/")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{pages['correction-draft']}")
    press(page, "Phát hành")
    page.get_by_text("Đã phát hành. Việc này nằm trong nhật ký.").wait_for(timeout=60_000)
    press(page, "tháng 10/2026")
    page.wait_for_url("**/console/invoices/2026-10/")
    context.close()


def test_a_rejected_invoice_is_replaced_by_keyboard(
    pages: dict[str, str], doors: dict[str, Any], site: Site, chromium: Browser
) -> None:
    context = opened(chromium, site, doors["billing"], DESK)
    page = context.new_page()
    page.goto("/console/")
    page.keyboard.press("g")
    page.keyboard.press("e")
    page.wait_for_url("**/console/invoices/")
    press(page, "3 hóa đơn bị cơ quan thuế từ chối")
    page.wait_for_url("**/rejected/")
    fill(page, "Lý do, in trên hóa đơn", "Sai mã số thuế")
    page.keyboard.press("Enter")
    page.get_by_text("Đã đánh số hóa đơn thay thế").wait_for()
    assert page.locator("[data-rows] tbody tr").count() == 2
    context.close()


def test_a_use_is_recorded_on_the_customers_page(
    pages: dict[str, str], doors: dict[str, Any], site: Site, chromium: Browser
) -> None:
    context = opened(chromium, site, doors["billing"], PHONE)
    page = context.new_page()
    page.goto(pages["customer"])
    page.locator(".uses summary").first.click()
    page.locator(".uses").first.get_by_label("Dùng làm").select_option("hotel")
    page.locator(".uses").first.get_by_label("Từ ngày").fill("2026-10-01")
    page.locator(".uses").first.get_by_label("Giấy tờ chứng minh").fill("GCN 15/2026 của Sở Du lịch")
    page.locator(".uses").first.get_by_role("button", name="Ghi", exact=True).click()
    page.get_by_text("Đã ghi mục đích của địa điểm.").wait_for()
    expect(page.locator(".uses").first).to_contain_text("Cơ sở lưu trú du lịch")
    page.locator(".uses").first.get_by_role("link", name="Vì sao được giảm").click()
    expect(page.get_by_role("heading", name="Vì sao được, vì sao không")).to_be_visible()
    context.close()
