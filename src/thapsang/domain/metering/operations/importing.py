"""Import a file of readings: the file is kept, good rows go in, bad rows come back; all in one transaction.

The file and the import's row are committed first, so that nothing given to us is lost. Then one database
transaction reads the file in chunks, judges them and copies them in. Killed at any moment, it leaves nothing
half-done; repeated, it is right. One import of one file runs at a time.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import adbc_driver_manager
from django.db import connection
from django.utils import timezone

from thapsang.domain.metering.models import ReadingImport
from thapsang.domain.metering.operations.reading_files import FileRefusedError, channel_of, chunks
from thapsang.domain.metering.operations.writing import ImportWriter
from thapsang.domain.metering.queries.imports import problem_of
from thapsang.domain.metering.queries.refusals import DEFAULT
from thapsang.kit.bulk.copy import bulk_connection, execute, fetch
from thapsang.kit.db.transactions import transaction
from thapsang.kit.files import operations as files

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection
    from procrastinate import App

logger = logging.getLogger(__name__)
QUEUE, TASK = "imports", "thapsang.run_reading_import"
MEDIA_TYPES = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet", "ami": "text/csv"}
_STATUS = "SELECT status FROM metering_readingimport WHERE id = {}"
_TRIES = 3

Progress = Callable[[int, int], None]
"""Called with bytes read and bytes in all."""


class ImportInsideTransactionError(RuntimeError):
    """An import was called inside a transaction: it commits on its own, call it outside."""


@dataclass(frozen=True)
class ImportOutcome:
    """What became of a file. `status`: finished, refused, queued; `already`: it was imported before."""

    import_id: int
    name: str
    status: str
    already: bool
    problem: str
    """Why the file was refused and what to do, in the language asked for; empty when it was not."""
    problem_code: str
    rows: int
    accepted: int
    replaced: int
    repeated: int
    rejected: int
    flagged: int
    missing: list[dict[str, Any]]
    by_code: dict[str, int] = field(default_factory=dict)


def import_file(
    content: bytes | Path,
    *,
    name: str,
    at: datetime,
    channel: str | None = None,
    again: bool = False,
    progress: Progress | None = None,
    language: str = DEFAULT,
) -> ImportOutcome:
    """Keep a file of readings and import it now.

    `channel` is csv, parquet or ami (CSV made by the API); None tells by the content. A file that was
    imported before changes nothing and is reported with `already`; `again` judges its rows once more (those
    that are in are repeats). Never raises for what is wrong in the file: a refused file has status
    `refused` and its `problem`, in `language` (vi, en). Raises ImportInsideTransactionError inside a transaction.
    """
    import_id = _receive(content, name, channel, at, enqueue=False)
    return run_import(import_id=import_id, at=at, again=again, progress=progress, language=language)


def queue_file(content: bytes | Path, *, name: str, at: datetime, channel: str | None = None) -> int:
    """Keep a file of readings for the worker to import; return the import's id (see queries.imports)."""
    return _receive(content, name, channel, at, enqueue=True)


def _receive(content: bytes | Path, name: str, channel: str | None, at: datetime, *, enqueue: bool) -> int:
    if connection.in_atomic_block:
        raise ImportInsideTransactionError(
            "An import of readings commits on its own: call it outside a transaction."
        )
    kept = files.keep(content)
    with files.open_file(sha256=kept.sha256) as source:
        channel = channel or channel_of(name, source.read(4))
    with transaction():
        files.record(kept=kept, name=name, media_type=MEDIA_TYPES[channel], purpose="readings")
        found, _ = ReadingImport.objects.get_or_create(
            sha256=kept.sha256,
            defaults={"name": name[-255:], "channel": channel, "size": kept.size, "started_at": at},
        )
        if enqueue and found.status in {"queued", "running"}:
            _queue().configure_task(TASK, queue=QUEUE, allow_unknown=True).defer(import_id=found.pk)
    return int(found.pk)


def _queue() -> App:
    from procrastinate.contrib.django import app  # only who queues a file needs the queue

    return app


def run_import(
    *,
    import_id: int,
    at: datetime,
    again: bool = False,
    progress: Progress | None = None,
    language: str = DEFAULT,
) -> ImportOutcome:
    """Import a file that was kept (after `queue_file`, or once more after a crash)."""
    if connection.in_atomic_block:
        raise ImportInsideTransactionError(
            "An import of readings commits on its own: call it outside a transaction."
        )
    for attempt in range(1, _TRIES + 1):
        try:
            already, by_code = _run(import_id, at, again=again, progress=progress)
            return _outcome(import_id, language, already=already, by_code=by_code)
        except adbc_driver_manager.IntegrityError:
            # Somebody wrote one of these readings meanwhile: judged again, it is a repeat or a duplicate.
            if attempt == _TRIES:
                raise
            logger.info("import %s collided with another writer, judged again", import_id)
    raise AssertionError("unreachable")


def _run(
    import_id: int, at: datetime, *, again: bool, progress: Progress | None
) -> tuple[bool, Counter[str]]:
    """Import the file unless it is in; return whether it was, and the rows given back or flagged by code."""
    with bulk_connection() as link:
        # The lock, not the row's status, says who works: it goes away with a killed process.
        execute(link, f"SELECT pg_advisory_xact_lock(hashtext('metering_import'), {import_id})")
        done = fetch(link, _STATUS.format(import_id))
        if done.column("status")[0].as_py() == "finished" and not again:
            return True, Counter()
        try:
            by_code = _load(link, import_id, at, progress)
        except FileRefusedError as error:
            link.rollback()
            _note(
                import_id, status="refused", problem="", problem_code=error.code, problem_figures=error.figures,
                finished_at=at, done=0,
            )  # fmt: skip
            return False, Counter()
        link.commit()
    return False, by_code


def _load(link: Connection, import_id: int, at: datetime, progress: Progress | None) -> Counter[str]:
    given = ReadingImport.objects.get(pk=import_id)
    _note(import_id, status="running", problem="", problem_code="", problem_figures={}, done=0)
    writer = ImportWriter(link, import_id, given.channel, f"import {given.name}", timezone.localdate(at))
    for chunk in chunks(files.path_of(given.sha256), "parquet" if given.channel == "parquet" else "csv"):
        writer.write(chunk)
        _note(import_id, done=min(chunk.done, given.size), rows=writer.rows)
        if progress:
            progress(min(chunk.done, given.size), given.size)
    if writer.rows == 0:
        raise FileRefusedError("file-only-header")
    writer.finish(at)
    if progress:
        progress(given.size, given.size)
    return writer.by_code


def _note(import_id: int, **changes: Any) -> None:
    """Write progress for others to see, outside the import's own transaction."""
    ReadingImport.objects.filter(pk=import_id).update(**changes)


def _outcome(import_id: int, language: str, *, already: bool, by_code: Counter[str]) -> ImportOutcome:
    row = ReadingImport.objects.get(pk=import_id)
    return ImportOutcome(
        import_id=import_id, name=row.name, status=row.status, already=already,
        problem=problem_of(row, language), problem_code=row.problem_code,
        rows=row.rows, accepted=row.accepted, replaced=row.replaced, repeated=row.repeated,
        rejected=row.rejected, flagged=row.flagged, missing=row.missing, by_code=dict(by_code),
    )  # fmt: skip
