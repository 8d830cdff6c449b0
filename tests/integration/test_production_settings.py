"""Production: the server refuses to start with a public default, and what it sends is locked down."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions

KEY = base64.b64encode(b"k" * 32).decode()
GOOD = {
    "THAPSANG_ENV": "production",
    "THAPSANG_SECRET_KEY": "a secret of one's own, long enough for anybody who may come",
    "THAPSANG_DATA_KEYS": f"1:{KEY}",
    "THAPSANG_INDEX_KEY": base64.b64encode(b"i" * 32).decode(),
    "THAPSANG_VNPAY_SECRET": "the provider's secret, which is long as well",
    "THAPSANG_SMS_TOKEN": "the sender's token, which is long as well",
    "THAPSANG_HOSTS": "cskh.example.vn",
}
NAMES = (
    "SESSION_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY", "SESSION_COOKIE_SAMESITE", "SESSION_COOKIE_NAME",
    "CSRF_COOKIE_SECURE", "CSRF_COOKIE_NAME", "SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS",
    "SECURE_HSTS_INCLUDE_SUBDOMAINS", "SECURE_CONTENT_TYPE_NOSNIFF", "X_FRAME_OPTIONS", "DEBUG", "ALLOWED_HOSTS",
    "SECURE_REFERRER_POLICY", "SESSION_ENGINE",
)  # fmt: skip
ASK = f"""
import json
from thapsang.config import settings
print(json.dumps({{name: getattr(settings, name) for name in {NAMES!r}}}))
"""


def start(environment: dict[str, str], code: str = ASK) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("THAPSANG_")}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env={**clean, **environment}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", [name for name in GOOD if name not in {"THAPSANG_ENV", "THAPSANG_HOSTS"}])
def test_a_missing_secret_stops_the_start_and_is_named(name: str) -> None:
    done = start({key: value for key, value in GOOD.items() if key != name})
    assert done.returncode != 0
    assert name in done.stderr and "ImproperlyConfigured" in done.stderr


@pytest.mark.parametrize("name", ["THAPSANG_SECRET_KEY", "THAPSANG_DATA_KEYS", "THAPSANG_INDEX_KEY"])
def test_a_short_secret_stops_the_start_without_being_printed(name: str) -> None:
    done = start({**GOOD, name: "1:c2hvcnQ="})
    assert done.returncode != 0 and name in done.stderr
    assert "c2hvcnQ=" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("THAPSANG_DATA_KEYS", f"1:{KEY},2:b25seS1mb3ItZGV2ZWxvcG1lbnQtYW5kLWRlbW8tISE="),
        ("THAPSANG_DATA_KEYS", f"7:b25seS1mb3ItZGV2ZWxvcG1lbnQtYW5kLWRlbW8tISE=,8:{KEY}"),
        ("THAPSANG_SECRET_KEY_FALLBACKS", "only-for-development-and-demonstration"),
        ("THAPSANG_DATA_KEYS", "a sentence that is long enough but no key of 32 bytes"),
        ("THAPSANG_DATA_KEYS", f"{KEY}{KEY}"),
        ("THAPSANG_INDEX_KEY", "a sentence that is long enough but no key of 32 bytes"),
    ],
)
def test_a_default_among_others_or_a_malformed_key_stops_the_start(name: str, value: str) -> None:
    done = start(
        {**GOOD, "DJANGO_SETTINGS_MODULE": "thapsang.config.settings", name: value},
        "import django; django.setup()",
    )
    assert done.returncode != 0
    assert name in done.stderr and "ImproperlyConfigured" in done.stderr
    assert value not in done.stderr


def test_good_settings_start_locked_down() -> None:
    done = start({**GOOD, "THAPSANG_DEBUG": "1"})
    assert done.returncode == 0, done.stderr
    held = json.loads(done.stdout)
    assert held["SESSION_COOKIE_SECURE"] and held["CSRF_COOKIE_SECURE"] and held["SESSION_COOKIE_HTTPONLY"]
    assert held["SESSION_COOKIE_NAME"].startswith("__Host-") and held["CSRF_COOKIE_NAME"].startswith(
        "__Host-"
    )
    assert held["SECURE_SSL_REDIRECT"] and held["SECURE_HSTS_INCLUDE_SUBDOMAINS"]
    assert held["SECURE_HSTS_SECONDS"] >= 31_536_000
    assert held["SECURE_CONTENT_TYPE_NOSNIFF"] and held["X_FRAME_OPTIONS"] == "DENY"
    assert held["DEBUG"] is False and held["ALLOWED_HOSTS"] == ["cskh.example.vn"]
    store = import_module(held["SESSION_ENGINE"]).SessionStore
    assert issubclass(store, DatabaseSessions), "a cache in each process would outlive a sign-out"


ANSWER = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "thapsang.config.settings"
django.setup()
from django.test import Client
browser = Client(raise_request_exception=False, headers={"host": "cskh.example.vn"})
answer = browser.get("/console/sign-in/", secure=SECURE)
print(answer.status_code)
for name, value in answer.headers.items():
    print(f"{name.lower()}: {value}")
for cookie in answer.cookies.values():
    print(cookie.OutputString())
"""


COLLECT = (
    "import django; django.setup(); from thapsang.interfaces.cli import page_files; page_files.collect()"
)


def test_what_production_sends(tmp_path: Path) -> None:
    environment = {
        **GOOD, "DJANGO_SETTINGS_MODULE": "thapsang.config.settings", "THAPSANG_STATIC": str(tmp_path)
    }  # fmt: skip
    collected = start(environment, COLLECT)
    assert collected.returncode == 0, collected.stderr
    done = start(environment, ANSWER.replace("SECURE", "True", 1))
    assert "strict-transport-security: max-age=31536000; includeSubDomains; preload" in done.stdout, (
        done.stderr
    )
    assert "x-content-type-options: nosniff" in done.stdout and "x-frame-options: DENY" in done.stdout
    assert "content-security-policy:" in done.stdout and "unsafe-inline" not in done.stdout


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    environment = {**GOOD, "DJANGO_SETTINGS_MODULE": "thapsang.config.settings"}
    done = start({**environment, "THAPSANG_STATIC": str(tmp_path / "file" / "static")}, COLLECT)
    assert done.returncode != 0 and "THAPSANG_STATIC names another folder" in done.stderr


def test_plain_http_is_sent_to_https() -> None:
    done = start(GOOD, ANSWER.replace("SECURE", "False", 1))
    assert "301" in done.stdout and "location: https://cskh.example.vn/console/sign-in/" in done.stdout, (
        done.stderr
    )


def test_djangos_own_deployment_check_finds_nothing() -> None:
    check = "import django; from django.core.management import call_command; django.setup(); "
    done = start(
        {**GOOD, "DJANGO_SETTINGS_MODULE": "thapsang.config.settings"},
        check + "call_command('check', deploy=True, fail_level='WARNING', tags=['security'])",
    )
    assert done.returncode == 0, done.stderr
