"""Payment confirmation through HTTP against its floors: the one statement itself, and a bare answer of the server.

A database of its own (24,000 customers with 13 bills each, every guard in force), granian with 2 workers, 32
connections that stay open. Each confirmation has a token, a key and a customer of its own; the books are checked.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import psycopg

CUSTOMERS = int(os.environ.get("THAPSANG_BENCH_PAYERS", "24000"))
"""Half of them pay through HTTP, half straight."""
HALF = CUSTOMERS // 2
CONNECTIONS = 32
SECONDS = 6.0
DATABASE = "bench_payments"
ROOT = Path(__file__).resolve().parents[1]

_PROVINCE = """
INSERT INTO network_areateam (code, name, doubt) VALUES ('PA13VH', 'Đội Vinh', '');
INSERT INTO network_commune (code, name, kind, area_team_id, former_names)
    SELECT '16690', 'Trường Vinh', 'phuong', id, '{{}}' FROM network_areateam;
INSERT INTO network_readingbook (code, area_team_id, reading_day) SELECT 'VH0001', id, 1 FROM network_areateam;
INSERT INTO ledger_account (chart, code) VALUES ('511', '511') ON CONFLICT DO NOTHING;
INSERT INTO ledger_account (chart, code)
    SELECT '131', '131:PA13VH' || lpad(n::text, 7, '0') FROM generate_series(1, {n}) n;
INSERT INTO customers_customer (code, kind, name, account_id, tax_code, created_at)
    SELECT substr(code, 5), 'person', 'Nguyễn Văn An', id, '', now()
    FROM ledger_account WHERE chart = '131' ORDER BY id;
INSERT INTO customers_premises (address, commune_id)
    SELECT 'Số ' || n, c.id FROM generate_series(1, {n}) n, network_commune c;
INSERT INTO customers_supplypoint (code, premises_id, book_id, status)
    SELECT c.code || '001', p.id, b.id, 'active'
    FROM (SELECT code, row_number() OVER (ORDER BY id) AS n FROM customers_customer) c
    JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n FROM customers_premises) p USING (n), network_readingbook b;
INSERT INTO customers_supplyagreement (number, customer_id, supply_point_id, start)
    SELECT 'HD' || c.code, c.id, s.id, '2020-01-01'
    FROM customers_customer c JOIN customers_supplypoint s ON s.code = c.code || '001';
INSERT INTO tariffs_policyversion (sha256, distributor, content, first_used_at)
    VALUES (repeat('0', 64), 'bench', '{{}}', now());
"""
_MONTH = """
SELECT billing_open_period({yymm});
INSERT INTO billing_billrun (period, status, policy_version_id, started_at, totals)
    SELECT '{month}', 'finished', id, now(), '{{}}' FROM tariffs_policyversion;
INSERT INTO billing_bill (id, run_id, supply_point_id, customer_id, agreement_id, category, household_quarters,
        start, "end", kwh, kvarh, estimated, net, vat_rate, vat, total, issued_on, due_on)
    SELECT {yymm} * 10000000000 + a.supply_point_id * 10, r.id, a.supply_point_id, a.customer_id, a.id,
        'residential', 4,
        '{month}', date '{month}' + interval '1 month', 150, 0, false, 100000, 800, 8000, 108000,
        date '{month}' + interval '1 month', date '{month}' + interval '1 month 9 days'
    FROM customers_supplyagreement a, billing_billrun r WHERE r.period = '{month}' ORDER BY 1;
INSERT INTO billing_billline (bill_id, line_no, kind, tier, band, kwh, price, amount, start, "end", reference)
    SELECT id, 1, 'flat', 0, '', 150, 1, net, start, "end", 1
    FROM billing_bill WHERE id / 10000000000 = {yymm} ORDER BY 1;
INSERT INTO ledger_journal (kind, reference, business_date, posted_at, created_in)
    VALUES ('bill', 'bills:{yymm}', '{month}', now(), '');
