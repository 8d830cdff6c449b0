"""Starting a run: prepare it once, let workers share the books, finish it when none waits."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from django.utils import timezone

from thapsang.domain.billing import operations as billing
from thapsang.domain.billing import queries
from thapsang.domain.billing.queries.runs import failed_books, run_totals, waiting_books
from thapsang.domain.billing.types import PeriodError, Progress, month_after, yymm
from thapsang.domain.ledger import operations as ledger
from thapsang.domain.metering import queries as metering
from thapsang.domain.tariffs import operations as keeping
from thapsang.domain.tariffs import queries as tariffs
from thapsang.journeys.run_billing.job import Job
from thapsang.journeys.run_billing.relief import granting, keep_in_force
from thapsang.journeys.run_billing.worker import work
from thapsang.kit.bulk.copy import url
from thapsang.kit.bulk.sharing import helpers, shared_lock
from thapsang.kit.db.transactions import transaction

GROUP_POINTS = 50_000
"""Points billed in one transaction, about: large enough for COPY, small enough to repeat (docs/adr/0005)."""
HELPER_POINTS = 50_000
"""A helper process takes a second or two to start: it pays from about so many points on."""
_LOCK_CLASS = 7412


class BillRunInterruptedError(RuntimeError):
    """Workers stopped before all books were billed; nothing is lost, the same start goes on."""


class BillRunFailedError(RuntimeError):
    """Some books could not be billed as a whole; the message names them."""


@dataclass(frozen=True)
class Outcome:
    """What a start came to. `nothing_to_do`: the month was finished and no exception was open."""

    progress: Progress
    new_bills: int
    nothing_to_do: bool


def start(
    *,
    period: date,
    workers: int = 2,
    progress: Callable[[Progress], None] | None = None,
    at: datetime | None = None,
) -> Outcome:
    """Bill a month (its first day) until every point has its bill or its exception, from where it stopped.

    `workers` processes, this one among them, share the books with any other start of the same month; small
    months are billed in this process alone.
    `progress` is called as books are done. `at` is the moment of issue (now).
    Raises PeriodError (no month, not ended, no reading), PolicyError (tariffs), BillRunInterruptedError,
    BillRunFailedError. Points that cannot be billed are in the queue of exceptions; they raise nothing.
    """
    given, at = at, at or timezone.now()
    demand_billable(period, at)
    with shared_lock(_LOCK_CLASS, yymm(period)) as alone:
        before = queries.run_progress(period=period)
        job, waiting, points = _prepare(period, workers, at, again=alone)
        if waiting:
            _share_out(job, min(workers - 1, points // _helper_points()), period, progress)
        _finish(job, given or timezone.now())
    return _outcome(job, before, waiting, progress)


resume = start
"""Going on is starting again."""


def demand_billable(period: date, at: datetime) -> None:
    """Raise PeriodError unless `period` is the first day of a month that has ended and has a run or readings."""
    if period.day != 1:
        raise PeriodError(f"{period} is no month: give its first day, for example {period.replace(day=1)}.")
    today, end = timezone.localtime(at).date(), month_after(period)
    if end > today:
        raise PeriodError(
            f"{period:%Y-%m} has not ended: its readings are complete from {end}. Bill an earlier month, or wait."
        )
    if queries.run_progress(period=period) is None and not metering.any_reading(after=period, until=end):
        raise PeriodError(
            f"{period:%Y-%m} has no reading after {period} up to {end}: every point would become an exception. "
            "Check the month, or import its readings first (`thapsang readings import FILE`)."
        )


def _helper_points() -> int:
    return max(1, int(os.environ.get("THAPSANG_BILLS_HELPER_POINTS", HELPER_POINTS)))


def _prepare(period: date, workers: int, at: datetime, *, again: bool) -> tuple[Job, int, int]:
    book, policy = tariffs.current_book(), queries.current_policy()
    issued_on = timezone.localtime(at).date()
    with transaction():
        version = keeping.keep_version(book, at)
        relief = keep_in_force(book, period=period, at=at)
        run = billing.open_run(period=period, policy_version_id=version, relief_version_id=relief, at=at)
        billing.open_period(period=period)
        waiting, points = billing.prepare_books(run_id=run.id, again=again)
        accounts = [ledger.open_account(chart=number, code=number) for number in (policy.revenue, policy.vat)]
        book = book if run.policy_version_id == version else tariffs.book_of(run.policy_version_id)
        how = granting(run, book, period=period, at=at)
    group = max(1, min(GROUP_POINTS, points // (4 * workers)) * waiting // max(points, 1))
    job = Job(
        url=url(), run_id=run.id, period=period, at=at, issued_on=issued_on, due_on=policy.due_on(issued_on),
        group_books=group, workers=workers, revenue=accounts[0], vat=accounts[1], policy=book.content,
        relief=how,
    )  # fmt: skip
    return job, waiting, points


def _share_out(job: Job, beside: int, period: date, progress: Callable[[Progress], None] | None) -> None:
    """Bill in this process and in helpers beside it until no book waits."""

    def tell() -> None:
        if progress and (now := queries.run_progress(period=period)):
            progress(now)

    with helpers("thapsang.journeys.run_billing.worker", job.to_json(), count=beside) as running:
        try:
            work(job, after_group=tell)
        except psycopg.OperationalError as error:
            raise BillRunInterruptedError(
                f"The database went away or stopped the run: {error}. What is billed stays; when it answers, run "
                f"`thapsang bills run --period {period:%Y-%m}` again to go on."
            ) from error
        for process in running:
            process.wait()
    left = waiting_books(run_id=job.run_id)
    if left:
        raise BillRunInterruptedError(
            f"{left} reading books are not billed yet (helpers ended with {[p.returncode for p in running]}). "
            f"What is billed stays; run `thapsang bills run --period {period:%Y-%m}` again to go on."
        )


def _finish(job: Job, at: datetime) -> None:
    categories = run_totals(run_id=job.run_id, period=job.period)
    totals: dict[str, Any] = {"categories": [asdict(total) for total in categories]}
    totals["exceptions"] = queries.exception_counts(period=job.period)
    with transaction():
        finished = billing.finish_run(run_id=job.run_id, totals=totals, at=at)
    failed = failed_books(run_id=job.run_id)
    if not finished and failed:
        names = "; ".join(f"{code}: {problem.splitlines()[0]}" for code, problem in failed[:5])
        raise BillRunFailedError(
            f"{len(failed)} reading books could not be billed ({names}). The others are billed. Mend what "
            f"the message names, then run `thapsang bills run --period {job.period:%Y-%m}` again."
        )


def _outcome(
    job: Job, before: Progress | None, waiting: int, progress: Callable[[Progress], None] | None
) -> Outcome:
    now = queries.run_progress(period=job.period)
    if now is None:
        raise BillRunInterruptedError(f"The run of {job.period:%Y-%m} vanished while it was at work.")
    if progress:
        progress(now)
    return Outcome(now, now.bills - (before.bills if before else 0), nothing_to_do=waiting == 0)
