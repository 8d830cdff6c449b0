"""A confirmation answered before Django's way in is the answer Django gives, to the byte, whatever was sent."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, connection, transaction

from tests.factories.payments import count, make_debtor
from thapsang.domain.payments.operations import settling
from thapsang.domain.payments.operations.intents import random_code
from thapsang.interfaces.api import hot
from thapsang.interfaces.api.hot import Confirmations
from thapsang.kit.db.place import libpq_url
from thapsang.kit.db.statements import rows
from thapsang.kit.identity import clients

pytestmark = pytest.mark.django_db
CODE = "PA13VH0000001"
Seen = tuple[str, list[tuple[str, str]], bytes]


class Ways:
    """The site with the confirmations' way in before it, and without; and a bank that calls both."""

    def __init__(self) -> None:
        self.bare = get_wsgi_application()
        self.passed_on = 0
        self.front = Confirmations(self._site)
        self.tokens = {name: self._token(name) for name in ("payments:write", "bills:read")}

    def _site(self, environ: dict[str, Any], start: Any) -> Any:
        self.passed_on += 1
        return self.bare(environ, start)

    @staticmethod
    def _token(scope: str, per_minute: int = 600) -> str:
        client, secret = clients.add_client(name=scope, scopes=[scope], requests_per_minute=per_minute)
        issued = clients.issue_token(client_id=client, secret=secret, scopes=[], at=datetime.now(UTC))
        assert issued is not None
        return issued[0]

    def environ(self, body: bytes | None = None, **changes: str | None) -> dict[str, Any]:
        """A plain confirmation as granian hands it on; a change to None leaves a header out."""
        raw = payment() if body is None else body
        base: dict[str, Any] = {
            "REQUEST_METHOD": "POST", "PATH_INFO": hot.ADDRESS, "QUERY_STRING": "", "SCRIPT_NAME": "",
            "SERVER_NAME": "0.0.0.0", "SERVER_PORT": "8000", "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "bank.example", "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(raw)), "HTTP_AUTHORIZATION": f"Bearer {self.tokens['payments:write']}",
            "HTTP_IDEMPOTENCY_KEY": "key-1", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(raw),
            "wsgi.errors": io.StringIO(), "wsgi.multithread": True, "wsgi.multiprocess": False,
        }  # fmt: skip
        return {name: value for name, value in (base | changes).items() if value is not None}


def payment(**changes: object) -> bytes:
    given = {"customer_code": CODE, "amount": 108_000, "transaction_id": "FT1", "paid_at": NOW.isoformat()}
    return json.dumps(given | changes).encode()


NOW = datetime.now(UTC)


def answer(way: Callable[..., Any], environ: dict[str, Any]) -> Seen:
    """Call one way in; return status, headers and body."""
    begun: list[tuple[str, list[tuple[str, str]]]] = []
    parts = way(environ, lambda status, headers, fault=None: begun.append((status, list(headers))))
    body = b"".join(parts)
    if hasattr(parts, "close"):
        parts.close()
    ((status, headers),) = begun
    return status, headers, body


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ways]:
    """Both ways, with receipts that do not differ by chance and a connection that stays with the test."""
    monkeypatch.setattr(settling, "random_code", "X".__mul__)
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield Ways()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def both(
    ways: Ways, make: Callable[[], dict[str, Any]], caplog: pytest.LogCaptureFixture, *, before: int = 0
) -> Seen:
    """Send the same both ways, `before` times first; compare answers, rows, calls counted and what was logged."""
    seen = []
    for way in (ways.bare, ways.front):
        with transaction.atomic():
            for _ in range(before):
                answer(way, make())
            caplog.clear()
            clients._leases.clear()
            got = answer(way, make())
            rows = [count(f"payments_{name}") for name in ("payment", "allocation", "confirmation")]
            logged = [(r.name, r.levelname, r.getMessage()) for r in caplog.records]
            seen.append((got, rows, sum(clients._leases.values()), logged))
            transaction.set_rollback(True)
    assert seen[0] == seen[1]
    return seen[1][0]


