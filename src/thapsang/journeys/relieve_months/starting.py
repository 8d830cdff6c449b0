"""Asking for a batch, letting it begin, carrying it out: here and in helper processes until no book waits."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import date, datetime

import adbc_driver_postgresql.dbapi as adbc
import psycopg
from django.utils import timezone

from thapsang.domain.billing import queries as billing
from thapsang.domain.ledger import operations as ledger
from thapsang.domain.reliefs import operations, queries
from thapsang.domain.reliefs.types import (
    GRANTING,
    TAKING_BACK,
    BatchProgress,
    BatchStateError,
    BatchView,
    ReliefError,
)
from thapsang.domain.tariffs import queries as tariffs
from thapsang.engines.relief import ReliefBook
from thapsang.journeys.relieve_months.granting import work
from thapsang.journeys.relieve_months.job import Job
from thapsang.journeys.relieve_months.simulating import Variant, simulate
from thapsang.kit.audit.operations import Person
from thapsang.kit.bulk.copy import url
from thapsang.kit.bulk.sharing import helpers
from thapsang.kit.db.transactions import transaction

GROUP_POINTS = 20_000
"""Points of the books taken at a time, about: large enough for COPY, small enough to repeat."""
UNKNOWN_BOOKS = 20
"""Books taken at a time in a month whose run has no books of its own."""
HELPER_BOOKS = 40
"""A helper process takes a second or two to start: it pays from about so many books on."""


class BatchInterruptedError(RuntimeError):
    """Workers stopped before all books were done; nothing is lost, the same start goes on."""


class BatchFailedError(RuntimeError):
    """Some books could not be done as a whole; the message names them."""


def ask(
    *,
    programmes: Sequence[str],
    months: Sequence[date],
    name: str,
    actor: Person | str,
    reason: str,
    at: datetime,
    request_id: str = "",
) -> int:
    """Ask for programmes in force to be granted to months already billed; return the batch's number.

    Nothing is computed yet: `compute` follows. Raises UnknownProgrammeError for one that is not in force, ReliefError.
    """
    codes = sorted({queries.programme_named(name=one, status="in-force").code for one in programmes})
    if not codes:
        raise ReliefError("No programme is named: name one that is in force.")
    unbilled = [month for month in months if billing.run(period=month) is None]
    if unbilled:
        named = ", ".join(f"{month:%Y-%m}" for month in unbilled)
        raise ReliefError(f"months: {named} was never billed here: relief is taken off issued bills.")
    book = queries.book_in_force(tariffs.current_book())
    with transaction():
        version = operations.keep_version(book=book, at=at)
        return operations.open_batch(
            version_id=version, programmes=codes, months=sorted(set(months)), name=name, actor=actor, reason=reason,
            at=at, request_id=request_id,
        )  # fmt: skip


def compute(*, batch_id: int) -> BatchView:
    """Simulate a batch and keep what it comes to, for the one who approves it; may be done again until then."""
    found, mark = queries.batch(batch_id=batch_id), queries.evidence_mark()
    variant = Variant(found.name, _book(found), found.programmes)
    (totals,) = simulate(variants=[variant], months=found.months)
    with transaction():
        operations.keep_totals(batch_id=batch_id, totals=totals, mark=mark)
    return queries.batch(batch_id=batch_id)


def approve(*, batch_id: int, actor: Person | str, at: datetime, request_id: str = "") -> None:
    """Let a batch, or the reversal asked for it, begin; `run` carries it out. Raises FourEyesError, BatchStateError."""
    with transaction():
        if queries.batch(batch_id=batch_id).status == "applied":
            operations.approve_reversal(batch_id=batch_id, actor=actor, at=at, request_id=request_id)
        else:
            operations.approve(batch_id=batch_id, actor=actor, at=at, request_id=request_id)


def refuse(*, batch_id: int, actor: Person | str, reason: str, at: datetime, request_id: str = "") -> None:
    """Turn a batch down before anything was granted."""
    with transaction():
        operations.refuse(batch_id=batch_id, actor=actor, reason=reason, at=at, request_id=request_id)


def ask_reversal(
    *, batch_id: int, actor: Person | str, reason: str, at: datetime, request_id: str = ""
) -> None:
    """Ask to take back all a batch granted; somebody else approves it."""
    with transaction():
        operations.ask_reversal(batch_id=batch_id, actor=actor, reason=reason, at=at, request_id=request_id)


def run(
    *,
    batch_id: int,
    workers: int = 2,
    progress: Callable[[BatchProgress], None] | None = None,
    at: datetime | None = None,
) -> BatchView:
    """Carry out an approved batch, or its reversal, from where it stopped, and return it.

    `workers` processes, this one among them, share the books with any other start. `at` is the moment of issue (now).
    Raises BatchStateError when nothing was approved, BatchInterruptedError, BatchFailedError.
    """
    found = queries.batch(batch_id=batch_id)
    phase = {"applying": GRANTING, "reversing": TAKING_BACK}.get(found.status)
    if phase is None:
        if found.status in {"applied", "reversed"}:
            return found
        raise BatchStateError(
            f"Batch {batch_id} is {found.status}: have it approved by a second person first."
        )
    book = _book(found)
    job, waiting = _prepare(found, phase, book, at or timezone.now(), workers)
    if waiting:
        _share_out(job, book, min(workers - 1, waiting // _helper_books()), progress)
    with transaction():
        operations.finish(batch_id=batch_id, at=at or timezone.now())
    _demand_done(found, phase)
    if progress:
        progress(queries.progress(batch_id=batch_id, phase=phase))
    return queries.batch(batch_id=batch_id)


def _book(found: BatchView) -> ReliefBook:
    return queries.book_of(found.version_id, tariffs.current_book())


def _helper_books() -> int:
    return max(1, int(os.environ.get("THAPSANG_RELIEF_HELPER_BOOKS", HELPER_BOOKS)))


def _prepare(found: BatchView, phase: int, book: ReliefBook, at: datetime, workers: int) -> tuple[Job, int]:
    policy, issued_on = billing.current_policy(), timezone.localtime(at).date()
    charts = {
        p.code: p.funding.account for p in book.programmes if p.code in found.programmes and p.funding.account
    }
    with transaction():
        waiting = operations.try_again(batch_id=found.id, phase=phase)
        revenue, vat = (
            ledger.open_account(chart=number, code=number) for number in (policy.revenue, policy.vat)
        )
        funding = {code: ledger.open_account(chart=number, code=number) for code, number in charts.items()}
    job = Job(
        url=url(), batch_id=found.id, phase=phase, version_id=found.version_id, programmes=found.programmes, at=at,
        issued_on=issued_on, due_on=policy.due_on(issued_on), group=_group(found, workers), revenue=revenue, vat=vat,
        funding=funding,
    )  # fmt: skip
    return job, waiting


def _group(found: BatchView, workers: int) -> int:
    """Return how many books of a month have about GROUP_POINTS points, or a part of the month that can be shared."""
    run = billing.run_progress(period=found.months[0])
    if run is None or not run.points:
        return UNKNOWN_BOOKS
    return max(1, min(GROUP_POINTS, run.points // (4 * workers)) * run.books // run.points)


def _share_out(
    job: Job, book: ReliefBook, beside: int, progress: Callable[[BatchProgress], None] | None
) -> None:
    def tell() -> None:
        if progress:
            progress(queries.progress(batch_id=job.batch_id, phase=job.phase))

    with helpers("thapsang.journeys.relieve_months.granting", job.to_json(), count=beside) as running:
        try:
            work(job, book, after_claim=tell)
        except (adbc.OperationalError, psycopg.OperationalError) as error:
            raise BatchInterruptedError(
                f"The database went away or stopped the batch: {error}. What is done stays; when it answers, run "
                f"`thapsang relief run {job.batch_id}` to go on."
            ) from error
        for process in running:
            process.wait()


def _demand_done(found: BatchView, phase: int) -> None:
    now = queries.progress(batch_id=found.id, phase=phase)
    failed = queries.failed_books(batch_id=found.id, phase=phase)
    again = f"run `thapsang relief run {found.id}` to go on"
    if failed:
        named = "; ".join(
            f"{month:%Y-%m} {code}: {problem.splitlines()[0]}" for month, code, problem in failed[:5]
        )
        raise BatchFailedError(
            f"{len(failed)} reading books could not be done ({named}). The others are. Mend what the message names, "
            f"then {again}."
        )
    if now.done < now.books:
        raise BatchInterruptedError(
            f"{now.books - now.done} reading books are not done yet. What is done stays; {again}."
        )
