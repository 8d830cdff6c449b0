"""A month's e-invoices from bills to signed files in the database, against raw RSA-2048 signing in the same run.

The whole journey: columns read, numbers taken, invoices written and signed, packs kept, rows and events
committed, every guard in force. Counted is the processor time of the worker and of the whole database server from
the first group of books on (`start_s` is what came before); the floor is the time raw signatures take with the same
key, measured in rounds between books.

    python -m bench.invoices 20000
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import django
import psutil

COUNT = 20_000
PERIOD = "2026-10"


def backends(cursor) -> float:
    """Processor seconds of the whole database server, processes that have ended included."""
    cursor.execute("SELECT pg_backend_pid()")
    head = psutil.Process(cursor.fetchone()[0]).parent()
    assert head is not None
    times = [head.cpu_times(), *(child.cpu_times() for child in head.children())]
    return sum(t.user + t.system for t in times) + times[0].children_user + times[0].children_system


def raw_seconds(signer, count: int = 150) -> float:
    """Processor seconds one raw signature takes now."""
    data = b"x" * 900
    begin = time.process_time()
    for _ in range(count):
        signer.sign(data)
    return (time.process_time() - begin) / count


def run(count: int = COUNT) -> Iterable[dict[str, object]]:
    """Yield the results, in a database of its own that is dropped afterwards."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "thapsang.config.settings")
    django.setup()
    from django.conf import settings
    from django.db import connection
    from django.test.utils import setup_databases, teardown_databases

    from thapsang.kit.db.embedded import EmbeddedServer
    from thapsang.kit.db.place import embedded_place, is_embedded

    server = EmbeddedServer(embedded_place()) if is_embedded() else None
    if server:
        server.start()
    with tempfile.TemporaryDirectory() as folder:
        settings.FILES = Path(folder) / "files"
        old = setup_databases(verbosity=0, interactive=False)
        try:
            yield measure(count, connection)
        finally:
            teardown_databases(old, verbosity=0)
            if server:
                server.stop()


@dataclass
class Watch:
    """Processor seconds at the first group (connections open, policy read, words made), and what floors took."""

    cursor: Any
    floors: list[float] = field(default_factory=list)
    spent: float = 0.0
    worker: float = 0.0
    server: float = 0.0
    begun: bool = False

    def seconds(self) -> float:
        """Processor seconds of this process, floors left out."""
        return time.process_time() - self.spent

    def beside(self, work: Callable[..., Any], signer: Any) -> Callable[..., Any]:
        """Take raw signatures before each pack: the same neighbours meet both."""

        def with_floor(*words: Any) -> Any:
            begin = time.process_time()
            self.floors.append(raw_seconds(signer))
            self.spent += time.process_time() - begin
            return work(*words)

        return with_floor

    def from_first(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Begin to count at the first group."""

        def begin(*words: Any) -> Any:
            if not self.begun:
                self.begun = True
                self.server, self.worker = backends(self.cursor), self.seconds()
            return work(*words)

        return begin


def measure(count: int, connection) -> dict[str, object]:
    """Issue a month by one worker. Means against means: both have the neighbours' noise in them."""
    from tests.factories import invoices as made

    from thapsang.domain.invoices import operations
    from thapsang.journeys import issue_invoices
    from thapsang.journeys.issue_invoices import worker

    bills = made.billed_big(books=max(1, count // 300), points=count)
    plain = worker._keep, worker._do
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        watch = Watch(cursor)
        worker._keep = watch.beside(worker._keep, operations.signer())
        worker._do = watch.from_first(worker._do)
        start, wall = watch.seconds(), time.perf_counter()
        issue_invoices.start(period=made.OCTOBER, workers=1)
        seconds, wall = watch.seconds() - watch.worker, time.perf_counter() - wall - watch.spent
        time.sleep(0.3)  # the worker's connections are closed; the server has to notice
        server = backends(cursor) - watch.server
    worker._keep, worker._do = plain
    floor = statistics.mean(watch.floors)
    cost = (seconds + server) / bills
    return {
        "name": "e-invoices: whole journey, processor time of worker and server",
        "value": round(1 / cost), "unit": "invoices/s", "floor": round(1 / floor), "ratio": round(floor / cost, 3),
        "bills": bills, "wall_s": round(wall, 1),
        "worker_us": round(seconds / bills * 1e6), "server_us": round(server / bills * 1e6),
        "raw_us": round(floor * 1e6), "start_s": round(watch.worker - start, 2),
    }  # fmt: skip


if __name__ == "__main__":
    for result in run(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT):
        print(json.dumps(result, ensure_ascii=False))
