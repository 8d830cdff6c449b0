"""The worker process: queued tasks, and the outbox told as soon as something is in it."""

from __future__ import annotations

import logging
import threading

from django.db import OperationalError, close_old_connections, connection
from procrastinate.contrib.django import app

from thapsang.interfaces.worker import tasks
from thapsang.kit.events import operations as events

logger = logging.getLogger(__name__)
POLL_SECONDS = 0.5


def run_worker(*, concurrency: int = 2) -> None:
    """Do queued work and tell events until SIGINT or SIGTERM; a task at work is finished first.

    Must run in the main thread: it takes the signals. Killed with -9, the work in hand is done again by the
    next worker (tasks and handlers bear that).
    """
    stop = threading.Event()
    teller = threading.Thread(target=_tell_events, args=[stop], name="outbox", daemon=True)
    teller.start()
    try:
        with app.replace_connector(app.connector.get_worker_connector()):  # type: ignore[attr-defined]
            app.run_worker(
                queues=list(tasks.QUEUES), concurrency=concurrency, install_signal_handlers=True,
                fetch_job_polling_interval=1.0,
            )  # fmt: skip
    finally:
        stop.set()
        teller.join(timeout=10)


def _tell_events(stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            busy = events.drain()
        except OperationalError:
            logger.warning("the database does not answer; events wait")
            close_old_connections()
            busy = 0
        if not busy:
            stop.wait(POLL_SECONDS)
    connection.close()
