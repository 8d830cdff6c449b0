"""The product as a person meets it: a small province, the web server, the twins, and Debian's Chromium."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from thapsang.kit.db.embedded import EmbeddedServer
from thapsang.kit.db.place import embedded_place

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PHONE, TABLET, DESK = (
    {"width": 360, "height": 740},
    {"width": 768, "height": 1024},
    {"width": 1280, "height": 900},
)


@dataclass
class Site:
    """Where the product and its twins listen."""

    url: str
    twins: str
    signed_in: dict[str, Any] = field(default_factory=dict)
    """Browser state by phone, so that a person asks for a code once a session."""

    def code_for(self, phone: str) -> str:
        """The newest code in the sandbox inbox for a phone."""
        wanted = "+84" + phone.removeprefix("0")
        messages = httpx.get(f"{self.twins}/sms/messages.json", params={"to": wanted}).json()
        found = re.search(r"\b\d{6}\b", messages[0]["text"]) if messages else None
        assert found, "no code in the inbox"
        return found[0]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 180  # a machine shared with others takes its time
    while time.monotonic() < deadline:
        assert process.poll() is None, f"{url}: the process ended with {process.returncode}"
        try:
            httpx.get(url, timeout=20)
            return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """A province of 300 customers, billed and paid, served by granian, with the twins beside it."""
    key = f"functional-{os.getpid()}"
    web, twins = _free_port(), _free_port()
    environment = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"} | {
        "THAPSANG_DB_KEY": key,
        "THAPSANG_PUBLIC_URL": f"http://127.0.0.1:{web}",
        "THAPSANG_TWIN_URL": f"http://127.0.0.1:{twins}",
    }
    command = [sys.executable, "-m", "thapsang.interfaces.cli.main"]
    server = EmbeddedServer(embedded_place(key=key), small=True)
    server.start()
    running: list[subprocess.Popen[bytes]] = []
    try:
        subprocess.run([sys.executable, "-m", "tests.functional.province"], env=environment, check=True)
        running = [
            subprocess.Popen([*command, "serve", "--port", str(web), "--workers", "1"], env=environment),
            subprocess.Popen([*command, "twins", "--port", str(twins)], env=environment),
        ]
        _wait(f"http://127.0.0.1:{web}/healthz", running[0])
        _wait(f"http://127.0.0.1:{twins}/sms/inbox", running[1])
        yield Site(f"http://127.0.0.1:{web}", f"http://127.0.0.1:{twins}")
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(30)
        server.remove()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    if CHROMIUM is None:
        pytest.skip("Chromium is missing: apt-get install chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Visit:
    """A browser window that notes what a strict content policy and a single host would forbid."""

    context: BrowserContext
    page: Page
    site: Site
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        """Open a page of the portal."""
        self.page.goto(self.site.url + path)
        return self.page

    def sign_in(self, phone: str) -> Page:
        """Sign in by code from the sandbox inbox, as a person does."""
        page = self.go("/sign-in/")
        page.get_by_label("Số điện thoại").fill(phone)
        page.get_by_role("button", name="Gửi mã cho tôi").click()
        page.get_by_label("Mã 6 chữ số").fill(self.site.code_for(phone))
        page.get_by_role("button", name="Đăng nhập").click()
        page.wait_for_url("**/home/")
        self.site.signed_in[phone] = self.context.storage_state()
        return page


@pytest.fixture
def visit(site: Site, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A phone of 360 px; afterwards: no complaint in the console, no request to another host."""
    options: dict[str, Any] = {"viewport": PHONE, "locale": "en-US"} | getattr(request, "param", {})
    phone = options.pop("phone", None)
    if phone and phone not in site.signed_in:
        first = chromium.new_context(viewport=PHONE)
        Visit(first, first.new_page(), site).sign_in(phone)
        first.close()
    if phone:
        options["storage_state"] = site.signed_in[phone]
    context = chromium.new_context(**options)
    context.set_default_timeout(15_000)
    window = Visit(context, context.new_page(), site)
    own = (site.url, site.twins, "data:", "blob:")
    window.page.on("console", lambda m: m.type == "error" and window.complaints.append(m.text))
    window.page.on("request", lambda r: r.url.startswith(own) or window.foreign.append(r.url))
    window.page.on("pageerror", lambda e: window.complaints.append(str(e)))
    yield window
    context.close()
    assert [c for c in window.complaints if "status of 4" not in c and "ERR_INTERNET" not in c] == []
    assert window.foreign == []
