"""The bill page at 32 open connections against its floor, a bare answer of the same server.

A database of its own: 900 customers, thirteen months of readings, two billed, most bills paid. Granian with 2 workers;
32 connections that stay open, each asking again as soon as it is answered, in a process beside the server and the
database on the same machine. Every connection asks for other customers' pages in turn, each with its reader's own
session, as a browser does: compressed, with the cookies of an earlier page. `first`: every bill is drawn for the first
time; `again`: seen by each worker before, as when a customer comes back to pay. Values are the 95th of a hundred in
milliseconds, and the processor time of the web server's processes for one page, which another load on the machine
moves less; the lines after # tell the mean, the fastest and the slowest connection (they hang on one worker each), and
the processor time of the database and of this client. `THAPSANG_BENCH_THREADS`: threads of a process.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import select
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import psycopg

from bench.payments import ROOT, free_port

CUSTOMERS = int(os.environ.get("THAPSANG_BENCH_READERS", "900"))
CONNECTIONS = 32
SECONDS = 5.0
WARMING, AGAIN = 100, 800
DATABASE = "bench_portal"

_FILL = """
import datetime as dt, json, random, sys
import django
django.setup()
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from thapsang.domain.billing import queries as billing
from thapsang.domain.billing.types import bill_code
from thapsang.domain.customers import queries as customers
from thapsang.interfaces.portal.views.signing_in import BACKEND
from thapsang.journeys import load_demo, run_billing, settle_demo
from thapsang.kit.identity.people import customer_user
from thapsang.kit.identity.sessions import SessionStore
call_command("migrate", interactive=False, verbosity=0)
load_demo.load(customers=int(sys.argv[1]), seed=1, at=timezone.now(), progress=lambda *_: None)
months, month = [], timezone.localdate().replace(day=1)
for _ in range(2):
    month = (month - dt.timedelta(days=1)).replace(day=1)
    months.insert(0, month)
for month in months:
    run_billing.start(period=month, workers=2)
settle_demo.settle(months=months)
with connection.cursor() as sql:
    sql.execute("SELECT DISTINCT customer_id FROM customers_contactpoint WHERE kind = 'phone' AND is_primary")
    readers = [row[0] for row in sql.fetchall()]
bills = {}
for bill in billing.bills_of_customers(customer_ids=readers, limit=100_000):
    bills.setdefault(bill.customer_id, []).append(f"/bills/{bill_code(bill.id)}/")
asked = []
for reader, pages in bills.items():
    user = customer_user(phone=customers.phone_for_messages(customer_id=reader))
    session = SessionStore()
    session.update({SESSION_KEY: str(user.pk), BACKEND_SESSION_KEY: BACKEND})
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    asked += [(page, session.session_key) for page in pages]
random.Random(1).shuffle(asked)
with connection.cursor() as sql:
    sql.execute("ANALYZE")
print(json.dumps(asked))
"""


@contextlib.contextmanager
def database() -> Iterator[str]:
    """An embedded server with a fresh database; gives its address."""
    from thapsang.kit.db.embedded import running
    from thapsang.kit.db.place import embedded_place

    place = embedded_place()
    with running(place):
        with psycopg.connect(place.url, autocommit=True) as link:
            link.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
            link.execute(f"CREATE DATABASE {DATABASE}")
        yield place.url.replace("/thapsang?", f"/{DATABASE}?")
        with psycopg.connect(place.url, autocommit=True) as link:
            link.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


@contextlib.contextmanager
def served(environment: dict[str, str], program: str, path: str) -> Iterator[tuple[int, int]]:
    """A granian with two workers; gives its port and its process once `path` is answered."""
    port = free_port()
    words = [sys.executable, "-c", program.format(port=port)]
    process = subprocess.Popen(words, env=environment, start_new_session=True, cwd=ROOT)
    try:
        _until_it_answers(port, path)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _until_it_answers(port: int, path: str) -> None:
    import httpx

    for _ in range(300):
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"http://127.0.0.1:{port}{path}", timeout=2).status_code == 200:
                return
        time.sleep(0.1)
    raise RuntimeError("The web server does not answer.")


THREADS = int(os.environ.get("THAPSANG_BENCH_THREADS", "4"))
PRODUCT = f"from thapsang.interfaces.cli.serving import serve; serve('127.0.0.1', {{port}}, 2, {THREADS})"
HELLO = """
import sys, types
from granian import Granian
from granian.constants import Interfaces
Granian("bench.portal:hello", address="127.0.0.1", port={port}, workers=2, blocking_threads=4,
        interface=Interfaces.WSGI, log_access=False, websockets=False).serve()
"""


def hello(environ: object, start_response: object) -> list[bytes]:
    """The least a server can answer: a body as long as a compressed bill page, made of nothing."""
    start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", "4000")])  # type: ignore[operator]
    return [b"x" * 4000]


# ---- the load, in a process of its own


class _Connection:
    """One open connection: asks, reads the answer to its end, says how long it took."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.took: list[float] = []
        self._begun, self._answer, self._whole = 0.0, b"", 0

    def ask(self, path: str, session: str) -> None:
        cookies = f"sessionid={session}; csrftoken={session}"
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\nCookie: {cookies}\r\n\r\n"
        self._begun, self._answer, self._whole = time.perf_counter(), b"", 0
        self.socket.sendall(head.encode())

    def answered(self) -> bool:
        """Read what has come; tell whether it is all."""
        self._answer += self.socket.recv(65536)
        if not self._whole and (end := self._answer.find(b"\r\n\r\n") + 4) > 3:
            if not self._answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(self._answer.decode(errors="replace"))
            length = re.search(rb"(?i)content-length: *(\d+)", self._answer[:end])
            assert length
            self._whole = end + int(length[1])
        if not self._whole or len(self._answer) < self._whole:
            return False
        self.took.append(time.perf_counter() - self._begun)
        return True


