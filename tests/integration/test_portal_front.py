"""A bill's page answered before Django's way in is the page Django gives, to the byte, and as hard to get at."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import DatabaseError, close_old_connections
from django.test import Client
from django.utils import timezone

from tests.factories.customers import Place, make_place, make_supplied
from tests.factories.payments import make_bill
from tests.factories.staff import make_staff, signed_in
from thapsang.domain.billing.types import bill_code
from thapsang.interfaces.portal import hot
from thapsang.interfaces.portal.hot import BillPages
from thapsang.interfaces.portal.kept_pages import KeptPages, masked_token
from thapsang.interfaces.portal.views import bills
from thapsang.interfaces.portal.views.signing_in import BACKEND
from thapsang.kit.db import questions
from thapsang.kit.identity.access import Audience
from thapsang.kit.identity.models import User
from thapsang.kit.identity.people import customer_user

pytestmark = pytest.mark.django_db(transaction=True)
MINE, THEIRS = "+84912345678", "+84912345679"
SECRET = "abcdefghijklmnopqrstuvwxyz012345"
Seen = tuple[str, list[tuple[str, str]], bytes]
_TOKEN = re.compile(rb'(?<=name="csrfmiddlewaretoken" value=")[A-Za-z0-9]{64}')


class Ways:
    """The site with the bill pages' way in before it, and without; and a customer who has signed in."""

    def __init__(self) -> None:
        self.bare = get_wsgi_application()
        self.passed_on = 0
        self.front = BillPages(self._site)
        browser = Client()
        browser.force_login(customer_user(phone=MINE), backend=BACKEND)
        self.session = str(browser.session.session_key)
        self.place = make_place()
        self.page = bill_of(MINE, 1, self.place)

    def _site(self, environ: dict[str, Any], start: Any) -> Any:
        self.passed_on += 1
        return self.bare(environ, start)

    def environ(self, cookies: dict[str, str] | None = None, **changes: str | None) -> dict[str, Any]:
        """A browser's request as granian hands it on; a change to None leaves a header out."""
        held = {settings.SESSION_COOKIE_NAME: self.session, settings.CSRF_COOKIE_NAME: SECRET} | (
            cookies or {}
        )
        base: dict[str, Any] = {
            "REQUEST_METHOD": "GET", "PATH_INFO": self.page, "QUERY_STRING": "", "SCRIPT_NAME": "",
            "SERVER_NAME": "0.0.0.0", "SERVER_PORT": "8000", "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "nha.example", "HTTP_ACCEPT_ENCODING": "gzip, br",
            "HTTP_COOKIE": "; ".join(f"{name}={value}" for name, value in held.items() if value),
            "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(), "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True, "wsgi.multiprocess": False,
        }  # fmt: skip
        return {name: value for name, value in (base | changes).items() if value is not None}

    def fresh(self) -> None:
        """Forget the pages that were drawn."""
        bills.PAGES = KeptPages()


def bill_of(phone: str, serial: int, place: Place) -> str:
    supplied = make_supplied(place, serial=serial, phone=phone, name="Nguyễn Văn Bí Mật")
    month = (timezone.localdate().replace(day=1) - timedelta(days=1)).replace(day=1)
    return f"/bills/{bill_code(make_bill(supplied, month, 108_000))}/"


def answer(way: Callable[..., Any], environ: dict[str, Any]) -> Seen:
    """Call one way in; return status, headers and the body as a reader reads it, the masked token left out."""
    begun: list[tuple[str, list[tuple[str, str]]]] = []
    parts = way(environ, lambda status, headers, fault=None: begun.append((status, list(headers))))
    body = b"".join(parts)
    if hasattr(parts, "close"):
        parts.close()
    ((status, headers),) = begun
    said = dict(headers)
    assert said.get("Content-Length", str(len(body))) == str(len(body))
    plain = gzip.decompress(body) if said.get("Content-Encoding") == "gzip" else body
    times = [(name, "" if name == "Expires" else value) for name, value in headers]
    return status, times, _TOKEN.sub(b"", plain)


