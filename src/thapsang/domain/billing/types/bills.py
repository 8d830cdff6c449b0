"""Bill numbers, views and errors of billing, and its policy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

PERIOD_FACTOR = 10_000_000_000
"""A bill's number is yymm × PERIOD_FACTOR + supply point × 10 + sequence (docs/adr/0003)."""
POINT_LIMIT = 1_000_000_000
_CODE = re.compile(r"HD(\d{4})-(\d{9})(?:-([1-9]))?")
_PERIOD = re.compile(r"(\d{4})-(\d{2})")


class BillingError(ValueError):
    """Something asked of billing cannot be done; the message says what and what to do instead."""


class PeriodError(BillingError):
    """The period is no month, or it has not ended yet."""


class UnknownBillError(BillingError):
    """No bill has this number or code."""


class UnknownExceptionError(BillingError):
    """No billing exception has this id."""


class ExceptionClosedError(BillingError):
    """The exception is resolved already."""


class BillingPolicyError(BillingError):
    """A file under policies/<distributor>/billing is wrong; the message names file, key and remedy."""


class BillNumber(NamedTuple):
    """What a bill's number says: first day of the month, supply point, sequence (0 = the regular bill)."""

    period: date
    supply_point_id: int
    sequence: int


def yymm(period: date) -> int:
    """Return the month as bill numbers carry it: 2026-10 → 2610."""
    return period.year % 100 * 100 + period.month


def bill_id(period: date, supply_point_id: int, sequence: int = 0) -> int:
    """Return the number of a point's bill for a month; raise BillingError for what does not fit in it."""
    if not 0 < supply_point_id < POINT_LIMIT or not 0 <= sequence <= 9:
        raise BillingError(
            f"No bill number for supply point {supply_point_id}, sequence {sequence}: the point is 1 to "
            f"{POINT_LIMIT - 1}, the sequence 0 to 9."
        )
    return yymm(period) * PERIOD_FACTOR + supply_point_id * 10 + sequence


