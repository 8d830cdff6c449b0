"""`thapsang serve` and `thapsang worker`: the two processes of an installation."""

from __future__ import annotations

import logging
import os
import signal
import sys

import typer
from django.conf import settings
from granian import Granian
from granian.constants import Interfaces

from thapsang.interfaces.cli import page_files
from thapsang.interfaces.cli.database import database

WORKER = "thapsang.interfaces.worker"
PAGE_THREADS = 4
"""Of each process: drawing pages is Python's work, and more at once only make each of them later (docs/adr/0015)."""

STOPPING_SECONDS = 20
"""How long a process may finish what it is answering."""


def serve(
    host: str = typer.Option("127.0.0.1", help="Address to listen on."),
    port: int = typer.Option(8000, help="Port to listen on."),
    workers: int = typer.Option(2, help="Processes."),
    threads: int = typer.Option(
        PAGE_THREADS,
        min=1,
        help="Threads of a process: few for pages, 16 for a server of the banks' calls alone.",
    ),
) -> None:
    """Serve the portal, the console and the API, with the embedded database unless DATABASE_URL names another.

    In production the pages' files are collected first.
    """
    if settings.PRODUCTION:
        page_files.collect()
    logging.getLogger("_granian").addFilter(lambda line: "Python threads" not in line.getMessage())
    os.register_at_fork(after_in_child=_stop_while_loading)
    with database():
        Granian(
            "thapsang.config.wsgi:application", address=host, port=port, workers=workers,
            blocking_threads=threads, interface=Interfaces.WSGI, log_access=False, websockets=False,
            workers_kill_timeout=STOPPING_SECONDS,
        ).serve()  # fmt: skip


def _stop_while_loading() -> None:
    """Let a process that is still loading end when it is told to.

    Forked, it holds the handlers of its starter, which only note the signal: noted there it is lost, and the starter
    would wait for it for ever. Once it is loaded, granian sets handlers of its own.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the starter, which tells us


def worker(concurrency: int = typer.Option(2, help="Jobs at the same time.")) -> None:
    """Do the work that waits in the queue: imports, bill runs, events. Waits while no database answers."""
    os.execv(sys.executable, [sys.executable, "-m", WORKER, str(concurrency)])  # noqa: S606 - ourselves