INSERT INTO ledger_entry (journal_id, account_id, amount, document)
    SELECT j.id, side.account, side.amount, b.id FROM ledger_journal j, billing_bill b
    JOIN customers_customer c ON c.id = b.customer_id,
    LATERAL (VALUES (c.account_id, b.total),
        ((SELECT id FROM ledger_account WHERE code = '511'), -b.total)) side(account, amount)
    WHERE j.reference = 'bills:{yymm}' AND b.id / 10000000000 = {yymm};
"""
_PAST = """
INSERT INTO ledger_journal (kind, reference, business_date, posted_at, created_in)
    VALUES ('payment', 'past', '2026-11-01', now(), '');
INSERT INTO payments_payment (customer_id, channel, provider, provider_reference, receipt_code, amount, journal_id,
        business_date, paid_at, received_at, paid_below)
    SELECT b.customer_id, 'bank', 'past', b.id::text, 'TH' || b.id, b.total, j.id, '2026-11-01', now(), now(),
        b.id / 10000000000 * 10000000000
    FROM billing_bill b, ledger_journal j WHERE j.reference = 'past' AND b.id < 26100000000000;
INSERT INTO payments_allocation (payment_id, bill_id, amount)
    SELECT id, provider_reference::bigint, amount FROM payments_payment;
INSERT INTO ledger_entry (journal_id, account_id, amount, document)
    SELECT p.journal_id, c.account_id, -p.amount, p.id
    FROM payments_payment p JOIN customers_customer c ON c.id = p.customer_id;
INSERT INTO ledger_entry (journal_id, account_id, amount)
    SELECT journal_id, (SELECT id FROM ledger_account WHERE code = '112'), sum(amount) FROM payments_payment GROUP BY 1;
"""


def fill(link: psycopg.Connection) -> None:
    """Customers with twelve paid bills and one open one each."""
    months = [(2025, m) for m in (10, 11, 12)] + [(2026, m) for m in range(1, 11)]
    with link.transaction():
        link.execute(_PROVINCE.format(n=CUSTOMERS))
    link.execute("ANALYZE")
    for year, month in months:
        with link.transaction():
            link.execute(_MONTH.format(yymm=year % 100 * 100 + month, month=f"{year}-{month:02d}-01"))
    with link.transaction():
        link.execute(_PAST)
    link.execute("ANALYZE")


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


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def served(environment: dict[str, str]) -> Iterator[int]:
    """The web server with two workers; gives its port."""
    port = free_port()
    program = f"from thapsang.interfaces.cli.serving import serve; serve('127.0.0.1', {port}, 2, 16)"
    words = [sys.executable, "-c", program]
    process = subprocess.Popen(words, env=environment, start_new_session=True, cwd=ROOT)
    try:
        for _ in range(300):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/openapi.json", timeout=2).read()
                break
            time.sleep(0.1)
        else:
            raise RuntimeError("The web server does not answer.")
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def token(port: int, environment: dict[str, str]) -> str:
    """A token of a new client of the API."""
    words = [sys.executable, "-m", "thapsang.interfaces.cli.main", "api", "client", "add", "bench", "--json",
             "--scopes", "payments:write", "--per-minute", "2000000"]  # fmt: skip
    made = json.loads(
        subprocess.run(words, env=environment, check=True, capture_output=True, text=True).stdout
    )
    form = (
        f"grant_type=client_credentials&client_id={made['client_id']}&client_secret={made['client_secret']}"
    )
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/oauth/token", form.encode()) as answer:
        return str(json.load(answer)["access_token"])


# ---- the load, in a process of its own: raw sockets, one request at a time on each connection


def request(bearer: str, number: int) -> bytes:
    """One confirmation, as a bank sends it."""
    body = json.dumps(
        {"customer_code": f"PA13VH{number % HALF + 1:07d}", "amount": 108_000, "transaction_id": f"FT{number}",
         "paid_at": datetime.now(UTC).isoformat()}
    ).encode()  # fmt: skip
    head = (
        f"POST /api/v1/payments HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {bearer}\r\n"
        f"Idempotency-Key: k{number}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


HELLO = b"GET /manifest.webmanifest HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def _load(port: int, bearer: str, first: int, seconds: float) -> None:
    """Keep every connection busy for `seconds`, wait for the last answers, print what was seen.

    Requests are written before the clock starts, and a small answer is taken as it comes from the socket: the
    client has to cost little, as it runs on the machine it measures.
    """
    ready = [request(bearer, n) for n in range(first, first + int(seconds * 4000))] if bearer else []
    ready = ready[::-1] or [HELLO] * int(seconds * 100_000)
    good = b"HTTP/1.1 201" if bearer else b"HTTP/1.1 200"
    waiting, since, took = select.epoll(), dict[int, float](), list[float]()
    links = {link.fileno(): link for link in (_connected(port) for _ in range(CONNECTIONS))}
    begun, spent = time.perf_counter(), time.process_time()
    for number, link in links.items():
        waiting.register(number, select.EPOLLIN)
        since[number] = time.perf_counter()
        link.send(ready.pop())
    while since:
        for number, _ in waiting.poll():
            link = links[number]
            answer = link.recv(65536)
            while not _whole(answer):
                answer += link.recv(65536) or b"(the connection was closed)\r\n\r\n"
            if not answer.startswith(good):
                raise RuntimeError(answer.decode())
            now = time.perf_counter()
            took.append(now - since.pop(number))
            if now - begun < seconds:
                since[number] = now
                link.send(ready.pop())
    seen = {"count": len(took), "rate": len(took) / (time.perf_counter() - begun),
            "p95": sorted(took)[int(len(took) * 0.95)] * 1000,
            "cpu": (time.process_time() - spent) / len(took) * 1e6}  # fmt: skip
    print(json.dumps(seen))


def _connected(port: int) -> socket.socket:
    link = socket.create_connection(("127.0.0.1", port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def _whole(answer: bytes) -> bool:
    """Tell whether all of an answer is here: its body is as long as it says."""
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    return end != b"" and (length is None or int(length[1]) <= len(body))


def load(port: int, bearer: str, *, first: int = 0, seconds: float = SECONDS) -> dict[str, float]:
    """Run the load client; give count, rate a second, p95 in milliseconds and the client's CPU in µs a request."""
    words = [sys.executable, "-m", "bench.payments", str(port), bearer or "hello", str(first), str(seconds)]
    done = subprocess.run(words, check=True, capture_output=True, text=True, cwd=ROOT)
    return dict(json.loads(done.stdout))