def parts(bill_id: int) -> BillNumber:
    """Return period, supply point and sequence of a bill's number; raise UnknownBillError for any other."""
    month, rest = divmod(bill_id, PERIOD_FACTOR)
    if not 101 <= month <= 9912 or not 1 <= month % 100 <= 12:
        raise UnknownBillError(f"{bill_id} is no bill's number: it begins with a month as yymm.")
    return BillNumber(date(2000 + month // 100, month % 100, 1), rest // 10, rest % 10)


def bill_code(bill_id: int) -> str:
    """Return the code people read: HD2610-000000123, with -1 … -9 for a later bill of the same period."""
    number = parts(bill_id)
    tail = f"-{number.sequence}" if number.sequence else ""
    return f"HD{yymm(number.period):04d}-{number.supply_point_id:09d}{tail}"


def bill_id_of(code: str) -> int:
    """Return the number of a bill given as code or as number; raise UnknownBillError for anything else."""
    text = code.strip().upper()
    if text.isascii() and text.isdigit():
        parts(int(text))
        return int(text)
    match = _CODE.fullmatch(text)
    if match is None:
        raise UnknownBillError(f"{code!r} is no bill's code: write it like HD2610-000000123.")
    number = int(match[1]) * PERIOD_FACTOR + int(match[2]) * 10 + int(match[3] or 0)
    parts(number)
    return number


def month_of(text: str) -> date:
    """Return the first day of a month written 2026-10; raise PeriodError for anything else."""
    match = _PERIOD.fullmatch(text.strip())
    if match is None or not 1 <= int(match[2]) <= 12 or not 2001 <= int(match[1]) <= 2099:
        raise PeriodError(f"{text!r} is no month: write it as YYYY-MM, for example 2026-10.")
    return date(int(match[1]), int(match[2]), 1)


def month_after(period: date) -> date:
    """Return the first day of the month after."""
    return (period.replace(day=28) + timedelta(days=4)).replace(day=1)


def month_before(period: date) -> date:
    """Return the first day of the month before."""
    return (period.replace(day=1) - timedelta(days=1)).replace(day=1)


@dataclass(frozen=True)
class BillView:
    """One bill; amounts in đồng, energy in kWh and kvarh, days half-open [start, end)."""

    id: int
    supply_point_id: int
    customer_id: int
    agreement_id: int
    run_id: int
    period: date
    start: date
    end: date
    kwh: int
    kvarh: int
    category: str
    household_quarters: int
    estimated: bool
    net: int
    vat_rate: int
    vat: int
    total: int
    issued_on: date
    due_on: date

    @property
    def code(self) -> str:
        """The code people read."""
        return bill_code(self.id)


@dataclass(frozen=True)
class LineView:
    """One line: kWh (kvarh for `reactive`) at one price in đồng in one stretch of days."""

    kind: str
    tier: int
    band: str
    kwh: int
    price: int
    amount: int
    start: date
    end: date
    reference: int


@dataclass(frozen=True)
class LaterBill:
    """A bill that follows another: what it is, whether a relief batch made it, its đồng with VAT (below zero: off).

    `references` are those of its relief lines, as they count in its book of reliefs.
    """

    id: int
    kind: str
    relief: bool
    total: int
    references: tuple[int, ...]


@dataclass(frozen=True)
class BillDetail:
    """A bill with its lines; `reference` numbers count in the tariff book of `policy_version_id`."""

    bill: BillView
    lines: tuple[LineView, ...]
    policy_version_id: int


@dataclass(frozen=True)
class RunView:
    """One month's billing."""

    id: int
    period: date
    status: str
    policy_version_id: int
    started_at: datetime
    finished_at: datetime | None
    totals: Mapping[str, Any]
    relief_version_id: int | None = None
    """The book of reliefs its bills gave by themselves."""


class OpenedRun(NamedTuple):
    """A run as opened or found: the versions it keeps, and when it began."""

    id: int
    policy_version_id: int
    relief_version_id: int | None
    started_at: datetime


@dataclass(frozen=True)
class Progress:
    """How far a run is; books flip to done as they commit."""

    period: date
    status: str
    books: int
    books_done: int
    books_failed: int
    points: int
    points_done: int
    bills: int
    exceptions: int
    kwh: int
    total: int
    started_at: datetime
    finished_at: datetime | None

    @property
    def percent(self) -> int:
        """Share of points in books done."""
        return 100 if self.status == "finished" else self.points_done * 100 // max(self.points, 1)


@dataclass(frozen=True)
class CategoryTotal:
    """Sums of a month's bills in one tariff category, in đồng and kWh."""

    category: str
    bills: int
    kwh: int
    net: int
    vat: int
    total: int


@dataclass(frozen=True)
class Remedy:
    """What an exception code means and what to do, in both languages."""

    code: str
    title: Mapping[str, str]
    remedy: Mapping[str, str]


@dataclass(frozen=True)
class BillingPolicy:
    """Due days by date, account numbers, and the words of exceptions."""

    due: tuple[tuple[date, date | None, int], ...]
    receivable: str
    revenue: str
    vat: str
    remedies: Mapping[str, Remedy]

    def due_on(self, issued_on: date) -> date:
        """Return the day a bill issued on a day is due."""
        for start, until, days in self.due:
            if start <= issued_on and (until is None or issued_on < until):
                return issued_on + timedelta(days=days)
        raise BillingPolicyError(
            f"terms.yaml: due: no entry holds on {issued_on}: add one that begins before it."
        )

    def remedy(self, code: str) -> Remedy:
        """Return what to do about an exception code; the entry `other` speaks for unknown ones."""
        return self.remedies.get(code) or self.remedies["other"]


@dataclass(frozen=True)
class ExceptionView:
    """A point that could not be billed; `title` and `remedy` are in the language asked for."""

    id: int
    run_id: int
    period: date
    supply_point_id: int
    supply_point_code: str
    area_team: str
    code: str
    title: str
    remedy: str
    detail: Mapping[str, Any]
    status: str
    resolution: str
    assigned_to: int | None
    created_at: datetime
    resolved_at: datetime | None
