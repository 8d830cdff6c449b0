"""Issuing a correction: each month of each book whole, in one transaction; killed and started again, it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import adbc_driver_postgresql.dbapi as adbc
import polars as pl
import psycopg
import pyarrow as pa
from django.utils import timezone

from thapsang.domain.billing import bulk as billing
from thapsang.domain.billing import queries as bills
from thapsang.domain.billing.bulk.correcting import Made, adjusting, replacing
from thapsang.domain.billing.bulk.deriving import Looked, derive, unit_key
from thapsang.domain.billing.operations import corrections as keeping
from thapsang.domain.billing.queries import corrections as queries
from thapsang.domain.billing.types import CorrectionChangedError, CorrectionStateError, CorrectionView
from thapsang.domain.ledger import bulk as ledger
from thapsang.domain.payments import bulk as payments
from thapsang.domain.reliefs import bulk as reliefs
from thapsang.journeys.correct_bills.relieving import grant, move_to_funds
from thapsang.kit.audit.operations import Person
from thapsang.kit.bulk.copy import bulk_connection, url
from thapsang.kit.db.transactions import transaction

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection

_MAKE: dict[str, Callable[..., Made]] = {"adjust": adjusting, "replace": replacing}


class CorrectionInterruptedError(RuntimeError):
    """The database went away while a correction was issued; what is issued stays, the same call goes on."""


@dataclass(frozen=True)
class Issued:
    """What issuing came to. `nothing_to_do`: it was issued before."""

    correction: CorrectionView
    new_bills: int
    nothing_to_do: bool


@dataclass(frozen=True)
class _Job:
    correction: CorrectionView
    at: datetime
    issued_on: date
    due_on: date
    revenue: str
    vat: str


def issue(
    *,
    correction_id: int,
    how: str,
    actor: Person | str,
    at: datetime | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Issued:
    """Issue a correction as adjusting (`adjust`) or as cancelling and replacing bills (`replace`).

    Everything is derived again first; if anything differs from the draft, nothing is issued
    (CorrectionChangedError). Then each month of each book is one transaction: bills, links, ledger, credit notes,
    marks. Called again it goes on where it stopped; an issued correction is left alone. Raises also
    UnknownCorrectionError, CorrectionStateError, FourEyesError, BillingError, CorrectionInterruptedError.
    """
    at = at or timezone.now()
    found = queries.correction(correction_id=correction_id)
    if found.status == "issued":
        return Issued(found, 0, nothing_to_do=True)
    _demand_state(found, how)
    try:
        with bulk_connection() as read, psycopg.connect(url()) as write:
            if found.status == "draft":
                _demand_unchanged(read, found)
                with transaction():
                    keeping.approve(correction_id=correction_id, how=how, actor=actor, at=at)
                found = queries.correction(correction_id=correction_id)
            made = _issue_all(read, write, _job(found, at), progress)
    except (adbc.OperationalError, psycopg.OperationalError) as error:
        raise CorrectionInterruptedError(
            f"The database went away: {error}. What is issued stays; when it answers, issue correction "
            f"{correction_id} again to go on."
        ) from error
    with transaction():
        keeping.close(correction_id=correction_id, actor=actor, at=at)
    return Issued(queries.correction(correction_id=correction_id), made, nothing_to_do=False)


def withdraw(*, correction_id: int, reason: str, actor: Person | str, at: datetime) -> int:
    """Drop a draft, or what is left of a correction under way; return how many months are dropped."""
    with transaction():
        return keeping.withdraw(correction_id=correction_id, reason=reason, actor=actor, at=at)


def _demand_state(found: CorrectionView, how: str) -> None:
    if found.status == "withdrawn":
        raise CorrectionStateError(f"Correction {found.id} is withdrawn: preview it anew.")
    if found.status == "issuing" and found.how != how:
        raise CorrectionStateError(
            f"Correction {found.id} is under way with `{found.how}`: go on with that, or withdraw what is left."
        )


def _job(found: CorrectionView, at: datetime) -> _Job:
    policy, day = bills.current_policy(), timezone.localtime(at).date()
    return _Job(found, at, day, policy.due_on(day), policy.revenue, policy.vat)


@dataclass(frozen=True)
class _Unit:
    """Bills of one sequence in a month of a book; `members`: all points of the book with its code and reading day."""

    period: date
    book_id: int
    sequence: int
    members: pl.DataFrame

    @property
    def name(self) -> str:
        final = f" -{self.sequence}" if self.sequence else ""
        return f"{self.period:%Y-%m} {self.members['book'][0]}{final}"

    @property
    def key(self) -> str:
        return unit_key(self.period, self.book_id, self.sequence)

    def reference(self, origin: str) -> str:
        """Return the journal's reference."""
        final = f":{self.sequence}" if self.sequence else ""
        return f"{origin}:{self.period:%Y-%m}:{self.members['book'][0]}{final}"


