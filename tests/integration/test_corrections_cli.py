"""`thapsang bills correct …`, `close` and `move-in` as they are typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from django.db import connection

from tests.factories import billing as world
from tests.factories import metering as make
from thapsang.journeys import run_billing
from thapsang.kit.bulk.copy import url

pytestmark = pytest.mark.django_db(transaction=True)


def bills(*words: str, code: int = 0) -> Any:
    """Run `thapsang bills …` on the test database; return its JSON, or what it says on standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "thapsang.interfaces.cli.main", "bills", *words], text=True, capture_output=True,
        check=False, env={**os.environ, "DATABASE_URL": url()},
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return (
        json.loads(done.stdout)
        if "--json" in words and code == 0
        else " ".join((done.stdout + done.stderr).split())
    )


def code_of(point: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT code FROM customers_supplypoint WHERE id = %s", [point])
        return str(cursor.fetchone()[0])


def test_terms_preview_issue_explain() -> None:
    point = world.metered_point(make.book(), 300)
    run_billing.start(period=world.OCTOBER, workers=1, at=world.AT)
    code, why = code_of(point), ("--reason", "Hai hộ", "--document", "ĐN 7", "--actor", "nga")
    terms = bills(
        "correct", "terms", code, "--from", "2026-10-01", "--household-quarters", "8", *why, "--json"
    )
    assert terms["changed"] == 1
    draft = bills("correct", "preview", "--point", code, "--from", "2026-10", *why, "--json")
    [row] = draft["rows"]
    assert draft["status"] == "draft" and row["new_total"] < row["old_total"] and row["lines"]
    number = str(draft["id"])
    assert bills("correct", "show", number, "--json")["rows"] == draft["rows"]
    assert "another person" not in bills("correct", "show", number)
    done = bills("correct", "issue", number, "--how", "adjust", "--actor", "nga", "--json")
    assert (done["status"], done["new_bills"]) == ("issued", 1)
    later = bills("correct", "show", number, "--json")["rows"][0]["made_bill"]
    told = bills("explain", later, "--json")
    assert (
        told["differences"] == [] and told["follows"]["of_bill"] == row["bill"] and told["derived"] == "month"
    )
    assert f"{later} adjusts {row['bill']}" in bills("explain", later)
    assert "Nothing to correct" in bills(
        "correct", "preview", "--point", code, "--from", "2026-10", *why, code=2
    )
    assert "There is no correction 999" in bills("correct", "show", "999", code=2)


def test_close_and_move_in() -> None:
    point = world.metered_point(make.book(), 300)
    other = make.supply_point(make.book())
    code = code_of(point)
    words = ("close", code, "--on", "2026-10-16", "--reason", "Chuyển nhà")
    assert "write the register and its value" in bills(*words, "--reading", "1120", code=2)
    done = bills(*words, "--reading", "total=1120", "--json")
    assert done["bill"] == f"HD2610-{point:09d}-1" and done["total"] > 0
    customer = other.code[:13]
    came = bills(
        "move-in", code, "--customer", customer, "--number", "N1", "--on", "2026-10-16", "--category", "residential",
        "--reason", "Nhận nhà", "--json",
    )  # fmt: skip
    assert came["start"] == "2026-10-16"
    assert bills("explain", done["bill"], "--json")["differences"] == []