PLAIN: dict[str, dict[str, Any]] = {
    "as it should be": {},
    "over-paid": {"body": payment(amount=150_000)},
    "paid in part": {"body": payment(amount=1)},
    "another layout": {"body": b" \n" + payment().replace(b", ", b",\t")},
    "a name twice": {"body": payment().replace(b'"amount"', b'"amount": 5, "amount"')},
    "spaces before the token": {"spaces": True},
    "another type": {"CONTENT_TYPE": "text/plain"},
    "no type": {"CONTENT_TYPE": None},
    "a form": {"CONTENT_TYPE": "multipart/form-data"},
    "a question": {"QUERY_STRING": "amount=1"},
    "our own word in a header": {"HTTP_THAPSANG_CONFIRMATION_FAULT": "x"},
    "the longest key": {"HTTP_IDEMPOTENCY_KEY": "k" * 80},
    "another offset": {"body": payment(paid_at="2026-11-23T06:00:00.5+07:00") if NOW.year == 2026 else None},
}
REFUSED: dict[str, dict[str, Any]] = {
    "unknown customer": {"body": payment(customer_code="PA13VH9999999")},
    "unknown reference": {"body": payment(reference="TS00000000")},
    "only an unknown reference": {"body": payment(reference="TS00000000", customer_code="")},
    "in the future": {"body": payment(paid_at=(NOW + timedelta(days=1)).isoformat())},
    "long ago": {"body": payment(paid_at="1999-01-01T00:00:00Z")},
}
ODD: dict[str, dict[str, Any]] = {
    "a field we do not know": {"body": payment(note="Tiền điện")},
    "not a number": {"body": payment(note=1).replace(b'"note": 1', b'"note": NaN')},
    "no token": {"HTTP_AUTHORIZATION": None},
    "a token of nobody": {"HTTP_AUTHORIZATION": "Bearer nobody"},
    "an empty token": {"HTTP_AUTHORIZATION": "Bearer "},
    "another scheme": {"HTTP_AUTHORIZATION": "Basic YTpi"},
    "the wrong scope": {"scope": "bills:read"},
    "no key": {"HTTP_IDEMPOTENCY_KEY": None},
    "an empty key": {"HTTP_IDEMPOTENCY_KEY": ""},
    "a key with a space": {"HTTP_IDEMPOTENCY_KEY": "a b"},
    "a key with a line end": {"HTTP_IDEMPOTENCY_KEY": "a\n"},
    "a key too long": {"HTTP_IDEMPOTENCY_KEY": "k" * 81},
    "a key of other letters": {"HTTP_IDEMPOTENCY_KEY": "Ä"},
    "no body": {"body": b""},
    "no JSON": {"body": b"amount=1"},
    "JSON cut off": {"body": payment()[:-1]},
    "a list": {"body": b"[]"},
    "null": {"body": b"null"},
    "UTF-16": {"body": payment().decode().encode("utf-16")},
    "a byte order mark": {"body": b"\xef\xbb\xbf" + payment()},
    "no UTF-8": {"body": payment().replace(b"FT1", b"FT\xff")},
    "a sign below space": {"body": payment().replace(b"FT1", b"FT\x01")},
    "half a pair": {"body": payment(note="x").replace(b'"x"', b'"\\ud800"')},
    "nested deep": {"body": payment(note=1).replace(b'"note": 1', b'"note": ' + b"[" * 900 + b"]" * 900)},
    "an amount as text": {"body": payment(amount="108000")},
    "an amount with a point": {"body": payment(amount=108000.0)},
    "an amount that is true": {"body": payment(amount=True)},
    "nothing": {"body": payment(amount=0)},
    "too much": {"body": payment(amount=10**13)},
    "beyond all numbers": {"body": payment(amount=10**400)},
    "no time": {"body": payment(paid_at=None)},
    "a time without offset": {"body": payment(paid_at="2026-11-01T10:00:00")},
    "seconds since 1970": {"body": payment(paid_at=1_790_000_000)},
    "a day that is none": {"body": payment(paid_at="2026-02-30T10:00:00Z")},
    "nobody pays": {"body": payment(customer_code="")},
    "a code that is none": {"body": payment(customer_code="PA13")},
    "a long body": {"body": payment(note="x" * 5000)},
    "a body beyond the limit": {"body": payment(note="x" * 2_700_000)},
    "no length": {"CONTENT_LENGTH": None},
    "an empty length": {"CONTENT_LENGTH": ""},
    "a length too small": {"CONTENT_LENGTH": "7"},
    "a length too large": {"CONTENT_LENGTH": "900"},
    "a length below zero": {"CONTENT_LENGTH": "-1"},
    "a length of other digits": {"CONTENT_LENGTH": "١٢"},
    "GET": {"REQUEST_METHOD": "GET"},
    "HEAD": {"REQUEST_METHOD": "HEAD"},
    "PUT": {"REQUEST_METHOD": "PUT"},
    "OPTIONS": {"REQUEST_METHOD": "OPTIONS"},
    "a slash more": {"PATH_INFO": "/api/v1/payments/"},
    "no such address": {"PATH_INFO": "/api/v1/payment"},
    "no host": {"HTTP_HOST": None},
    "a host that is none": {"HTTP_HOST": "bank example"},
    "mounted below": {"SCRIPT_NAME": "/below"},
}


