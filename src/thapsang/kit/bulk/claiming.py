"""What workers of a long piece of work do: two connections, groups of units claimed, a unit at fault singled out.

The units are rows of a queue, locked by whoever works on them (docs/adr/0005); what they are and what is done with
them is the caller's. Starting helpers beside a worker is `kit.bulk.sharing`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import adbc_driver_manager
import psycopg

from thapsang.kit.bulk.copy import Link, execute

LOST = (adbc_driver_manager.OperationalError, psycopg.OperationalError)
"""The server is gone, or told us to stop: nothing to single out, and nothing to mark."""
_WAIT_SECONDS = 0.05
_LOCK_SECONDS = 60
"""The reader never waits longer for a table: somebody who alters it may be waiting for our own writer."""
_LONGEST_PROBLEM = 2000

Unit = TypeVar("Unit")
Reader = TypeVar("Reader", bound=Link)


@dataclass(frozen=True)
class Links(Generic[Reader]):
    """A worker's connections: `write` holds the claim and the transaction, `read` sees what is committed."""

    read: Reader
    write: psycopg.Connection[Any]

    def rollback(self) -> None:
        """Give up what is at hand."""
        self.read.rollback()
        self.write.rollback()

    def commit(self) -> None:
        """Commit what was written, and let go of what was read."""
        self.read.rollback()
        self.write.commit()


@contextlib.contextmanager
def open_links(url: str, reader: Callable[[str], Reader]) -> Iterator[Links[Reader]]:
    """Open both connections; what is not committed when the block ends is rolled back.

    `reader` opens the one that reads: `ColumnReader.connect`, or ADBC's `connect` where rows have other types.
    """
    with contextlib.closing(reader(url)) as read, contextlib.closing(psycopg.connect(url)) as write:
        execute(read, f"SET lock_timeout = '{_LOCK_SECONDS}s'")
        read.commit()
        yield Links(read, write)


@dataclass(frozen=True)
class Queue(Generic[Unit]):
    """A queue of units as its workers see it.

    claim: lock some units, no more than the limit if one is given; empty when none is free.
    do: do claimed units and commit, or raise. fail: mark one unit failed, with the problem. left: whether units
    wait in anybody's hands.
    """

    claim: Callable[[int | None], list[Unit]]
    do: Callable[[list[Unit]], None]
    fail: Callable[[Unit, str], None]
    left: Callable[[], bool]


def work_through(
    queue: Queue[Unit],
    links: Links[Reader],
    *,
    after_group: Callable[[], None] | None = None,
    orphaned: Callable[[], bool] | None = None,
) -> None:
    """Do groups of units until none waits; units another process holds are waited for.

    A unit that fails by itself is marked failed and does not stop the others. `orphaned` is asked between groups:
    a worker whose parent is gone stops. Raises what LOST names.
    """
    while not (orphaned and orphaned()):
        claimed = queue.claim(None)
        if claimed:
            _do_or_single_out(queue, links, claimed)
        elif not _held_by_others(queue, links):
            return
        if after_group:
            after_group()


def _held_by_others(queue: Queue[Unit], links: Links[Reader]) -> bool:
    """Tell whether units still wait in the hands of another process; wait a moment if so."""
    left = queue.left()
    links.rollback()
    if left:
        time.sleep(_WAIT_SECONDS)
    return left


def _do_or_single_out(queue: Queue[Unit], links: Links[Reader], claimed: list[Unit]) -> None:
    """Do a group; when it fails, do as many units one by one, so that only the one at fault fails."""
    try:
        queue.do(claimed)
    except LOST:
        raise
    except Exception as error:
        links.rollback()
        if len(claimed) > 1:
            _one_by_one(queue, links, len(claimed))
            return
        queue.fail(claimed[0], f"{type(error).__name__}: {error}"[:_LONGEST_PROBLEM])
        links.commit()


def _one_by_one(queue: Queue[Unit], links: Links[Reader], count: int) -> None:
    for _ in range(count):
        claimed = queue.claim(1)
        if not claimed:
            links.rollback()
            return
        _do_or_single_out(queue, links, claimed)
