"""Issuing invoices under real `kill -9` and from several processes: numbers 1 to N, no hole, no double."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests.factories import invoices as made
from tests.factories.invoices import one, rows
from thapsang.config import ports
from thapsang.domain.invoices import operations, queries
from thapsang.engines.einvoice import verify
from thapsang.kit.bulk.copy import url
from thapsang.kit.files import operations as files

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture(autouse=True)
def _files_of_its_own(settings: Any, tmp_path: Path) -> None:
    settings.FILES = tmp_path / "files"
    operations.use_key(ports.seller_key)  # the key lies beside the files


def start(settings: Any) -> subprocess.Popen[str]:
    """Start `thapsang invoices issue` on the test database, as a leader of its own process group."""
    return subprocess.Popen(
        [sys.executable, "-m", "thapsang.interfaces.cli.main", "invoices", "issue", "--period", "2026-10",
         "--workers", "2", "--json"],
        text=True, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "DATABASE_URL": url(), "THAPSANG_FILES": str(settings.FILES),
             "THAPSANG_INVOICES_HELPER_BILLS": "300", "THAPSANG_INVOICES_GROUP_BILLS": "120"},
    )  # fmt: skip


def numbered() -> int:
    return int(one("SELECT count(*) FROM invoices_invoice"))


def wait_for_invoices(processes: list[subprocess.Popen[str]], more_than: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and any(process.poll() is None for process in processes):
        if numbered() > more_than:
            return
        time.sleep(0.01)


def prove(bills: int) -> None:
    """Numbers are 1 to N, a bill has one invoice, each is signed, and its file is what was signed."""
    assert rows("SELECT count(*)::int, min(number), max(number), count(DISTINCT number)::int, "
                "count(DISTINCT bill_id)::int FROM invoices_invoice") == [(bills, 1, bills, bills, bills)]  # fmt: skip
    assert one("SELECT next_number FROM invoices_series") == bills + 1
    assert rows("SELECT DISTINCT status FROM invoices_invoice") == [("signed",)]
    assert one("SELECT sum(invoices)::int FROM invoices_batchbook") == bills
    assert rows("SELECT kind, count(*)::int FROM invoices_invoiceevent GROUP BY 1 ORDER BY 1") == [
        ("numbered", bills), ("signed", bills),
    ]  # fmt: skip
    trusted = [operations.signer().certificate]
    for number in random.Random(1).sample(range(1, bills + 1), 20):
        view = queries.invoice_named(name=f"1C26TNA-{number}")
        assert view is not None
        with files.open_file(sha256=view.pack_sha256) as stream:
            stream.seek(view.position or 0)
            content = stream.read(view.size or 0)
        verdict = verify(content, trusted=trusted)[0]
        assert verdict.genuine
        assert verdict.key.endswith(f"|1|C26TNA|{number}")


def finish(settings: Any, bills: int) -> None:
    process = start(settings)
    output, errors = process.communicate(timeout=180)
    assert process.returncode == 0, errors
    assert json.loads(output)["status"] == "finished"
    prove(bills)


@pytest.mark.parametrize("seed", range(2))
def test_several_processes_killed_at_random_moments(settings: Any, seed: int) -> None:
    bills = made.billed_big(books=30, points=1_500)
    moments = random.Random(seed)
    killed = 0
    for _ in range(3):
        both = [start(settings), start(settings)]
        wait_for_invoices(both, numbered() if moments.random() < 0.7 else -1)
        time.sleep(moments.random() * 0.4)
        for process in both:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                killed += 1
            process.communicate()
    assert killed >= 2
    settle()
    assert one("SELECT count(*) FROM invoices_invoice") == one("SELECT max(number) FROM invoices_invoice")
    finish(settings, bills)


def test_two_starts_at_once_share_the_work(settings: Any) -> None:
    bills = made.billed_big(books=20, points=1_500)
    both = [start(settings), start(settings)]
    for process in both:
        _output, errors = process.communicate(timeout=180)
        assert process.returncode == 0, errors
    prove(bills)


def settle() -> None:
    """Wait until the server has noticed that the killed processes are gone."""
    for _ in range(200):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND state <> 'idle' AND backend_type = 'client backend'"
            )
            if cursor.fetchone()[0] == 0:
                return
        time.sleep(0.05)
