"""What a householder does with a phone: sign in, see why the bill is so much, pay, keep the receipt."""

from __future__ import annotations

import re
import subprocess
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.functional.conftest import DESK, PHONE, TABLET, Site, Visit

pytestmark = pytest.mark.browser

ELDERLY, HOUSES, SHOP, HOSPITAL, RENTED, FACTORY = (f"09120001{n:02d}" for n in range(1, 7))
PUBLIC_PAGES = ["/", "/sign-in/", "/look-up/", "/prices/", "/offline/", "/nowhere/"]
OWN_PAGES = ["/home/", "/bills/", "/account/", "/account/contact/", "/account/refunds/", "/account/consents/"]
AMOUNT = re.compile(r"^[\d.]+\u00a0đ$")


def signed_in(phone: str, **options: object) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("visit", [{"phone": phone, **options}], indirect=True)


def newest_bill(visit: Visit) -> str:
    page = visit.go("/bills/")
    link = page.locator("a.item").first.get_attribute("href")
    assert link
    return link


def test_from_first_page_to_receipt_by_the_gateway(visit: Visit) -> None:
    page = visit.go("/")
    page.get_by_role("link", name="Đăng nhập bằng điện thoại").click()
    page.get_by_label("Số điện thoại").fill("0912 000 101")
    page.get_by_role("button", name="Gửi mã cho tôi").click()
    page.get_by_label("Mã 6 chữ số").fill(visit.site.code_for(ELDERLY))
    page.get_by_role("button", name="Đăng nhập").click()
    owed = page.locator(".amount").first.inner_text()
    assert AMOUNT.match(owed)
    expect(page.locator("main")).to_contain_text(re.compile(r"Tháng \d+ nhà mình dùng"))
    visit.site.signed_in[ELDERLY] = visit.context.storage_state()

    page.get_by_role("link", name="Xem vì sao bấy nhiêu").click()
    assert page.locator(".amount").first.inner_text() == owed
    lines = [
        int(re.sub(r"\D", "", text)) for text in page.locator(".tiers .spread .number").all_inner_texts()
    ]
    sums = [int(re.sub(r"\D", "", text)) for text in page.locator(".sums dd").all_inner_texts()]
    assert sum(lines) == sums[0] and sums[0] + sums[1] == sums[2] == int(re.sub(r"\D", "", owed))
    page.locator(".tiers summary").first.click()
    expect(page.locator(".law").first).to_contain_text("1279/QĐ-BCT")

    page.get_by_role("link", name=f"Trả {owed}").click()
    page.get_by_role("button", name="Thẻ hoặc ví điện tử").click()
    page.get_by_role("button", name="Thanh toán").click()
    page.wait_for_url("**/pay/TS*/")
    expect(page.get_by_role("heading", name="Đã trả")).to_be_visible(timeout=15_000)
    page.get_by_role("link", name="Xem biên nhận").click()
    assert page.locator(".amount").inner_text() == owed
    expect(page.locator(".facts")).to_contain_text("Phí")
    expect(page.locator(".facts")).to_contain_text("0\u00a0đ")

    visit.go("/home/")
    expect(page.locator(".badge.good")).to_have_text("đã trả")
    expect(page.get_by_role("link", name="Trả tiền")).to_have_count(0)


@signed_in(HOUSES)
def test_a_transfer_by_vietqr_turns_the_page_to_paid_by_itself(visit: Visit) -> None:
    page = visit.go("/home/")
    expect(page.locator("section.card")).to_have_count(2)
    page.get_by_role("link", name="Trả tiền").first.click()
    owed = page.locator(".amount").inner_text()
    page.get_by_role("button", name="Quét mã VietQR").click()
    expect(page.locator("svg.qr")).to_be_visible()
    assert page.locator("#copy-amount").inner_text() == owed
    address = urlsplit(page.get_by_role("link", name="ngân hàng mô phỏng").get_attribute("href") or "")
    payload = parse_qs(address.query)["payload"][0]
    assert page.locator("#copy-reference").inner_text() in payload
    assert page.locator("#copy-account").inner_text() in payload

    done = httpx.post(
        f"{visit.site.twins}/vietqr/transfer",
        data={"payload": payload},
        headers={"Accept": "application/json"},
    ).json()
    assert done["status"] < 300, done
    expect(page.get_by_role("heading", name="Đã trả")).to_be_visible(timeout=15_000)
    expect(page.locator("svg.qr")).to_have_count(0)