def _units(read: Connection, found: CorrectionView) -> list[_Unit]:
    """Return what waits, the oldest month first."""
    waiting = queries.waiting_units(correction_id=found.id)
    members = billing.points_of_book_ids(read, book_ids=sorted({book for _, book, _ in waiting}))
    return [
        _Unit(period, book, sequence, members.filter(pl.col("book_id") == book))
        for period, book, sequence in waiting
    ]


def _demand_unchanged(read: Connection, found: CorrectionView) -> None:
    changed = []
    for unit in _units(read, found):
        points = billing.unit_points(
            read, correction_id=found.id, period=unit.period, book_id=unit.book_id, sequence=unit.sequence
        )
        if _looked(read, found, unit, points).compared.digest() != found.digests.get(unit.key):
            changed.append(unit.name)
    if changed:
        raise _changed(found, changed, "Nothing was issued")


def _changed(found: CorrectionView, units: list[str], what: str) -> CorrectionChangedError:
    return CorrectionChangedError(
        f"Correction {found.id}: readings, terms, tariffs or bills changed since it was previewed, in "
        f"{', '.join(units[:5])}. {what}: withdraw it and preview anew."
    )


def _looked(read: Connection, found: CorrectionView, unit: _Unit, points: pl.Series) -> Looked:
    read.rollback()  # a new snapshot: what others committed meanwhile must be seen
    return derive(
        read, period=unit.period, book_id=unit.book_id, reading_day=unit.members["reading_day"][0],
        points=points, version=found.policy_version_id, sequence=unit.sequence,
    )  # fmt: skip


def _issue_all(
    read: Connection, write: psycopg.Connection[Any], job: _Job, progress: Callable[[int, int], None] | None
) -> int:
    units = _units(read, job.correction)
    made = 0
    for number, unit in enumerate(units, 1):
        made += _issue_unit(read, write, job, unit)
        write.commit()
        if progress:
            progress(number, len(units))
    return made


def _issue_unit(read: Connection, write: psycopg.Connection[Any], job: _Job, unit: _Unit) -> int:
    """Issue a month of a book in the open transaction of `write`; return how many bills were made."""
    found, period = job.correction, unit.period
    points = billing.claim_unit(
        write, correction_id=found.id, period=period, book_id=unit.book_id, sequence=unit.sequence
    )
    if points.is_empty():
        return 0
    reliefs.hold_book(write, month=period, book_id=unit.book_id)
    looked = _looked(read, found, unit, points)
    if looked.compared.digest() != found.digests.get(unit.key):
        raise _changed(found, [unit.name], "What was issued before stays")
    made = _MAKE[found.how](
        looked.compared, period=period, first=billing.next_sequences(write, period=period, points=points),
        version=looked.version, issued_on=job.issued_on, due_on=job.due_on,
    )  # fmt: skip
    billing.insert_bills(write, period=period, bills=made.bill_table())
    billing.insert_lines(write, period=period, lines=made.line_table())
    billing.insert_links(write, links=made.link_table(found.origin))
    given = grant(write, looked, made)
    _post(write, job, made, unit.reference(found.origin), given)
    billing.finish_unit(write, correction_id=found.id, main=made.main, at=job.at)
    return made.bills.height


def _post(write: psycopg.Connection[Any], job: _Job, made: Made, reference: str, given: pl.DataFrame) -> None:
    """Post what the bills move; let those below zero pay what they follow, and credit pay what is open now."""
    if not made.bills.filter(pl.col("net") != 0).height and not made.bills.filter(pl.col("vat") != 0).height:
        return
    [journal] = ledger.open_journals(
        write, kind="correction", references=[reference], business_date=job.issued_on, at=job.at
    )
    revenue, vat = (ledger.chart_account(write, chart=chart) for chart in (job.revenue, job.vat))
    shaped = made.bills.with_columns(journal_id=pl.lit(journal, pl.Int64))
    ledger.post_columns(write, billing.adjustment_entries(shaped, revenue=revenue, vat=vat))
    move_to_funds(write, given, journal=journal, revenue=revenue)
    notes = made.links.select("bill_id", "of_bill_id").with_columns(journal_id=pl.lit(journal, pl.Int64))
    payments.take_credit_notes(
        write, notes=notes.to_arrow().cast(payments.NOTES), day=job.issued_on, at=job.at
    )
    payments.use_credit(write, customers=pa.array(made.bills["customer_id"].unique().sort(), pa.int64()))