def made(ways: Ways, sent: dict[str, Any]) -> dict[str, Any]:
    changes = dict(sent)
    body = changes.pop("body", None)
    if scope := changes.pop("scope", None):
        changes["HTTP_AUTHORIZATION"] = f"Bearer {ways.tokens[scope]}"
    if changes.pop("spaces", None):
        changes["HTTP_AUTHORIZATION"] = f"Bearer   {ways.tokens['payments:write']} "
    return ways.environ(body, **changes)


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_confirmation_is_answered_here(
    ways: Ways, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert make_debtor(108_000).code == CODE
    status, _, body = both(ways, lambda: made(ways, PLAIN[name]), caplog)
    assert (status, ways.passed_on) == ("201 Created", 0)
    assert json.loads(body)["customer_code"] == CODE


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_when_recorded_is_said_by_the_api(
    ways: Ways, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    make_debtor(108_000)
    status, headers, _ = both(ways, lambda: made(ways, REFUSED[name]), caplog)
    assert status[0] == "4"
    assert dict(headers)["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("name", ODD)
def test_whatever_is_not_plain_is_djangos(ways: Ways, name: str, caplog: pytest.LogCaptureFixture) -> None:
    make_debtor(108_000)
    both(ways, lambda: made(ways, ODD[name]), caplog)
    assert ways.passed_on == 1


def test_the_same_key_again_and_with_another_body(ways: Ways, caplog: pytest.LogCaptureFixture) -> None:
    make_debtor(108_000)
    status, headers, _ = both(ways, lambda: made(ways, {}), caplog, before=1)
    assert (status, ("Idempotent-Replayed", "true") in headers) == ("201 Created", True)
    bodies = iter([payment(), payment(amount=5)] * 2)
    status, _, body = both(ways, lambda: ways.environ(next(bodies)), caplog, before=1)
    assert (status[:3], json.loads(body)["code"]) == ("422", "idempotency-key-reused")
    keys = iter(["a", "b"] * 2)
    status, _, body = both(ways, lambda: ways.environ(HTTP_IDEMPOTENCY_KEY=next(keys)), caplog, before=1)
    assert (status[:3], json.loads(body)["code"]) == ("409", "payment-already-recorded")


def test_the_minutes_calls_are_counted_alike(ways: Ways, caplog: pytest.LogCaptureFixture) -> None:
    make_debtor(108_000)
    ways.tokens["payments:write"] = ways._token("payments:write", per_minute=2)
    sent = lambda: ways.environ(HTTP_IDEMPOTENCY_KEY="k")  # noqa: E731
    assert both(ways, sent, caplog, before=1)[0] == "201 Created"
    assert both(ways, sent, caplog, before=2)[0].startswith("429")


def test_a_fault_of_ours_is_a_problem_and_in_the_log(
    ways: Ways, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("thapsang.journeys.pay_bill.operations.settle_under_key", broken)
    status, _, body = both(ways, lambda: made(ways, {}), caplog)
    assert (status[:3], json.loads(body)["code"]) == ("500", "internal")
    assert "thapsang.interfaces.api.v1" in {r.name for r in caplog.records if r.levelno == logging.ERROR}


@pytest.mark.parametrize(
    ("kept", "changes"),
    [
        ({"ALLOWED_HOSTS": ["bank.example"]}, {}),
        ({"ALLOWED_HOSTS": ["another.example"]}, {}),
        ({"SECURE_SSL_REDIRECT": True}, {}),
        ({"SECURE_SSL_REDIRECT": True}, {"wsgi.url_scheme": "https"}),
        ({"SECURE_SSL_REDIRECT": True}, {"HTTP_X_FORWARDED_PROTO": "https"}),
        ({"SECURE_HSTS_SECONDS": 60}, {"HTTP_X_FORWARDED_PROTO": "https"}),
        ({"SECURE_HSTS_SECONDS": 60}, {"HTTP_X_FORWARDED_PROTO": "http"}),
        ({"USE_X_FORWARDED_HOST": True}, {"HTTP_X_FORWARDED_HOST": "b c"}),
    ],
)
def test_hosts_and_safe_lines_are_judged_alike(
    ways: Ways, caplog: pytest.LogCaptureFixture, settings: Any, kept: dict[str, Any], changes: dict[str, Any]
) -> None:
    make_debtor(108_000)
    for name, value in ({"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")} | kept).items():
        setattr(settings, name, value)
    ways.bare = get_wsgi_application()  # middlewares read their settings when they are made
    ways.front = Confirmations(ways._site)
    both(ways, lambda: made(ways, changes), caplog)


def test_a_header_cannot_bear_a_fault(ways: Ways) -> None:
    assert not hot.FAULT.startswith(("HTTP_", "CONTENT_"))
    assert "." in hot.FAULT, "names of CGI's variables have no point"


def test_a_route_that_is_open_to_others_is_left_to_django(
    ways: Ways, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_debtor(108_000)
    hot._open_to_machines_only.cache_clear()
    with monkeypatch.context() as changed:
        changed.setattr(hot, "audiences_of", lambda view, names: frozenset({"billing"}))
        both(ways, lambda: made(ways, {}), caplog)
    hot._open_to_machines_only.cache_clear()
    assert ways.passed_on == 1


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_was_lost_hinders_no_confirmation(
    ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "random_code", random_code)
    make_debtor(108_000, 108_000)
    for number in range(3):
        if number:
            end_connection()
            clients._known.clear()
        sent = ways.environ(payment(transaction_id=f"FT{number}"), HTTP_IDEMPOTENCY_KEY=f"k{number}")
        assert answer(ways.front, sent)[0] == "201 Created"
    assert (count("payments_payment"), ways.passed_on) == (3, 0)


def end_connection() -> None:
    """End this thread's connection as a server does that is restarted."""
    pid = rows("SELECT pg_backend_pid()", {})[0][0]
    with psycopg.connect(libpq_url(connection.settings_dict), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 1000)", [pid])
