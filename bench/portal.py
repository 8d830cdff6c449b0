"""The bill page at 32 open connections against its floor, a bare answer of the same server.

A database of its own: 900 customers, thirteen months of readings, two billed, most bills paid. Granian with 2 workers;
32 connections that stay open, each asking again as soon as it is answered, in a process beside the server and the
database on the same machine. Every connection asks for other customers' pages in turn, each with its reader's own
session, as a browser does: compressed, with the cookies of an earlier page. `first`: every bill is drawn for the first
time; `again`: seen by each worker before, as when a customer comes back to pay. Values are the 95th of a hundred in
milliseconds, and the processor time of the web server's processes for one page, which another load on the machine
moves less.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
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


PRODUCT = "from thapsang.interfaces.cli.serving import serve; serve('127.0.0.1', {port}, 2, 4)"
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


async def _connection(port: int, asked: Iterator[tuple[str, str]], until: float) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took = []
    for path, session in asked:
        if time.perf_counter() > until:
            break
        begun = time.perf_counter()
        cookies = f"sessionid={session}; csrftoken={session}"
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\nCookie: {cookies}\r\n\r\n"
        writer.write(head.encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        low = answer.lower()
        start = low.index(b"content-length:") + 15
        await reader.readexactly(int(low[start : low.index(b"\r\n", start)]))
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer.decode())
        took.append(time.perf_counter() - begun)
    writer.close()
    return took


async def load(port: int, asked: list[tuple[str, str]], *, again: bool) -> dict[str, float]:
    """Ask for the pages over 32 connections: each once, or over and over for some seconds."""
    queue = itertools.cycle(asked) if again else iter(asked)
    begun = time.perf_counter()
    until = begun + (SECONDS if again else 600)
    each = await asyncio.gather(*(_connection(port, queue, until) for _ in range(CONNECTIONS)))
    took = list(itertools.chain.from_iterable(each))
    return {
        "p95": statistics.quantiles(took, n=100)[94] * 1000,
        "p50": statistics.median(took) * 1000,
        "rate": len(took) / (time.perf_counter() - begun),
        "pages": len(took),
    }


def _spent(session: int) -> float:
    """Seconds of processor time of the processes of one session (`served` begins one), so far."""
    ticks = 0
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12]) if int(fields[3]) == session else 0
    return ticks / os.sysconf("SC_CLK_TCK")


def _load(server: tuple[int, int], asked: list[tuple[str, str]], *, again: bool) -> dict[str, float]:
    port, process = server
    words = [sys.executable, "-m", "bench.portal", str(port), "again" if again else "first"]
    before = _spent(process)
    answer = subprocess.run(
        words, input=json.dumps(asked), capture_output=True, text=True, check=True, cwd=ROOT
    )
    seen = dict(json.loads(answer.stdout))
    return seen | {"cpu": (_spent(process) - before) / seen["pages"] * 1000}


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
        yield {"name": f"portal.bill_page.p95.{name}", "value": round(seen["p95"], 1), "unit": "ms",
               "floor": round(floor["p95"], 1), "ratio": round(seen["p95"] / floor["p95"], 2)}  # fmt: skip
        yield {"name": f"portal.bill_page.rate.{name}", "value": round(seen["rate"]), "unit": "pages/s",
               "floor": round(floor["rate"]), "ratio": round(seen["rate"] / floor["rate"], 3)}  # fmt: skip
        yield {"name": f"portal.bill_page.cpu.{name}", "value": round(seen["cpu"], 2), "unit": "ms",
               "floor": round(floor["cpu"], 3), "ratio": round(seen["cpu"] / max(floor["cpu"], 0.001), 1)}  # fmt: skip


if __name__ == "__main__":
    pages = [(path, session) for path, session in json.load(sys.stdin)]
    print(json.dumps(asyncio.run(load(int(sys.argv[1]), pages, again=sys.argv[2] == "again"))))
