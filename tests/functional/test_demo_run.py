"""`thapsang demo run` as a newcomer meets it: up, stopped cleanly, up again; and a taken port."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import psutil
import pytest

from thapsang.kit.db.embedded import EmbeddedServer
from thapsang.kit.db.place import embedded_place

pytestmark = pytest.mark.slow


def _two_free_ports() -> int:
    for port in range(18200, 19000, 2):
        with socket.socket() as one, socket.socket() as two:
            if one.connect_ex(("127.0.0.1", port)) and two.connect_ex(("127.0.0.1", port + 1)):
                return port
    raise AssertionError("no free ports")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A database server of this test's own, removed afterwards."""
    key = f"demo-run-{os.getpid()}"
    yield {
        **{k: v for k, v in os.environ.items() if k != "DATABASE_URL"},
        "THAPSANG_DB_KEY": key,
        "THAPSANG_STATIC": str(tmp_path_factory.mktemp("static")),
    }
    EmbeddedServer(embedded_place(key=key)).remove()


@contextlib.contextmanager
def _demo(environment: dict[str, str], port: int) -> Iterator[subprocess.Popen[str]]:
    words = ["demo", "run", "--port", str(port), "--customers", "300"]
    process = subprocess.Popen(
        [sys.executable, "-m", "thapsang.interfaces.cli.main", *words],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)  # the impatient second Ctrl-C
        process.wait(90)


def _wait_for(url: str, process: subprocess.Popen[str], seconds: float) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    process.kill()
    assert process.stdout is not None
    raise AssertionError(f"{url} did not answer:\n{process.stdout.read()[-3000:]}")


def _descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def test_it_comes_up_stops_cleanly_and_comes_up_again(environment: dict[str, str]) -> None:
    port = _two_free_ports()
    with _demo(environment, port) as process:
        assert "Thắp Sáng" in _wait_for(f"http://127.0.0.1:{port}/", process, 240)
        assert _wait_for(f"http://127.0.0.1:{port + 1}/sms/inbox", process, 60)
        family = _descendants(process)
        assert len(family) >= 4  # the server, the web server and its workers, the worker, the twins
    assert [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []
    with _demo(environment, port) as process:
        started = time.monotonic()
        _wait_for(f"http://127.0.0.1:{port}/healthz", process, 90)
        assert time.monotonic() - started < 90  # 15 s on a free machine; CI runs two tests at a time


def test_after_a_kill_the_next_start_works(environment: dict[str, str]) -> None:
    port = _two_free_ports()
    with _demo(environment, port) as process:
        _wait_for(f"http://127.0.0.1:{port}/healthz", process, 240)
        # PostgreSQL excepted, which the next start takes over; named while all of them live.
        family = [one for one in _descendants(process) if "postgres" not in one.name()]
        process.kill()
        process.wait()
    _, left = psutil.wait_procs(family, timeout=30)
    assert left == []
    with _demo(environment, port) as process:
        _wait_for(f"http://127.0.0.1:{port}/healthz", process, 60)
    assert not EmbeddedServer(embedded_place(key=environment["THAPSANG_DB_KEY"])).answers()


def test_a_taken_port_is_said_plainly(environment: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "thapsang.interfaces.cli.main", "demo", "run", "--port", str(port)],
            env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert f"Port {port} is taken" in done.stdout
    assert "PORT=" in done.stdout