def busy(parent: psutil.Process) -> float:
    """Seconds of CPU a process and all below it have used."""
    total = 0.0
    for process in [parent, *parent.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


# ---- the floor: the same operation straight from Python


def straight(url: str, seconds: float = SECONDS) -> float:
    """Payments a second of the settling operation alone, by 32 threads in two processes: no HTTP."""
    words = [sys.executable, "-m", "bench.payments", "straight", str(seconds)]
    environment = {**os.environ, "DATABASE_URL": url}
    parts = [
        subprocess.Popen([*words, str(n)], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
        for n in range(2)
    ]
    return sum(float(part.communicate()[0]) for part in parts)


def _straight(seconds: float, part: int) -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "thapsang.config.settings")
    django.setup()
    from thapsang.domain.payments.operations import settle_under_key
    from thapsang.domain.payments.types import IdempotencyKey, Receipt

    done = [0] * (CONNECTIONS // 2)
    gate = threading.Barrier(len(done))
    spent = [0.0] * len(done)

    def client(slot: int) -> None:
        now, number = datetime.now(UTC), slot * 2 + part
        gate.wait()
        begun = time.perf_counter()
        while (spent_here := time.perf_counter() - begun) < seconds:
            name = f"straight-{part}-{slot}-{done[slot]}"
            settle_under_key(
                customer_code=f"PA13VH{HALF + number % HALF + 1:07d}", reference="",
                receipt=Receipt("bank", "straight", name, 108_000, now, now),
                key=IdempotencyKey("straight", name, b"0" * 32),
            )  # fmt: skip
            done[slot] += 1
            number += CONNECTIONS
        spent[slot] = spent_here

    threads = [threading.Thread(target=client, args=(n,)) for n in range(len(done))]
    [t.start() for t in threads]
    [t.join() for t in threads]
    print(sum(count / time for count, time in zip(done, spent, strict=True)))


def check(url: str, confirmed: float) -> None:
    """Each answer 201 is one payment, and the ledger balances."""
    with psycopg.connect(url) as link:
        (payments,) = link.execute("SELECT count(*) FROM payments_confirmation").fetchone() or (0,)
        (balance,) = link.execute("SELECT sum(amount) FROM ledger_entry").fetchone() or (1,)
        (owed,) = link.execute(
            "SELECT sum(e.amount) - (SELECT sum(total) FROM billing_bill) + (SELECT sum(amount) FROM payments_payment)"
            " FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id WHERE a.chart = '131'"
        ).fetchone() or (1,)
    if (payments, balance, owed) != (confirmed, 0, 0):
        raise RuntimeError(f"{confirmed} answers, {payments} payments, ledger {balance}, customers {owed}.")


def _transactions(url: str) -> int:
    """How many transactions wrote confirmations."""
    with psycopg.connect(url) as link:
        found = link.execute("SELECT count(DISTINCT xmin::text) FROM payments_confirmation").fetchone()
        return int(found[0]) if found else 0


def run() -> Iterable[dict[str, object]]:
    """Measure; target: 1,500 confirmations a second through HTTP."""
    with database() as url:
        environment = {
            **os.environ,
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "thapsang.config.settings",
        }
        migrate = [sys.executable, "-m", "django", "migrate", "--no-input", "-v0"]
        subprocess.run(migrate, env=environment, check=True)
        with psycopg.connect(url, autocommit=True) as link:
            fill(link)
        with served(environment) as port:
            server, postgres = _web_process(port), _database_process(url)
            bearer = token(port, environment)
            hello = load(port, "", seconds=4.0)
            warm = load(port, bearer, seconds=2.0)
            before = busy(server), busy(postgres)
            paid = load(port, bearer, first=int(warm["count"]) + CONNECTIONS)
            after = busy(server), busy(postgres)
            check(url, warm["count"] + paid["count"])
            together = warm["count"] + paid["count"], _transactions(url)
        floor = straight(url)
    yield _row("payments.confirm_http", paid["rate"], "payments/s", floor,
               "the settling operation alone, 32 threads in two processes, no HTTP")  # fmt: skip
    yield _row("payments.confirm_http_of_hello", paid["rate"], "payments/s", hello["rate"],
               "an answer of the same server without database")  # fmt: skip
    yield _plain("payments.confirm_http_p95", paid["p95"], "ms")
    yield _plain("payments.confirm_together", together[0] / together[1], "payments a transaction")
    yield _plain("payments.confirm_cpu_client", paid["cpu"], "us")
    for name, now, then in zip(("python", "postgresql"), after, before, strict=True):
        yield _plain(f"payments.confirm_cpu_{name}", (now - then) / paid["count"] * 1e6, "us")


def _web_process(port: int) -> psutil.Process:
    """The web server: the child of ours that listens (its workers are its children)."""
    words = ("thapsang.interfaces.cli.serving", str(port))
    return next(p for p in psutil.Process().children() if all(w in " ".join(p.cmdline()) for w in words))


def _database_process(url: str) -> psutil.Process:
    """The database server's first process."""
    with psycopg.connect(url) as link:
        found = link.execute("SELECT pg_backend_pid()").fetchone()
        return psutil.Process(found[0] if found else 0).parent() or psutil.Process()


def _plain(name: str, value: float, unit: str) -> dict[str, object]:
    return {"name": name, "value": round(value, 1), "unit": unit, "floor": None, "ratio": None}


def _row(name: str, value: float, unit: str, floor: float, what: str) -> dict[str, object]:
    return {
        "name": name, "value": round(value), "unit": unit, "floor": round(floor), "ratio": round(value / floor, 3),
        "floor_is": what,
    }  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1] == "straight":
        _straight(float(sys.argv[2]), int(sys.argv[3]))
    else:
        _load(int(sys.argv[1]), sys.argv[2].removesuffix("hello"), int(sys.argv[3]), float(sys.argv[4]))
