"""The worker process: queued tasks; and beside them, so that no long task holds them up, the two outboxes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django.utils import timezone
from procrastinate.contrib.django import app

from thapsang.interfaces.shared.searched import warm_search
from thapsang.interfaces.worker import tasks
from thapsang.journeys import send_messages, thank_payers
from thapsang.kit.events import operations as events

logger = logging.getLogger(__name__)
POLL_SECONDS = 0.5
MESSAGES_SECONDS = 3.0
"""Somebody may be waiting for a code: an interrupted one goes out within seconds after its time."""


def run_worker(*, concurrency: int = 2) -> None:
    """Do queued work and tell events until SIGINT or SIGTERM; a task at work is finished first.

    Must run in the main thread: it takes the signals. Killed with -9, the work in hand is done again by the
    next worker (tasks and handlers bear that).
    """
    stop = threading.Event()
    loops = [
        threading.Thread(target=_repeat, args=[stop, work, pause], name=work.__name__, daemon=True)
        for work, pause in ((_tell_events, POLL_SECONDS), (_send_messages, MESSAGES_SECONDS))
    ]
    for loop in [*loops, threading.Thread(target=_warm, name="warm", daemon=True)]:
        loop.start()
    try:
        with app.replace_connector(app.connector.get_worker_connector()):  # type: ignore[attr-defined]
            app.run_worker(
                queues=list(tasks.QUEUES), concurrency=concurrency, install_signal_handlers=True,
                fetch_job_polling_interval=1.0,
            )  # fmt: skip
    finally:
        stop.set()
        for loop in loops:
            loop.join(timeout=10)


def _warm() -> None:
    """Read what searching needs once, so that the first search of the day does not wait for the disk."""
    try:
        left = [one for one in warm_search() if one.left_out]
        if left:
            logger.info("%s of what searching reads is left out: see `thapsang db warm`", len(left))
    except Exception:
        logger.warning(
            "what searching reads was not read ahead; the first searches will be slower", exc_info=True
        )
    finally:
        connection.close()


def _tell_events() -> bool:
    return events.drain() > 0


def _send_messages() -> bool:
    thank_payers.announce_payments(at=timezone.now())
    done = send_messages.send_waiting()
    return done.total() > 0 and not done["queued"]


def _repeat(stop: threading.Event, work: Callable[[], bool], pause: float) -> None:
    """Do `work` again and again, with a pause whenever it found nothing to do."""
    while not stop.is_set():
        try:
            busy = work()
        except (OperationalError, InterfaceError):
            logger.warning("the database does not answer; %s waits", work.__name__)
            close_old_connections()
            busy = False
        except Exception:
            logger.exception("%s failed and goes on", work.__name__)
            busy = False
        if not busy:
            stop.wait(pause)
    connection.close()
