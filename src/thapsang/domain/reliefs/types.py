"""Views, words and errors of reliefs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

FORMAT = 1
"""How a book version's content is laid out: `format`, `files`, `references`."""
GRANTING, TAKING_BACK = 1, 2
"""The phases of a batch."""
IN_BILLS = 0
"""The phase of what bills themselves gave as they were issued, or corrected (docs/adr/0026)."""


class ReliefError(ValueError):
    """Something asked of reliefs cannot be done; the message says what and what to do instead."""


class UnknownProgrammeError(ReliefError):
    """No programme has this code in the state that is wanted, or several have."""


class ProgrammeStateError(ReliefError):
    """The programme is in another state than the step needs."""


class FourEyesError(ReliefError):
    """The same person may not do both steps."""


class UnknownVersionError(ReliefError):
    """No book version has this id, or it cannot be read by this release."""


class UnknownBatchError(ReliefError):
    """No batch has this number."""


class BatchStateError(ReliefError):
    """The batch is in another state than the step needs."""


class EvidenceError(ReliefError):
    """A list cannot be imported, or a row not be decided."""


@dataclass(frozen=True)
class ProgrammeView:
    """One edition of a programme."""

    id: int
    code: str
    name_vi: str
    name_en: str
    valid_by: str
    valid_from: date
    valid_until: date | None
    stack_order: int
    file: str
    sha256: str
    status: str
    drafted_by: str
    drafted_at: datetime
    reviewed_by: str
    reviewed_at: datetime | None
    in_force_by: str
    in_force_at: datetime | None
    closed_by: str
    closed_at: datetime | None
    reason: str

    @property
    def edition(self) -> str:
        """How to name this edition: code@first day."""
        return f"{self.code}@{self.valid_from}"


@dataclass(frozen=True)
class BatchView:
    """One batch; totals are what its simulation came to."""

    id: int
    version_id: int
    programmes: tuple[str, ...]
    months: tuple[date, ...]
    name: str
    status: str
    totals: Mapping[str, Any]
    evidence_mark: str
    asked_by: str
    asked_at: datetime
    reason: str
    approved_by: str
    approved_at: datetime | None
    reverse_asked_by: str
    reverse_asked_at: datetime | None
    reverse_reason: str
    reverse_approved_by: str
    reverse_approved_at: datetime | None
    finished_at: datetime | None
    problem: str


@dataclass(frozen=True)
class BatchProgress:
    """How far a batch's phase is; amounts in đồng, what customers got (below zero: taken back)."""

    phase: int
    books: int
    done: int
    failed: int
    points: int
    bills: int
    net: int
    vat: int
    cash: int

    @property
    def percent(self) -> int:
        """Share of books done."""
        return self.done * 100 // self.books if self.books else 0


@dataclass(frozen=True)
class GrantView:
    """What one rule gave one point for a month, in one phase of one batch; đồng."""

    bill_id: int
    batch_id: int
    phase: int
    month: date
    adjusting_bill_id: int | None
    programme: str
    rule: str
    kwh: int
    amount: int
    vat: int
    cash: int
    reference: int
    version_id: int


@dataclass(frozen=True)
class ListRow:
    """One row of an authority's list, read and checked: a customer (by code, or name and address) or a locality."""

    number: int
    given: Mapping[str, str]
    code: str = ""
    name: str = ""
    address: str = ""
    locality: str = ""
    start: date | None = None
    end: date | None = None
    problem: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Match:
    """Whom a row means: `sure` with its points or areas, `unsure` with candidates, `none`."""

    kind: str
    points: tuple[int, ...] = ()
    areas: tuple[str, ...] = ()
    candidates: tuple[dict[str, Any], ...] = ()
    problem: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class ImportOutcome:
    """What came of a list; `again`: the same file was imported before and nothing changed."""

    list_id: int
    code: str
    again: bool
    rows: int
    sure: int
    unsure: int
    none: int
    bad: int


@dataclass(frozen=True)
class RecordedUse:
    """A use of premises that was recorded, and the use without an end that it ended (empty: none)."""

    number: int
    ended: str


@dataclass(frozen=True)
class QueueRow:
    """A row of the review queue."""

    id: int
    list_id: int
    code: str
    authority: str
    document: str
    number: int
    given: Mapping[str, str]
    candidates: tuple[Mapping[str, Any], ...] = field(default_factory=tuple)


@dataclass(frozen=True)
class ListView:
    """One imported list with the counts of its rows; `waiting` are unsure and not decided."""

    id: int
    code: str
    authority: str
    document: str
    document_date: date
    file_name: str
    imported_by: str
    imported_at: datetime
    rows: int
    sure: int
    waiting: int
    none: int
    bad: int