def test_paying_by_customer_code_shows_nothing_personal(visit: Visit) -> None:
    page = visit.go("/")
    page.get_by_label("Mã khách hàng").fill("pa13vh0000003")
    page.get_by_role("button", name="Xem hóa đơn, trả tiền").click()
    expect(page.locator("main")).to_contain_text("Lê T. H.")
    text = page.content()
    assert "Lê Thị Hạnh" not in text and "đường" not in text and "kWh" not in text
    assert "PA13VH" not in page.url
    page.get_by_role("button", name="Thẻ hoặc ví điện tử").click()
    page.get_by_role("button", name="Hủy").click()
    expect(page.get_by_role("heading", name="Chưa trả được")).to_be_visible(timeout=15_000)
    page.get_by_role("link", name="Thử lại").click()
    page.get_by_role("button", name="Thẻ hoặc ví điện tử").click()
    page.get_by_role("button", name="Thanh toán").click()
    expect(page.get_by_role("heading", name="Đã trả")).to_be_visible(timeout=15_000)
    page.get_by_role("link", name="Xem biên nhận").click()
    assert "Lê Thị Hạnh" not in page.content()
    visit.go("/look-up/owed/")
    expect(page.get_by_role("heading", name="Không còn hóa đơn nào phải trả")).to_be_visible()


def test_wrong_codes_and_numbers_say_what_to_do(visit: Visit) -> None:
    page = visit.go("/look-up/")
    for typed, said in (("123", "13 ký tự"), ("PA13VH9999999", "Không có khách hàng mang mã này")):
        page.get_by_label("Mã khách hàng").fill(typed)
        page.get_by_role("button", name="Xem số tiền phải trả").click()
        expect(page.get_by_role("alert")).to_contain_text(said)
        assert page.get_by_label("Mã khách hàng").input_value() == typed
    page = visit.go("/sign-in/")
    page.get_by_label("Số điện thoại").fill("12")
    page.get_by_role("button", name="Gửi mã cho tôi").click()
    expect(page.get_by_role("alert")).to_contain_text("10 chữ số")


def test_a_strangers_phone_sees_the_same_pages_and_gets_no_code(visit: Visit) -> None:
    page = visit.go("/sign-in/")
    page.get_by_label("Số điện thoại").fill("0987654321")
    page.get_by_role("button", name="Gửi mã cho tôi").click()
    expect(page.get_by_role("heading", name="Nhập mã trong tin nhắn")).to_be_visible()
    messages = httpx.get(f"{visit.site.twins}/sms/messages.json", params={"to": "+84987654321"}).json()
    assert len(messages) == 1 and not re.search(r"\b\d{6}\b", messages[0]["text"])
    page.get_by_label("Mã 6 chữ số").fill("000000")
    page.get_by_role("button", name="Đăng nhập").click()
    expect(page.get_by_role("alert")).to_contain_text("Mã chưa đúng")


@signed_in(SHOP)
def test_anothers_bill_does_not_exist(visit: Visit) -> None:
    mine = newest_bill(visit)
    assert visit.page.request.get(visit.site.url + mine).status == 200
    number = int(re.findall(r"\d+", mine)[-1])
    other = mine.replace(f"{number:09d}", f"{number + 1:09d}")
    for path in (other, other + "pdf/", other + "pay/", "/bills/HD2610-999999999/", "/bills/nonsense/"):
        assert visit.page.request.get(visit.site.url + path).status == 404, path


@signed_in(FACTORY)
def test_a_factory_sees_its_bands_and_reactive_power(visit: Visit) -> None:
    page = visit.go(newest_bill(visit))
    for text in ("giờ bình thường", "giờ cao điểm", "giờ thấp điểm"):
        expect(page.locator(".tiers")).to_contain_text(text)
    expect(page.locator("#bill-summary")).not_to_contain_text("nhà mình")


