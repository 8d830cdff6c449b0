"""Starting a month's invoices: prepare it once, let workers share the books, finish it when none waits."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

import adbc_driver_postgresql.dbapi as adbc
import psycopg
from django.utils import timezone

from thapsang.domain.billing import queries as billing
from thapsang.domain.billing.types import yymm
from thapsang.domain.invoices import operations, queries
from thapsang.domain.invoices.bulk.replacing import replace_rejected
from thapsang.domain.invoices.queries.batches import failed_books
from thapsang.domain.invoices.types import BatchProgress, CannotReplaceError, InvoicesError
from thapsang.engines.einvoice import check_may_sign
from thapsang.journeys.issue_invoices.job import Job
from thapsang.journeys.issue_invoices.worker import work
from thapsang.kit.audit.operations import Person, record
from thapsang.kit.bulk.copy import url
from thapsang.kit.bulk.sharing import helpers, shared_lock
from thapsang.kit.db.transactions import transaction

GROUP_BILLS = 4_000
"""Invoices numbered in one transaction and signed in the next, about: one to two seconds of signing."""
HELPER_BILLS = 4_000
"""A helper process takes a second or two to start: it pays from about so many invoices on."""
_LOCK_CLASS = 7413


class IssueInterruptedError(RuntimeError):
    """Workers stopped before all books were done; nothing is lost, the same start goes on."""


class IssueFailedError(RuntimeError):
    """Some books could not be finished; the message names them."""


class NotBilledError(InvoicesError):
    """The month has no finished bill run."""


@dataclass(frozen=True)
class Outcome:
    """What a start came to."""

    progress: BatchProgress
    new_invoices: int
    nothing_to_do: bool


def start(
    *,
    period: date,
    workers: int = 2,
    progress: Callable[[BatchProgress], None] | None = None,
    at: datetime | None = None,
) -> Outcome:
    """Issue the invoices of a month's bills (its first day), from where it stopped.

    Each bill gets the next number of its series and a signed file, kept in packs by book. `workers` processes,
    this one among them, share the books with any other start. `at` is the moment of issue (now).
    Raises NotBilledError, NoKeyError and KeyFileError (before any number is taken), InvoicePolicyError,
    SeriesError, IssueInterruptedError, IssueFailedError. Bills that cannot have an invoice are obstacles in the
    desk's list; they raise nothing and take no number.
    """
    given, at = at, at or timezone.now()
    _demand_billed(period)
    demand_key(at)
    with shared_lock(_LOCK_CLASS, yymm(period)) as alone:
        before = queries.progress(period=period)
        job, waiting, bills = _prepare(period, workers, at, again=alone)
        if waiting:
            _share_out(job, min(workers - 1, bills // _helper_bills()), period, progress)
        _finish(job, given or timezone.now())
    now = queries.progress(period=period)
    assert now is not None
    if progress:
        progress(now)
    return Outcome(now, now.invoices - (before.invoices if before else 0), nothing_to_do=waiting == 0)


def demand_key(at: datetime) -> None:
    """Raise unless the seller's key opens, is the seller's, and its certificate covers `at`."""
    seller = queries.current_policy().seller
    check_may_sign(operations.signer(), at=at, tax_code=seller.tax_code)


def replace(*, invoice_id: int, reason: str, actor: Person | str, at: datetime, request_id: str = "") -> int:
    """Put another invoice in the place of one the tax authority rejected; return its id.

    Its buyer is read anew from the customer's data, so mend those first. It is numbered here and signed by the
    next start of its month. Raises CannotReplaceError, InvoicesError when no reason is given.
    """
    if not reason.strip():
        raise InvoicesError("A replacement needs a reason: it stands on the invoice.")
    day, policy = timezone.localtime(at).date(), queries.current_policy()
    old = queries.invoice(invoice_id=invoice_id)
    if old is None:
        raise CannotReplaceError("There is no such invoice.")
    with transaction():
        series = operations.open_series(rule=policy.series_on(day), day=day)
        made = replace_rejected(
            invoice_id=invoice_id, series_id=series, reason=reason.strip(), issued_on=day, at=at
        )
        record(
            actor=actor, action="invoices.replaced", subject=f"invoice:{old.name}", before={"status": old.status},
            after={"replaced_by": made}, reason=reason.strip(), at=at, request_id=request_id,
        )  # fmt: skip
    return made


def _demand_billed(period: date) -> None:
    run = billing.run(period=period)
    if run is None or run.status != "finished":
        raise NotBilledError(
            f"{period:%Y-%m} is not billed to the end: finish `thapsang bills run --period {period:%Y-%m}` first."
        )


def _helper_bills() -> int:
    return max(1, int(os.environ.get("THAPSANG_INVOICES_HELPER_BILLS", HELPER_BILLS)))


def _group_bills() -> int:
    return max(1, int(os.environ.get("THAPSANG_INVOICES_GROUP_BILLS", GROUP_BILLS)))


def _prepare(period: date, workers: int, at: datetime, *, again: bool) -> tuple[Job, int, int]:
    issued_on = timezone.localtime(at).date()
    rule = queries.current_policy().series_on(issued_on)
    with transaction():
        series_id = operations.open_series(rule=rule, day=issued_on)
        batch_id = operations.open_batch(period=period, at=at)
        waiting, bills = operations.prepare_books(batch_id=batch_id, period=period, again=again)
    group = max(1, min(_group_bills(), bills // (4 * workers)) * waiting // max(bills, 1))
    job = Job(
        url=url(), batch_id=batch_id, series_id=series_id, period=period, issued_on=issued_on, at=at, group_books=group
    )  # fmt: skip
    return job, waiting, bills


def _share_out(job: Job, beside: int, period: date, progress: Callable[[BatchProgress], None] | None) -> None:
    """Work in this process and in helpers beside it until no book waits."""

    def tell() -> None:
        if progress and (now := queries.progress(period=period, statuses=False)):
            progress(now)

    with helpers("thapsang.journeys.issue_invoices.worker", job.to_json(), count=beside) as running:
        try:
            work(job, tell=tell)
        except (adbc.OperationalError, psycopg.OperationalError) as error:
            raise IssueInterruptedError(
                f"The database went away or stopped the work: {error}. What is signed stays; when it answers, run "
                f"`thapsang invoices issue --period {period:%Y-%m}` again to go on."
            ) from error
        for process in running:
            process.wait()


def _finish(job: Job, at: datetime) -> None:
    with transaction():
        finished = operations.finish_batch(batch_id=job.batch_id, at=at)
    failed = failed_books(period=job.period)
    if not finished and failed:
        names = "; ".join(f"{code}: {problem.splitlines()[0]}" for code, problem in failed[:5])
        raise IssueFailedError(
            f"{len(failed)} reading books are not finished ({names}). The others are. Mend what the message "
            f"names, then run `thapsang invoices issue --period {job.period:%Y-%m}` again."
        )
