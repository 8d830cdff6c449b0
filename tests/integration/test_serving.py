"""`thapsang serve` ends when it is told to, whatever its processes are doing just then."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from thapsang.kit.bulk.copy import url
from thapsang.kit.db.place import ROOT

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.slow
@pytest.mark.parametrize("told", ["forked", "loading", "loaded"])
def test_it_ends_when_told_at_any_moment(told: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    words = [str(Path(sys.executable).with_name("thapsang")), "serve", "--port", port]
    with subprocess.Popen(words, cwd=ROOT, env={**os.environ, "DATABASE_URL": url()}) as process:
        try:
            family = _processes(process.pid)
            time.sleep({"forked": 0, "loading": 0.7, "loaded": 8}[told])
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=15)
            _, left = psutil.wait_procs(family, timeout=5)
            assert left == []
        finally:
            process.kill()


def _processes(starter: int) -> list[psutil.Process]:
    """Return the processes that answer, as soon as both are there."""
    for _ in range(600):
        family: list[psutil.Process] = psutil.Process(starter).children(recursive=True)
        if len(family) >= 2:
            return family
        time.sleep(0.05)
    pytest.fail("no processes were started")
