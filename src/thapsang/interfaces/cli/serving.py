"""`thapsang serve` and `thapsang worker`: the two processes of an installation."""

from __future__ import annotations

import os
import sys

import typer
from granian import Granian
from granian.constants import Interfaces

WORKER = "thapsang.interfaces.worker"


def serve(
    host: str = typer.Option("127.0.0.1", help="Address to listen on."),
    port: int = typer.Option(8000, help="Port to listen on."),
    workers: int = typer.Option(2, help="Processes."),
) -> None:
    """Serve the portal, the console and the API."""
    Granian(
        "thapsang.config.wsgi:application", address=host, port=port, workers=workers,
        blocking_threads=4, interface=Interfaces.WSGI, log_access=False, websockets=False,
    ).serve()  # fmt: skip


def worker(concurrency: int = typer.Option(2, help="Jobs at the same time.")) -> None:
    """Do the work that waits in the queue: imports, bill runs, events."""
    os.execv(sys.executable, [sys.executable, "-m", WORKER, str(concurrency)])  # noqa: S606 - ourselves
