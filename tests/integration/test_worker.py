"""The worker: queued imports are done, events told, and no queue is without a reader."""

from __future__ import annotations

import ast
import inspect
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.factories import metering as make
from thapsang.domain.metering import operations, queries
from thapsang.domain.notifications import operations as notifications
from thapsang.domain.notifications.models import Message, PhoneCode
from thapsang.domain.notifications.types import NewSms
from thapsang.interfaces.worker import schedule, tasks
from thapsang.kit.bulk.copy import url
from thapsang.kit.db.place import ROOT
from thapsang.kit.db.transactions import transaction
from thapsang.kit.events import operations as events
from thapsang.kit.events.models import Event
from thapsang.kit.identity import clients

AT = datetime(2026, 11, 23, 3, tzinfo=UTC)


def test_every_queue_and_task_used_is_served() -> None:
    ours = {name: task for name, task in app.tasks.items() if name.startswith("thapsang.")}
    assert {task.queue for task in ours.values()} == set(tasks.QUEUES)
    from thapsang.domain.metering.operations import importing

    assert ours[importing.TASK].queue == importing.QUEUE
    for path in (ROOT / "src").rglob("*.py"):  # whoever names a queue names one that is served
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "queue" and isinstance(node.value, ast.Constant):
                assert node.value.value in tasks.QUEUES, path


def test_every_periodic_task_only_hands_over_and_everything_it_names_exists() -> None:
    periodic = {name for name, _ in app.periodic_registry.periodic_tasks if name.startswith("thapsang.")}
    assert periodic == {"thapsang.every_minute", "thapsang.every_night"}
    named = {*schedule.EVERY_MINUTE, *schedule.EVERY_NIGHT}
    assert named <= set(app.tasks)
    # The other way round: what takes no argument is work of the clock, and stands in a schedule.
    ours = {name: task for name, task in app.tasks.items() if name.startswith("thapsang.")}
    assert {name for name, task in ours.items() if not inspect.signature(task.func).parameters} == named


@pytest.fixture
def _no_jobs() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs CASCADE")


def run_worker_once() -> None:
    """Do all queued work in this process and return."""
    with app.replace_connector(app.connector.get_worker_connector()):  # type: ignore[attr-defined]
        app.run_worker(queues=list(tasks.QUEUES), wait=False, install_signal_handlers=False)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_no_jobs")
@pytest.mark.parametrize("name", ["thapsang.every_minute", "thapsang.every_night"])
def test_a_schedule_fans_out_and_every_task_of_it_succeeds(name: str, settings: Any, tmp_path: Path) -> None:
    settings.FILES = tmp_path / "files"
    app.configure_task(name, queueing_lock=None).defer(timestamp=0)
    run_worker_once()
    jobs = {job.task_name: job.status for job in ProcrastinateJob.objects.order_by("id")}
    expected = schedule.EVERY_MINUTE if name.endswith("minute") else schedule.EVERY_NIGHT
    assert set(jobs) >= set(expected)
    assert {jobs[task] for task in (name, *expected)} == {"succeeded"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_no_jobs")
def test_the_night_clears_up_what_is_over_and_nothing_else(settings: Any, tmp_path: Path) -> None:
    settings.FILES = tmp_path
    now = timezone.now()
    client, _ = clients.add_client(name="Bank", scopes=["bills:read"])
    holder = clients.ApiClient.objects.get(client_id=client)
    for number, life in enumerate((-1, 1)):
        clients.ApiToken.objects.create(
            client=holder, token_hash=bytes([number]), scopes=[], expires_at=now + timedelta(hours=life)
        )
        Session.objects.create(
            session_key=f"s{number}", session_data="x", expire_date=now + timedelta(hours=life)
        )
    for age in (0, 3):
        with transaction():
            notifications.new_phone_code(
                purpose="t", phone="+84912345678", sender="10.0.0.1", known=True, at=now - timedelta(days=age)
            )
            events.emit(name="x", key=f"k{age}", body={}, at=now)
    Event.objects.filter(key="k3").update(handled_at=now - timedelta(days=31))
    old, new = tmp_path / ".partial-old", tmp_path / ".partial-new"
    for path, age in ((old, 2), (new, 0)):
        path.write_bytes(b"x")
        moment = (now - timedelta(days=age)).timestamp()
        os.utime(path, (moment, moment))
    app.configure_task("thapsang.every_night").defer(timestamp=0)
    run_worker_once()
    assert [t.token_hash.hex() for t in map(_bytes, clients.ApiToken.objects.all())] == ["01"]
    assert [s.session_key for s in Session.objects.all()] == ["s1"]
    assert PhoneCode.objects.count() == 1 and [e.key for e in Event.objects.all()] == ["k0"]
    assert (old.exists(), new.exists()) == (False, True)


def _bytes(token: Any) -> Any:
    token.token_hash = bytes(token.token_hash)
    return token


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_the_worker_process_imports_tells_and_stops_cleanly(settings: Any, tmp_path: Path) -> None:
    settings.FILES = tmp_path / "files"
    installation = make.meter(make.supply_point(make.book()))
    content = f"serial,register,read_on,value\n{installation.meter.serial},total,2026-11-01,5\n".encode()
    make.ensure_months(date(2026, 11, 1), date(2026, 11, 1))
    number = operations.queue_file(content, name="q.csv", at=AT)
    assert queries.imports()[0].status == "queued"
    with transaction():
        events.emit(name="nobody-listens", key="1", body={}, at=AT)
        notifications.queue_sms(messages=[NewSms("+84912345678", "t", "x", "payment:1")], at=AT)
    nowhere = "http://127.0.0.1:9/sms"  # nobody listens there: the message is tried and stays queued
    environment = {
        **os.environ, "DATABASE_URL": url(), "THAPSANG_FILES": str(tmp_path / "files"),
        "THAPSANG_SMS_URL": nowhere,
    }  # fmt: skip
    code = (
        "import django; django.setup(); from thapsang.interfaces.worker.main import run_worker; run_worker()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    try:
        for _ in range(300):
            found = queries.reading_import(import_id=number)
            if found and found.status == "finished" and events.waiting() == 0:
                break
            time.sleep(0.1)
        assert found is not None and (found.status, found.accepted) == ("finished", 1)
        assert events.waiting() == 0
        for _ in range(100):
            import_done = (
                ProcrastinateJob.objects.get(task_name="thapsang.run_reading_import").status == "succeeded"
            )
            message = Message.objects.get()
            if import_done and message.problem:
                break
            time.sleep(0.1)
        assert (message.status, message.tries) == ("queued", 1) and "does not answer" in message.problem
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
    assert ProcrastinateJob.objects.get(task_name="thapsang.run_reading_import").status == "succeeded"
