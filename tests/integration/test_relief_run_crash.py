"""The bill run under `kill -9` while reliefs take part in it: bills and grants come together or not at all."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

from tests.factories import billing as world
from tests.factories import reliefs as factory
from tests.integration import test_bill_run_crash as crash
from tests.integration.test_relief_apply import balances_are_those_of_the_bills, rows
from thapsang.engines.money import divide_half_up, share

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.slow
def test_killed_and_started_again_each_bill_has_its_relief_once() -> None:
    world.big_world(books=60, points=crash.POINTS)
    factory.listed("directive-16", areas=["99999"])
    factory.in_force(factory.storm(account="1388"))
    moments, killed = random.Random(11), 0
    for _ in range(3):
        process = crash.start()
        crash.wait_for_bills(process, crash.committed())
        time.sleep(moments.random() * 0.2)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.communicate()
        both = rows("SELECT (SELECT count(*) FROM billing_bill WHERE category = 'residential' AND net > 0), "
                    "(SELECT count(*) FROM reliefs_grant)")[0]  # fmt: skip
        assert both[0] == both[1]
    assert killed >= 1
    factory.in_force(
        factory.storm(low=90, high=90)
    )  # too late for this month: its run keeps what it began with
    crash.finish_and_prove()
    found = rows("SELECT b.kwh, b.net, b.vat, g.amount, g.vat FROM billing_bill b JOIN reliefs_grant g ON "
                 "g.bill_id = b.id")  # fmt: skip
    assert (
        len(found)
        == rows("SELECT count(*) FROM billing_bill WHERE category = 'residential' AND net > 0")[0][0]
    )
    for kwh, net, vat, amount, taken in found:
        assert amount == divide_half_up((net + amount) * (15 if kwh <= 200 else 10), 100)
        assert (vat, taken) == (share(net, 800), share(net + amount, 800) - share(net, 800))
    borne = rows("SELECT sum(e.amount)::bigint FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id "
                 "WHERE a.code = '1388'")  # fmt: skip
    assert borne == [(sum(row[3] for row in found),)]
    assert rows("SELECT count(*) FROM reliefs_batch") == [(1,)]
    balances_are_those_of_the_bills()
