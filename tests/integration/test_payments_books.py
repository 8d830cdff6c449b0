"""Whatever happens, in whatever order: the books agree. And a server killed at any moment loses and doubles nothing."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import httpx
import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories.customers import make_place
from tests.factories.payments import AT, account_balance, count, make_bill, make_debtor, vnpay_message
from thapsang.domain.payments import queries
from thapsang.domain.payments.types import IdempotencyKey, NothingOwedError
from thapsang.journeys import pay_bill
from thapsang.kit.bulk.copy import url
from thapsang.kit.db.place import ROOT
from thapsang.kit.identity import clients

_serials = itertools.count(100)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("bill"), st.integers(1_000, 900_000)),
        st.tuples(st.just("bank"), st.integers(1, 1_200_000)),
        st.tuples(st.just("gateway"), st.booleans()),
        st.tuples(st.just("repeat"), st.just(0)),
    ),
    max_size=12,
)


def sums(debtor_id: int) -> tuple[int, int, int]:
    """Bills, payments and allocations of a customer, straight from the rows."""
    with connection.cursor() as sql:
        sql.execute(
            "SELECT (SELECT coalesce(sum(total), 0) FROM billing_bill WHERE customer_id = %(c)s)::bigint,"
            " (SELECT coalesce(sum(amount), 0) FROM payments_payment WHERE customer_id = %(c)s)::bigint,"
            " (SELECT coalesce(sum(a.amount), 0) FROM payments_allocation a"
            "  JOIN payments_payment p ON p.id = a.payment_id WHERE p.customer_id = %(c)s)::bigint",
            {"c": debtor_id},
        )
        return sql.fetchone()


@pytest.fixture
def place(db: None):
    return make_place()


@settings(
    max_examples=25, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(todo=steps)
def test_the_books_agree_after_any_sequence(place, todo: list[tuple[str, int]]) -> None:
    debtor = make_debtor(150_000, serial=next(_serials), place=place, last=date(2020, 1, 1))
    months = (date(2020 + n // 12, n % 12 + 1, 1) for n in itertools.count(1))
    last: dict[str, object] = {}
    for number, (what, value) in enumerate(todo):
        if what == "bill":
            make_bill(debtor.supplied, next(months), value)
        elif what == "bank":
            last = {"key": IdempotencyKey("bank", f"{debtor.code}-{number}", b""), "amount": value,
                    "provider_reference": f"{debtor.code}-{number}"}  # fmt: skip
            pay_bill.confirm_bank_payment(**last, customer_code=debtor.code, paid_at=AT, at=AT)
        elif what == "repeat" and last:
            pay_bill.confirm_bank_payment(**last, customer_code=debtor.code, paid_at=AT, at=AT)
        elif what == "gateway":
            _gateway(debtor.code, f"{debtor.id}{number}", successful=bool(value))
        _agree(debtor)


def _gateway(code: str, number: str, *, successful: bool) -> None:
    try:
        started = pay_bill.start_payment(customer_code=code, method="gateway", at=AT)
    except NothingOwedError:
        return
    message = vnpay_message(
        started.reference, started.amount, code="00" if successful else "24", number=number
    )
    pay_bill.settle_callback(provider="vnpay", params=message, at=AT + timedelta(minutes=1))


def _agree(debtor) -> None:
    bills, paid, allocated = sums(debtor.id)
    found = queries.outstanding(customer_id=debtor.id)
    assert account_balance(debtor) == bills - paid
    assert (found.open, found.credit) == (bills - allocated, paid - allocated)
    assert found.open - found.credit == bills - paid
    for payment in queries.payments_of(customer_id=debtor.id):
        assert payment.credit >= 0
    assert all(0 <= due.paid < due.total for due in found.dues)


@contextmanager
def server(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The real web server on the test's database."""
    program = f"from thapsang.interfaces.cli.serving import serve; serve('127.0.0.1', {port}, 2, 16)"
    environment = {**os.environ, "DATABASE_URL": url(), "DJANGO_SETTINGS_MODULE": "thapsang.config.settings"}
    process = subprocess.Popen(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                httpx.get(f"http://127.0.0.1:{port}/api/v1/openapi.json", timeout=5)
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _send(
    port: int, token: str, bodies: list[dict[str, object]], done: dict[int, str], stop: threading.Event
) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as web:
        for number, body in bodies:
            if stop.is_set():
                return
            headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": f"key-{number}"}
            try:
                answer = web.post("/api/v1/payments", content=json.dumps(body), headers=headers)
            except httpx.HTTPError:
                continue
            if answer.status_code == 201:
                done[number] = answer.json()["receipt"]


def _burst(
    port: int, token: str, bodies: list[tuple[int, dict[str, object]]], kill: subprocess.Popen[bytes] | None
) -> dict[int, str]:
    done: dict[int, str] = {}
    stop = threading.Event()
    parts = [bodies[n::6] for n in range(6)]
    threads = [threading.Thread(target=_send, args=(port, token, part, done, stop)) for part in parts]
    [t.start() for t in threads]
    if kill:
        deadline = time.monotonic() + 60
        while len(done) < len(bodies) // 3 and time.monotonic() < deadline:
            time.sleep(0.005)
        os.killpg(kill.pid, signal.SIGKILL)
        stop.set()
    [t.join() for t in threads]
    return done


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_server_killed_in_the_middle_loses_nothing_and_doubles_nothing() -> None:
    debtors = [make_debtor(100_000, serial=n, place=place) for place in [make_place()] for n in range(1, 6)]
    client, secret = clients.add_client(name="bank", scopes=["payments:write"], requests_per_minute=100_000)
    token, _ = clients.issue_token(client_id=client, secret=secret, scopes=(), at=timezone.now())
    now = timezone.now().isoformat()
    bodies = [
        (
            n,
            {
                "customer_code": debtors[n % 5].code,
                "amount": 1_000 + n,
                "transaction_id": f"FT{n}",
                "paid_at": now,
            },
        )
        for n in range(300)
    ]
    with server(8152) as process:
        before = _burst(8152, token, bodies, process)
    assert 0 < len(before) < 300
    with server(8153):
        after = _burst(8153, token, bodies, None)
    assert len(after) == 300
    assert {n: after[n] for n in before} == before
    assert count("payments_payment") == count("payments_confirmation") == 300
    for debtor in debtors:
        _agree(debtor)
    with connection.cursor() as sql:
        sql.execute("SELECT sum(amount)::bigint, count(DISTINCT journal_id) FROM ledger_entry")
        assert sql.fetchone() == (0, 305)
