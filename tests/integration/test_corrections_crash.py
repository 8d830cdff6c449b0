"""Issuing a correction under real `kill -9`: every month ends with one adjusting bill, and the ledger agrees."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
from django.db import connection

from tests.factories import billing as world
from tests.factories import metering as make
from thapsang.domain.billing.queries import corrections as queries
from thapsang.journeys import correct_bills, run_billing
from thapsang.kit.bulk.copy import url

pytestmark = pytest.mark.django_db(transaction=True)
OCTOBER, AT = world.OCTOBER, world.AT
POINTS, BOOKS = 1_200, 24


def command(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "thapsang.interfaces.cli.main", "bills", "correct", *words], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "DATABASE_URL": url()},
    )  # fmt: skip


def rows(sql: str, *params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def wait_for(process: subprocess.Popen[str], more_than: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if rows("SELECT count(*) FROM billing_billlink")[0][0] > more_than:
            return
        time.sleep(0.005)


@pytest.mark.slow
def test_killed_twice_issued_once() -> None:
    world.big_world(books=BOOKS, points=POINTS)
    run_billing.start(period=OCTOBER, workers=1, at=AT)
    make.model("customers.AgreementTerm").objects.filter(category="residential").update(household_quarters=8)
    books = [code for (code,) in rows("SELECT code FROM network_readingbook ORDER BY id")]
    found = correct_bills.preview(
        first=OCTOBER,
        last=OCTOBER,
        reason="Định mức cấp muộn",
        document="QĐ 5",
        actor="nga",
        at=AT,
        book_codes=books,
    ).correction
    assert found.four_eyes and found.bills > 800
    words = ("issue", str(found.id), "--how", "adjust", "--actor", "minh", "--json")
    killed = 0
    for share in (0, 3):
        process = command(*words)
        wait_for(process, found.bills * share // 10)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
    halfway = queries.correction(correction_id=found.id)
    left = len(queries.waiting_units(correction_id=found.id))
    assert killed == 2 and halfway.status == "issuing" and 0 < left < BOOKS
    both = [command(*words), command(*words)]  # two at once share what is left
    told = [process.communicate(timeout=240) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    made = [json.loads(output) for output, _ in told]
    assert {one["status"] for one in made} == {"issued"}
    assert 0 < sum(one["new_bills"] for one in made) < found.bills
    again = json.loads(command(*words).communicate(timeout=120)[0])
    assert again["nothing_to_do"] is True
    assert rows("SELECT count(*), count(DISTINCT of_bill_id) FROM billing_billlink") == [
        (found.bills, found.bills)
    ]
    assert rows("SELECT sum(total) FROM billing_bill WHERE id %% 10 > 0") == [(found.total,)]
    owed = "SELECT sum(e.amount) FROM ledger_entry e JOIN customers_customer c ON c.account_id = e.account_id"
    assert rows(owed) == rows("SELECT sum(total) FROM billing_bill")
    assert rows("SELECT count(*) FROM payments_payment WHERE channel = 'note'") == rows(
        "SELECT count(*) FROM billing_bill WHERE total < 0"
    )
    assert run_billing.check(period=OCTOBER).violations == ()
