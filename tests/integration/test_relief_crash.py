"""A batch under real `kill -9`, and two starts at once: nobody gets it twice, nobody is left out."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from tests.factories import billing as world
from tests.factories import reliefs as factory
from tests.integration.test_relief_apply import asked, balances_are_those_of_the_bills, expected, rows
from thapsang.journeys import relieve_months, run_billing
from thapsang.kit.bulk.copy import url

pytestmark = pytest.mark.django_db(transaction=True)
AT = factory.AT
POINTS, BOOKS = 3_000, 60


def start(number: int) -> subprocess.Popen[str]:
    """Start `thapsang relief run` on the test database, as a leader of its own process group."""
    return subprocess.Popen(
        [sys.executable, "-m", "thapsang.interfaces.cli.main", "relief", "run", str(number), "--json"],
        text=True, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "DATABASE_URL": url(), "THAPSANG_RELIEF_HELPER_BOOKS": "10"},
    )  # fmt: skip


def done() -> int:
    return int(rows("SELECT count(*) FROM reliefs_batchbook WHERE status = 'done'")[0][0])


def kill_while_at_work(number: int, chance: random.Random) -> bool:
    process, before, deadline = start(number), done(), time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline and done() <= before:
        time.sleep(0.005)
    time.sleep(chance.random() * 0.05)
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return alive


def finish(number: int) -> None:
    process = start(number)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors + output


@pytest.fixture
def province(monkeypatch: pytest.MonkeyPatch) -> None:
    world.big_world(books=BOOKS, points=POINTS)
    run_billing.start(period=world.OCTOBER, workers=1)
    factory.listed("directive-16", areas=["99999"])
    factory.in_force(factory.storm())


@pytest.mark.slow
@pytest.mark.usefixtures("province")
def test_killed_while_granting_and_while_taking_back() -> None:
    chance, number, wanted = random.Random(4), asked(), expected()
    relieve_months.approve(batch_id=number, actor=factory.APPROVER, at=AT)
    killed = [kill_while_at_work(number, chance) for _ in range(2)]
    assert any(killed) and 0 < done() < BOOKS
    finish(number)
    made = rows(
        "SELECT supply_point_id, sum(amount)::bigint, sum(vat)::bigint, count(*) FROM reliefs_grant GROUP BY 1"
    )
    assert {row[0]: row[1:3] for row in made} == wanted and {row[3] for row in made} == {1}
    assert rows("SELECT count(*) FROM billing_bill WHERE id % 10 > 0") == [(len(wanted),)]
    balances_are_those_of_the_bills()
    relieve_months.ask_reversal(batch_id=number, actor=factory.ASKER, reason="nhầm", at=AT)
    relieve_months.approve(batch_id=number, actor=factory.APPROVER, at=AT)
    kill_while_at_work(number, chance)
    both = [start(number), start(number)]
    for process in both:
        output, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors + output
    assert rows("SELECT status FROM reliefs_batch") == [("reversed",)]
    assert rows("SELECT sum(amount)::bigint FROM reliefs_grant") == [(0,)]
    assert rows("SELECT count(*) FROM billing_bill WHERE id % 10 > 0") == [(2 * len(wanted),)]
    assert rows("SELECT sum(total)::bigint FROM billing_bill WHERE id % 10 > 0") == [(0,)]
    balances_are_those_of_the_bills()
