"""kill -9 in the middle of an import, then again: every reading once. And: a large file in bounded memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests.factories import metering as make
from thapsang.domain.metering import operations, queries
from thapsang.kit.bulk.copy import url

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

AT = datetime(2026, 11, 23, 3, tzinfo=UTC)
CHILD = """
import sys, django
django.setup()
from pathlib import Path
from datetime import UTC, datetime
from thapsang.domain.metering import operations
from thapsang.domain.metering.operations import reading_files
reading_files.CHUNK_ROWS, reading_files._BLOCK_BYTES = {chunk}, 1 << 16
{before}
operations.import_file(Path(sys.argv[1]), name="f.csv", at=datetime(2026, 11, 23, 3, tzinfo=UTC), progress={progress})
{after}
"""


def child(
    folder: Path, file: Path, *, chunk: int, before: str = "", progress: str = "None", after: str = ""
) -> Any:
    code = CHILD.format(chunk=chunk, before=before, progress=progress, after=after)
    environment = {**os.environ, "DATABASE_URL": url(), "THAPSANG_FILES": str(folder / "files")}
    return subprocess.Popen(
        [sys.executable, "-c", code, str(file)], env=environment, stdout=subprocess.PIPE, text=True
    )


def meters(count: int) -> list[str]:
    """Hang many meters, set-based; return their serials."""
    book = make.book()
    first = make.supply_point(book)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO customers_supplypoint (code, premises_id, book_id, status) "
            "SELECT 'X' || g, %s, %s, 'active' FROM generate_series(1, %s) g",
            [first.premises_id, book.id, count],
        )
        cursor.execute("INSERT INTO metering_meter (serial, kind, remote) "
                       "SELECT code, 'single', false FROM customers_supplypoint WHERE code LIKE 'X%'")  # fmt: skip
        cursor.execute("INSERT INTO metering_installation (meter_id, supply_point_id, start, multiplier) "
                       "SELECT m.id, p.id, '2020-01-01', 1 FROM metering_meter m "
                       "JOIN customers_supplypoint p ON p.code = m.serial")  # fmt: skip
        cursor.execute("INSERT INTO metering_register (installation_id, kind, digits) "
                       "SELECT id, 'total', 6 FROM metering_installation")  # fmt: skip
    return [f"X{n}" for n in range(1, count + 1)]


def write(path: Path, serials: list[str], days: list[date], *, base: int = 100) -> int:
    with path.open("w") as sink:
        sink.write("serial,register,read_on,value\n")
        for number, day in enumerate(days):
            sink.writelines(f"{serial},total,{day},{base + number}\n" for serial in serials)
    return len(serials) * len(days)


def test_killed_half_way_and_repeated_it_is_right(settings: Any, tmp_path: Path) -> None:
    settings.FILES = tmp_path / "files"
    rows = write(file := tmp_path / "f.csv", meters(3000), [date(2026, month, 1) for month in range(1, 11)])
    slow = "import time\ndef tell(done, size):\n    print(done, size, flush=True); time.sleep(0.3)\n"
    process = child(tmp_path, file, chunk=3000, before=slow, progress="tell")
    assert process.stdout is not None
    for _ in range(3):
        done, size = map(int, process.stdout.readline().split())
    assert 0 < done < size
    [running] = queries.imports()
    assert running.status == "running" and 0 < running.percent < 100
    process.send_signal(signal.SIGKILL)
    process.wait()
    reading = make.model("metering.Reading").objects
    for _ in range(100):  # the server notices the dead client and rolls back
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
            if cursor.fetchone() == (0,):
                break
        time.sleep(0.1)
    assert reading.count() == 0
    outcome = operations.import_file(file, name="f.csv", at=AT)
    assert (outcome.already, outcome.status, outcome.accepted, outcome.rejected) == (
        False,
        "finished",
        rows,
        0,
    )
    assert reading.count() == rows
    assert operations.import_file(file, name="f.csv", at=AT).already
    assert reading.count() == rows


def test_memory_does_not_grow_with_the_file(settings: Any, tmp_path: Path) -> None:
    """Peak memory for a file five times as long is about the same: chunks, not the file, decide it."""
    settings.FILES = tmp_path / "files"
    serials = meters(2000)
    print_peak = "import resource\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    peaks = []
    for year, months in ((2022, 6), (2023, 30)):
        days = [date(year + n // 12, n % 12 + 1, 1) for n in range(months)]
        write(file := tmp_path / f"{months}.csv", serials, days, base=months * 10)
        process = child(tmp_path, file, chunk=6000, after=print_peak)
        out, _ = process.communicate(timeout=300)
        assert process.returncode == 0
        peaks.append(int(out.split()[-1]) // 1024)
    assert make.model("metering.Reading").objects.count() == 2000 * 36
    assert peaks[1] - peaks[0] < 40, peaks