@signed_in(SHOP)
def test_the_printed_bill(visit: Visit, tmp_path) -> None:
    path = newest_bill(visit)
    answer = visit.page.request.get(visit.site.url + path + "pdf/")
    assert (
        answer.headers["content-type"] == "application/pdf" and "no-store" in answer.headers["cache-control"]
    )
    assert re.search(r'filename="HD\d{4}-\d{9}\.pdf"', answer.headers["content-disposition"])
    file = tmp_path / "bill.pdf"
    file.write_bytes(answer.body())
    from pypdf import PdfReader

    pages = PdfReader(file).pages
    text = pages[0].extract_text()
    assert len(pages) == 1
    assert "Lê Thị Hạnh" in text and "PA13VH0000003" in text and "Công ty Điện lực Nghệ An" in text
    assert visit.go(path).locator(".amount").inner_text().replace("\u00a0", " ") in text.replace(
        "\u00a0", " "
    )


@signed_in(HOSPITAL)
def test_english_at_one_tap_and_back(visit: Visit) -> None:
    page = visit.go("/home/")
    assert page.locator("html").get_attribute("lang") == "vi"
    page.get_by_role("button", name="English").click()
    assert page.locator("html").get_attribute("lang") == "en"
    expect(page.get_by_role("navigation")).to_contain_text("Account")
    page.goto(visit.site.url + newest_bill(visit))
    expect(page.locator("main")).to_contain_text("Why this much?")
    page.get_by_role("button", name="Tiếng Việt").click()
    expect(page.locator("main")).to_contain_text("Vì sao bấy nhiêu?")


@pytest.mark.parametrize("visit", [{"java_script_enabled": False, "phone": RENTED}], indirect=True)
def test_every_page_works_without_javascript(visit: Visit) -> None:
    page = visit.go("/home/")
    page.locator("a", has_text="Xem").first.click()
    page.locator("summary").first.click()
    expect(page.locator(".law").first).to_be_visible()
    page.get_by_role("link", name=re.compile("^Trả ")).click()
    page.get_by_role("button", name="Quét mã VietQR").click()
    expect(page.locator("svg.qr")).to_be_visible()
    expect(page.locator('noscript meta[http-equiv="refresh"]')).to_have_count(1)
    page = visit.go("/look-up/")
    expect(page.get_by_label("Mã khách hàng")).to_be_visible()


@signed_in(RENTED)
def test_paying_with_the_keyboard_alone(visit: Visit) -> None:
    page = visit.go("/home/")

    def press_until(name: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            if name in page.evaluate(
                "document.activeElement.matches('a, button') ? document.activeElement.innerText : ''"
            ):
                assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
                with page.expect_navigation():
                    page.keyboard.press("Enter")
                return
        raise AssertionError(f"{name} cannot be reached with Tab")

    page.keyboard.press("Tab")
    assert "nội dung chính" in page.evaluate("document.activeElement.innerText")
    press_until("Trả tiền")
    press_until("Quét mã VietQR")
    expect(page.locator("svg.qr")).to_be_visible()


@signed_in(HOSPITAL)
def test_offline_shows_the_last_bill_seen(visit: Visit) -> None:
    path = newest_bill(visit)
    page = visit.page
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.goto(visit.site.url + path)
    amount = page.locator(".amount").inner_text()
    page.wait_for_function("caches.match('/last-bill').then(Boolean)")
    visit.context.set_offline(True)
    page.goto(visit.site.url + "/home/")
    expect(page.get_by_role("heading", name="Đang không có mạng")).to_be_visible()
    expect(page.locator("#last-bill .amount")).to_have_text(amount)
    visit.context.set_offline(False)
    page.goto(visit.site.url + "/account/")
    page.get_by_role("button", name="Đăng xuất").click()
    page.wait_for_url(visit.site.url + "/")
    assert page.evaluate("caches.match('/last-bill').then(Boolean)") is False
    page.goto(visit.site.url + "/home/")
    assert "/sign-in/" in page.url
    visit.site.signed_in.pop(HOSPITAL, None)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(site: Site, chromium: Browser, scheme: str) -> None:
    first = chromium.new_context(viewport=PHONE)
    window = Visit(first, first.new_page(), site)
    if FACTORY not in site.signed_in:
        window.sign_in(FACTORY)
    first.close()
    found: list[str] = []
    for state, paths in ((None, PUBLIC_PAGES), (site.signed_in[FACTORY], OWN_PAGES)):
        context = chromium.new_context(
            viewport=PHONE, color_scheme=scheme, storage_state=state, bypass_csp=True
        )
        visit = Visit(context, context.new_page(), site)
        if state:
            bill = newest_bill(visit)
            paths = [*paths, bill, bill + "pay/"]
        for path in paths:
            page = visit.go(path)
            for details in page.locator("details").all():
                details.evaluate("d => d.open = true")
            report = Axe().run(page)
            found += [
                f"{path}: {v['id']} {v['impact']} {v['nodes'][0]['html'][:120]}"
                for v in report.response["violations"]
                if v["impact"] in ("serious", "critical")
            ]
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
                f"{path} scrolls sideways"
            )
        context.close()
    assert found == []


