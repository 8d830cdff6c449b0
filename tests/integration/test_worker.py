"""The worker: queued imports are done, events told, and no queue is without a reader."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.factories import metering as make
from thapsang.domain.metering import operations, queries
from thapsang.interfaces.worker import tasks
from thapsang.kit.bulk.copy import url
from thapsang.kit.db.place import ROOT
from thapsang.kit.db.transactions import transaction
from thapsang.kit.events import operations as events

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
    environment = {**os.environ, "DATABASE_URL": url(), "THAPSANG_FILES": str(tmp_path / "files")}
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
        for _ in range(50):
            if ProcrastinateJob.objects.get(task_name="thapsang.run_reading_import").status == "succeeded":
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
    assert ProcrastinateJob.objects.get(task_name="thapsang.run_reading_import").status == "succeeded"
