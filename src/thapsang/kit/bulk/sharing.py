"""One long piece of set-based work shared by processes: who was first, and helpers beside the starter.

The units of work are claimed row by row in the database, so that a process gives its units back by dying
(docs/adr/0005); nothing here knows what the units are.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import IO

from django.db import connection

_PROGRAM = (
    "import gc; gc.disable(); import django; django.setup(); from {module} import main; "
    "gc.freeze(); gc.enable(); main()"
)
"""What is imported stays: looking through it for rubbish, again and again, takes a tenth of a helper's start."""


@contextlib.contextmanager
def shared_lock(kind: int, number: int) -> Iterator[bool]:
    """Hold an advisory lock (kind, number) together with other starts; yield whether no other start was at work."""
    key = [kind, number]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", key)
        alone = bool(cursor.fetchone()[0])
        cursor.execute("SELECT pg_advisory_lock_shared(%s, %s)", key)
        if alone:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", key)
    try:
        yield alone
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock_shared(%s, %s)", key)


@contextlib.contextmanager
def helpers(module: str, job: str, *, count: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Run `main()` of a module in `count` processes, each given one line of job; end them with the block.

    The job travels by pipe only: it may hold a password. Each process has one thread of Polars, for the processes
    are the parallelism and the database needs the same cores. It has no pages and no queue of jobs
    (THAPSANG_HELPER): a helper that starts sooner is worth more.
    """
    environment = {
        "DJANGO_SETTINGS_MODULE": "thapsang.config.settings",
        **os.environ,
        "POLARS_MAX_THREADS": "1",
        "THAPSANG_HELPER": "1",
    }
    words = [sys.executable, "-c", _PROGRAM.format(module=module)]
    running = [
        subprocess.Popen(words, stdin=subprocess.PIPE, text=True, env=environment) for _ in range(count)
    ]
    try:
        for process in running:
            with contextlib.suppress(BrokenPipeError):
                _stdin(process).write(job + "\n")
                _stdin(process).flush()
        yield running
    finally:
        for process in running:
            if process.poll() is None:
                process.terminate()
        for process in running:
            process.wait()
            with contextlib.suppress(BrokenPipeError):
                _stdin(process).close()


def _stdin(process: subprocess.Popen[str]) -> IO[str]:
    if process.stdin is None:
        raise ValueError("A helper is started with a pipe.")
    return process.stdin


def be_helper(work: Callable[[str, Callable[[], bool]], None]) -> None:
    """Do a helper's work: `work` gets the line of job, and what tells whether the starter is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the starter, which ends us
    parent = os.getppid()
    work(sys.stdin.readline(), lambda: os.getppid() != parent)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # all is committed and closed: taking the libraries down one by one helps nobody