@pytest.mark.parametrize("size", [PHONE, TABLET, DESK], ids=["360", "768", "1280"])
def test_no_page_scrolls_sideways(site: Site, chromium: Browser, size: dict[str, int]) -> None:
    context = chromium.new_context(viewport=size)
    visit = Visit(context, context.new_page(), site)
    for path in PUBLIC_PAGES:
        assert visit.go(path).evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    context.close()


@signed_in(SHOP)
def test_what_a_finger_must_hit_is_large_enough(visit: Visit) -> None:
    for path in ("/home/", newest_bill(visit)):
        page = visit.go(path)
        small = page.evaluate(
            """[...document.querySelectorAll('a, button, summary, input:not([type=hidden])')]
            .filter(e => e.checkVisibility() && !e.closest('.skip') && !e.matches('.skip'))
            .filter(e => !e.closest('p:not(.links-row)'))
            .map(e => [e.innerText, e.getBoundingClientRect()]).filter(([, r]) => r.height < 44).map(([t]) => t)"""
        )
        assert small == [], path


@pytest.mark.parametrize("path", ["/", "bill"])
def test_a_first_visit_weighs_at_most_100_kb_and_asks_one_host(
    site: Site, chromium: Browser, path: str
) -> None:
    context = chromium.new_context(viewport=PHONE, service_workers="block")
    page = context.new_page()
    if path == "bill":
        visit = Visit(context, page, site)
        if FACTORY not in site.signed_in:
            visit.sign_in(FACTORY)
        context.add_cookies(site.signed_in[FACTORY]["cookies"])
        path = newest_bill(visit)
    protocol = context.new_cdp_session(page)
    protocol.send("Network.enable")
    protocol.send("Network.setCacheDisabled", {"cacheDisabled": True})
    weights: list[float] = []
    hosts: set[str] = set()
    protocol.on("Network.loadingFinished", lambda e: weights.append(e["encodedDataLength"]))
    protocol.on("Network.requestWillBeSent", lambda e: hosts.add(urlsplit(e["request"]["url"]).netloc))
    page.goto(site.url + path, wait_until="networkidle")
    context.close()
    assert hosts - {""} == {urlsplit(site.url).netloc}
    assert sum(weights) <= 100_000, f"{sum(weights):,.0f} bytes"


def test_the_style_sheets_compress_to_20_kb(site: Site) -> None:
    sheets = ("shared/tokens.css", "shared/components.css", "portal/portal.css")
    text = "".join(httpx.get(f"{site.url}/static/{name}").text for name in sheets)
    packed = subprocess.run(["gzip", "-9c"], input=text.encode(), capture_output=True, check=True).stdout
    assert len(packed) <= 20_000
    assert (
        "!important"
        not in text.replace("[hidden] { display: none !important; }", "").split("@media print")[0]
    )


def test_the_app_can_be_installed(site: Site) -> None:
    manifest = httpx.get(f"{site.url}/manifest.webmanifest").json()
    assert manifest["display"] == "standalone" and manifest["start_url"] and manifest["scope"] == "/"
    for icon in manifest["icons"]:
        answer = httpx.get(site.url + icon["src"])
        assert answer.headers["content-type"] == "image/png" and answer.content[:4] == b"\x89PNG"
    worker = httpx.get(f"{site.url}/service-worker.js")
    assert worker.headers["content-type"].startswith("text/javascript") and "__KEPT__" not in worker.text
