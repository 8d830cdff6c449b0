"""What commands say when the installation is at fault: no tables, no server, a wrong address, a wrong setting."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.db import connection
from typer.testing import CliRunner

from tests.factories import billing as world
from thapsang.domain.billing.types import bill_code, bill_id
from thapsang.interfaces.cli.bills import app as bills
from thapsang.journeys import run_billing
from thapsang.kit.db.embedded import EmbeddedServer
from thapsang.kit.db.place import embedded_place

NOBODY = "postgresql://nobody:open-sesame@127.0.0.1:1/nowhere"


def refused(*words: str, **environment: str) -> str:
    """Run a command that must fail without a traceback; return what it said."""
    clean = {
        name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "THAPSANG_ENV"}
    }
    done = subprocess.run(
        [sys.executable, "-m", "thapsang.interfaces.cli.main", *words],
        env=clean | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr and "open-sesame" not in done.stdout + done.stderr
    return " ".join((done.stdout + done.stderr).split())


def test_a_database_without_tables_is_told_with_the_remedy() -> None:
    key = f"bare-{os.getpid()}"
    try:
        for words in (("bills", "status"), ("demo", "load", "--customers", "100")):
            assert "run `thapsang migrate`" in refused(*words, THAPSANG_DB_KEY=key)
    finally:
        EmbeddedServer(embedded_place(key=key)).remove()


@pytest.mark.parametrize("words", [("bills", "status"), ("demo", "load"), ("migrate",), ("doctor",)])
def test_a_server_that_does_not_answer_is_told_with_the_remedy(words: tuple[str, ...]) -> None:
    assert "mend DATABASE_URL" in refused(*words, DATABASE_URL=NOBODY, COLUMNS="400")


@pytest.mark.parametrize(
    "address",
    [
        "mysql://root:open-sesame@db/x",
        "postgresql://u:open/open-sesame@db/x",
        "postgresql://u:open-sesame@[::1/x",
    ],
)
def test_an_address_of_something_else_is_refused_without_being_printed(address: str) -> None:
    said = refused("bills", "status", DATABASE_URL=address)
    assert "DATABASE_URL is no address of a PostgreSQL server" in said


def test_a_slip_of_the_pen_does_not_start_a_demonstration() -> None:
    said = refused("rate", "--kwh", "1", "--from", "2026-06-01", "--to", "2026-07-01", THAPSANG_ENV="prod")
    assert "THAPSANG_ENV is 'prod': set it to production or to development." in said


@pytest.mark.django_db(transaction=True)
def test_a_bill_of_tariffs_this_release_cannot_read_is_not_derived_anew() -> None:
    made = world.small_world(books=1, points=1)
    run_billing.start(period=world.OCTOBER, workers=1, at=world.AT)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "UPDATE tariffs_policyversion SET content = content || '{\"format\": 99}', sha256 = repeat('0', 64)"
        )
        cursor.execute("SET session_replication_role = origin")
    code = bill_code(bill_id(world.OCTOBER, made.all_points[0]))
    told = CliRunner().invoke(bills, ["explain", code])
    assert told.exit_code == 2
    assert "use the release that rated it" in " ".join(told.output.split())
