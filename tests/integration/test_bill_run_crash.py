"""The bill run under real `kill -9`, and two starts at once: each point ends with exactly one bill."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict

import psutil
import pytest
from django.db import connection

from tests.factories import billing as world
from thapsang.domain.billing import queries
from thapsang.journeys import run_billing
from thapsang.kit.bulk.copy import url

pytestmark = pytest.mark.django_db(transaction=True)
OCTOBER = world.OCTOBER
POINTS = 6_000


def bills(*words: str) -> subprocess.Popen[str]:
    """Start `thapsang bills …` on the test database, as a leader of its own process group."""
    return subprocess.Popen(
        [sys.executable, "-m", "thapsang.interfaces.cli.main", "bills", *words], text=True,
        start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "DATABASE_URL": url(), "THAPSANG_BILLS_HELPER_POINTS": "1000"},
    )  # fmt: skip


def start() -> subprocess.Popen[str]:
    return bills("run", "--period", "2026-10", "--workers", "2", "--json")


def committed() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM billing_bill")
        return int(cursor.fetchone()[0])


def wait_for_bills(process: subprocess.Popen[str], more_than: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if committed() > more_than:
            return
        time.sleep(0.01)


def finish_and_prove() -> None:
    done = start()
    output, errors = done.communicate(timeout=120)
    assert done.returncode == 0, errors
    assert json.loads(output)["status"] == "finished"
    report = run_billing.check(period=OCTOBER)
    assert report.sound, report.violations
    run = queries.run(period=OCTOBER)
    assert run is not None
    assert run.totals["categories"] == [asdict(total) for total in queries.category_totals(period=OCTOBER)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT supply_point_id) FROM billing_bill")
        assert cursor.fetchone() == (report.bills, report.bills)
        cursor.execute("SELECT count(*) FROM billing_pending")
        assert cursor.fetchone()[0] == 0
    waiting = len(queries.open_exceptions(period=OCTOBER, limit=POINTS))
    assert report.bills + waiting == POINTS
    assert waiting == POINTS // 50


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_killed_at_random_moments_and_started_again(seed: int) -> None:
    world.big_world(books=60, points=POINTS)
    moments = random.Random(seed)
    killed = 0
    for _ in range(4):
        process = start()
        wait_for_bills(process, committed() if moments.random() < 0.7 else -1)
        time.sleep(moments.random() * 0.3)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.communicate()
    assert killed >= 1
    finish_and_prove()


def test_a_killed_coordinator_leaves_no_worker_behind() -> None:
    world.big_world(books=60, points=POINTS)
    process = start()
    wait_for_bills(process, 0)
    workers = psutil.Process(process.pid).children()
    assert len(workers) == 1
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert alive == []
    finish_and_prove()


def test_a_killed_helper_is_made_up_for() -> None:
    world.big_world(books=60, points=POINTS)
    process = start()
    wait_for_bills(process, 0)
    for helper in psutil.Process(process.pid).children():
        helper.kill()
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert json.loads(output)["status"] == "finished"
    finish_and_prove()


def test_two_starts_at_once_share_the_work() -> None:
    world.big_world(books=60, points=POINTS)
    both = [start(), start()]
    results = []
    for process in both:
        output, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        results.append(json.loads(output))
    assert [result["status"] for result in results] == ["finished", "finished"]
    finish_and_prove()


def test_the_command_line_proves_and_explains() -> None:
    world.small_world(books=1, points=2)
    assert start().wait(timeout=60) == 0
    checked = bills("check", "--period", "2026-10", "--json")
    assert json.loads(checked.communicate(timeout=60)[0])["sound"] is True
    assert checked.returncode == 0
    number = max(bill.id for bill in queries.bills_of_customers(customer_ids=customers()))
    explained = json.loads(bills("explain", str(number), "--json").communicate(timeout=60)[0])
    assert explained["differences"] == []
    shown = json.loads(bills("show", explained["code"].lower(), "--json").communicate(timeout=60)[0])
    assert sum(line["amount"] for line in shown["lines"]) == shown["net"]
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE billing_billline SET amount = amount + 1")
        cursor.execute("SET session_replication_role = origin")
    broken = bills("check", "--period", "2026-10", "--json")
    assert {v["code"] for v in json.loads(broken.communicate(timeout=60)[0])["violations"]} == {"lines"}
    assert broken.returncode == 1


def customers() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM customers_customer")
        return [row[0] for row in cursor.fetchall()]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "--period", "2099-01"), "has not ended"),
        (("run", "--period", "10/2026"), "write it as YYYY-MM"),
        (("check", "--period", "2026-10"), "was never billed"),
        (("show", "HD2610-000000001"), "There is no bill"),
        (("show", "12"), "begins with a month"),
        (("explain", "abc"), "is no bill's code"),
    ],
)
def test_bad_input_is_told_plainly(words: tuple[str, ...], message: str) -> None:
    process = bills(*words)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert message in " ".join(errors.split())
    assert "Traceback" not in errors