@pytest.fixture
def ways() -> Iterator[Ways]:
    """Both ways, the headers known already, and a connection that stays with the test."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    ways = Ways()
    for language in ("vi", "en"):
        answer(ways.front, ways.environ({settings.LANGUAGE_COOKIE_NAME: language}))
    ways.passed_on = 0
    ways.fresh()
    yield ways
    ways.fresh()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def both(ways: Ways, make: Callable[[], dict[str, Any]]) -> Seen:
    """Ask for a page both ways, drawn for the first time and kept; all four are the same."""
    seen = []
    for way in (ways.bare, ways.front):
        ways.fresh()
        seen += [answer(way, make()), answer(way, make())]
    assert seen[1:] == seen[:-1]
    return seen[0]


@pytest.mark.parametrize(
    ("cookies", "changes"),
    [
        ({}, {}),
        ({"django_language": "en"}, {}),
        ({"django_language": "vi"}, {}),
        ({"other": "x", "_ga": "GA1.2.3"}, {"HTTP_HX_REQUEST": "true"}),
        (
            {},
            {"HTTP_ACCEPT_LANGUAGE": "en", "HTTP_IF_NONE_MATCH": '"x"', "HTTP_ORIGIN": "https://bad.example"},
        ),
    ],
    ids=["plain", "English", "Vietnamese chosen", "cookies of others", "headers of browsers"],
)
def test_the_page_is_the_same_to_the_byte(
    ways: Ways, cookies: dict[str, str], changes: dict[str, str]
) -> None:
    status, headers, body = both(ways, lambda: ways.environ(cookies, **changes))
    assert status == "200 OK" and b"108.000" in body.replace(b",", b".")
    assert ways.passed_on == 0
    names = [name for name, _ in headers]
    assert {"Content-Security-Policy", "X-Frame-Options", "Vary", "Cache-Control"} <= set(names)
    assert len(names) == len(set(names)) and "Set-Cookie" not in names


UNUSUAL: dict[str, tuple[dict[str, str], dict[str, str | None]]] = {
    "a question": ({}, {"QUERY_STRING": "a=1"}),
    "a head only": ({}, {"REQUEST_METHOD": "HEAD"}),
    "a post": ({}, {"REQUEST_METHOD": "POST"}),
    "a folder before": ({}, {"SCRIPT_NAME": "/x"}),
    "no host": ({}, {"HTTP_HOST": None}),
    "not compressed": ({}, {"HTTP_ACCEPT_ENCODING": "br"}),
    "nobody": ({"sessionid": ""}, {}),
    "a session that never was": ({"sessionid": "a" * 32}, {}),
    "a strange session": ({"sessionid": '"x"'}, {}),
    "a language we do not speak": ({"django_language": "fr"}, {}),
    "no token's secret": ({"csrftoken": ""}, {}),
    "a secret of before": ({"csrftoken": SECRET * 2}, {}),
    "a bad secret": ({"csrftoken": "!" * 32}, {}),
    "a message": ({"messages": "x"}, {}),
    "small letters": ({}, {"PATH_INFO": "/bills/hd2610-000000001/"}),
    "no such month": ({}, {"PATH_INFO": "/bills/HD9913-000000001/"}),
    "no such bill": ({}, {"PATH_INFO": "/bills/HD2001-000000001/"}),
    "a line after": ({}, {"PATH_INFO": "/bills/HD2001-000000001/\n"}),
    "its PDF": ({}, {"PATH_INFO": "/bills/HD2001-000000001/pdf/"}),
}


@pytest.mark.parametrize("kind", UNUSUAL)
def test_whatever_is_unusual_is_answered_by_django(ways: Ways, kind: str) -> None:
    cookies, changes = UNUSUAL[kind]
    seen = []
    for way in (ways.bare, ways.front):
        ways.fresh()
        status, headers, _ = answer(way, ways.environ(cookies, **changes))
        seen.append(
            (
                status,
                [(name, value) for name, value in headers if name not in {"Set-Cookie", "Content-Length"}],
            )
        )
    assert seen[0] == seen[1] and ways.passed_on == 1


def test_a_name_of_the_server_is_checked_by_django_first(ways: Ways, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["nha.example"]
    assert answer(ways.front, ways.environ(HTTP_HOST="another.example"))[0].startswith("400")
    assert answer(ways.front, ways.environ(HTTP_HOST="another.example"))[0].startswith("400")
    assert ways.passed_on == 2
    assert answer(ways.front, ways.environ())[0] == "200 OK" and ways.passed_on == 2


def test_anothers_bill_is_told_to_nobody(ways: Ways) -> None:
    theirs = bill_of(THEIRS, 2, ways.place)
    for _ in range(2):
        assert answer(ways.front, ways.environ(PATH_INFO=theirs))[0] == "404 Not Found"
    assert ways.passed_on == 2


@pytest.mark.parametrize(
    "kind", ["signed out", "over", "locked out", "another password", "the phone is another's"]
)
def test_what_ends_a_session_ends_it_with_the_next_page(ways: Ways, kind: str) -> None:
    assert answer(ways.front, ways.environ())[0] == "200 OK" and ways.passed_on == 0
    held = Session.objects.get(session_key=ways.session)
    user = User.objects.filter(pk=int(held.session_data.partition("~")[0]))
    if kind == "signed out":
        held.delete()
    elif kind == "over":
        Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    elif kind == "locked out":
        user.update(is_active=False)
    elif kind == "another password":
        user.update(password="!another")
    else:
        user.update(phone_index=b"x" * 32)
    status, headers, _ = answer(ways.front, ways.environ())
    moved = dict(headers).get("Location", "").startswith("/sign-in/")
    assert status == "404 Not Found" if kind == "the phone is another's" else moved
    assert ways.passed_on == 1


def test_a_session_of_staff_goes_the_usual_way(ways: Ways) -> None:
    ways.session = str(signed_in(make_staff(Audience.BILLING)).cookies["sessionid"].value)
    assert answer(ways.front, ways.environ())[0] == "403 Forbidden" and ways.passed_on == 1


def test_a_page_is_one_round_trip_and_a_database_that_fails_is_djangos(
    ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    trips: list[int] = []
    sent = questions._sent

    def counted(link: Any, asked: Any) -> Any:
        trips.append(len(asked))
        if len(trips) == 3:
            raise DatabaseError
        return sent(link, asked)

    monkeypatch.setattr(questions, "_sent", counted)
    for _ in range(3):
        assert answer(ways.front, ways.environ())[0] == "200 OK"
    assert trips == [6, 3, 3, 3] and ways.passed_on == 1


def test_a_page_that_sets_a_cookie_is_no_example(ways: Ways) -> None:
    front = BillPages(ways.bare)
    answer(front, ways.environ({"csrftoken": ""}))
    assert front._heads == {}
    answer(front, ways.environ())
    assert len(front._heads) == 1


def test_a_token_opens_the_forms_it_was_made_for() -> None:
    from django.middleware.csrf import _does_token_match

    token = masked_token(SECRET)
    assert token is not None and _does_token_match(token, SECRET) and token != masked_token(SECRET)
    assert masked_token(SECRET[1:]) is None and masked_token("") is None and masked_token("é" * 32) is None


def test_the_way_in_that_is_stood_for_is_the_one_looked_at() -> None:
    """A new middleware must be known to `hot.py`: does it change the page, refuse a reader, count?"""
    names = [name.rpartition(".")[2] for name in settings.MIDDLEWARE]
    assert names == [
        "SecurityMiddleware", "MachineRoutesMiddleware", "WhiteNoiseMiddleware", "GZipMiddleware",
        "ContentPolicyMiddleware", "SessionMiddleware", "ChosenLanguageMiddleware", "CommonMiddleware",
        "CsrfViewMiddleware", "SignedInMiddleware", "AccountMiddleware", "MessageMiddleware",
        "XFrameOptionsMiddleware", "HtmxMiddleware", "AudienceMiddleware",
    ]  # fmt: skip
    assert hot._usual_settings() and SESSION_KEY