def load(port: int, asked: list[tuple[str, str]], *, again: bool) -> dict[str, float]:
    """Ask for the pages over 32 connections: each once, or over and over for some seconds."""
    queue = itertools.cycle(asked) if again else iter(asked)
    waiting = select.epoll()
    connections = {one.socket.fileno(): one for one in [_Connection(port) for _ in range(CONNECTIONS)]}
    begun, worked = time.perf_counter(), time.process_time()
    until = begun + (SECONDS if again else 600)
    for number, one in connections.items():
        waiting.register(number, select.EPOLLIN)
        one.ask(*next(queue))
    asking = len(connections)
    while asking:
        for number, _ in waiting.poll():
            if not connections[number].answered():
                continue
            page = next(queue, None) if time.perf_counter() < until else None
            if page is None:
                asking -= 1
            else:
                connections[number].ask(*page)
    seen = _summary([one.took for one in connections.values()], time.perf_counter() - begun)
    return seen | {"client": (time.process_time() - worked) / seen["pages"] * 1000}


def _summary(each: list[list[float]], seconds: float) -> dict[str, float]:
    took = list(itertools.chain.from_iterable(each))
    means = sorted(statistics.fmean(one) * 1000 for one in each)
    return {
        "p95": statistics.quantiles(took, n=100)[94] * 1000,
        "mean": statistics.fmean(took) * 1000,
        "fastest connection": means[0],
        "slowest connection": means[-1],
        "rate": len(took) / seconds,
        "pages": len(took),
    }


def _ticks(wanted: Callable[[list[str]], bool]) -> float:
    """Seconds of processor time, so far, of the processes whose fields of /proc/…/stat (from the state on) fit."""
    ticks = 0
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12]) if wanted(fields) else 0
    return ticks / os.sysconf("SC_CLK_TCK")


def _spent(session: int) -> tuple[float, float]:
    """Processor time of one session's processes (`served` begins one), and of the database's."""
    from thapsang.kit.db.place import embedded_place

    file = embedded_place().data / "postmaster.pid"
    server = file.read_text().split()[0] if file.exists() else ""
    return _ticks(lambda of: of[3] == str(session)), _ticks(lambda of: of[1] == server)


def _load(server: tuple[int, int], asked: list[tuple[str, str]], *, again: bool) -> dict[str, float]:
    port, process = server
    words = [sys.executable, "-m", "bench.portal", str(port), "again" if again else "first"]
    before = _spent(process)
    answer = subprocess.run(
        words, input=json.dumps(asked), capture_output=True, text=True, check=True, cwd=ROOT
    )
    after, seen = _spent(process), dict(json.loads(answer.stdout))
    cpu, database = [(b - a) / seen["pages"] * 1000 for a, b in zip(before, after, strict=True)]
    return seen | {"cpu": cpu, "database": database}


def run() -> Iterable[dict[str, object]]:
    """Give the page's p95, rate and processor time beside the floor's."""
    base = {**os.environ, "DJANGO_SETTINGS_MODULE": "thapsang.config.settings", "THAPSANG_LOG": "ERROR"}
    with served(base, HELLO, "/") as server:
        _load(server, [("/", "x")] * 200, again=False)
        floor = _load(server, [("/", "x")] * 400, again=True)
    with database() as url:
        environment = {**base, "DATABASE_URL": url}
        made = subprocess.run(
            [sys.executable, "-c", _FILL, str(CUSTOMERS)],
            env=environment, cwd=ROOT, check=True, capture_output=True, text=True,
        )  # fmt: skip
        asked = [tuple(pair) for pair in json.loads(made.stdout.splitlines()[-1])]
        with served(environment, PRODUCT, "/healthz") as server:
            _load(server, asked[:WARMING], again=False)  # connections, templates, tariff book
            results = {"first": _load(server, asked[WARMING:], again=False)}
            _load(server, asked[-AGAIN:] * 4, again=False)  # so that either worker has seen each
            results["again"] = _load(server, asked[-AGAIN:], again=True)
    for name, seen in results.items():
        print(f"# {name}: {', '.join(f'{what} {value:.2f}' for what, value in seen.items())}", flush=True)
        yield {"name": f"portal.bill_page.p95.{name}", "value": round(seen["p95"], 1), "unit": "ms",
               "floor": round(floor["p95"], 1), "ratio": round(seen["p95"] / floor["p95"], 2)}  # fmt: skip
        yield {"name": f"portal.bill_page.rate.{name}", "value": round(seen["rate"]), "unit": "pages/s",
               "floor": round(floor["rate"]), "ratio": round(seen["rate"] / floor["rate"], 3)}  # fmt: skip
        yield {"name": f"portal.bill_page.cpu.{name}", "value": round(seen["cpu"], 2), "unit": "ms",
               "floor": round(floor["cpu"], 3), "ratio": round(seen["cpu"] / max(floor["cpu"], 0.001), 1)}  # fmt: skip


if __name__ == "__main__":
    pages = [(path, session) for path, session in json.load(sys.stdin)]
    print(json.dumps(load(int(sys.argv[1]), pages, again=sys.argv[2] == "again")))
