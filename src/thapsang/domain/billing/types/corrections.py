"""Corrections, final bills and what a later bill follows: views, policy and errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from thapsang.domain.billing.types.bills import BillingError, bill_code, parts


class UnknownCorrectionError(BillingError):
    """No correction has this number."""


class CorrectionStateError(BillingError):
    """The correction is not in a state in which this can be done; the message says in which it is."""


class CorrectionChangedError(BillingError):
    """What was previewed no longer holds: a reading, a term, a tariff or a bill changed since."""


class FourEyesError(BillingError):
    """Who asked for a correction may not issue it: it moves money of several customers, or too much."""


class FinalBillError(BillingError):
    """A final bill cannot be issued; the message says why and what to do instead."""


@dataclass(frozen=True)
class CorrectionPolicy:
    """When a second person must issue: more than `customers` customers, or more than `total` đồng moved."""

    customers: int
    total: int
    reference: Mapping[str, Any]
    doubt: str


@dataclass(frozen=True)
class CorrectionView:
    """A correction; sums are of the differences (kWh, đồng), `moved` without signs."""

    id: int
    status: str
    how: str
    tariff: str
    policy_version_id: int | None
    reason: str
    document: str
    asked_by: int | None
    asked_name: str
    asked_at: datetime
    four_eyes: bool
    approved_name: str
    approved_at: datetime | None
    issued_at: datetime | None
    customers: int
    bills: int
    same: int
    kwh: int
    net: int
    vat: int
    total: int
    moved: int
    sha256: str
    digests: Mapping[str, str]

    @property
    def origin(self) -> str:
        """What the links of its bills carry."""
        return f"correction:{self.id}"


@dataclass(frozen=True)
class DifferingLine:
    """A line that differs: kWh and đồng as billed and as derived."""

    kind: str
    tier: int
    band: str
    price: int
    start: date
    end: date
    old_kwh: int
    old_amount: int
    new_kwh: int
    new_amount: int


@dataclass(frozen=True)
class CorrectionRow:
    """One month of one point: as billed, as derived, what was paid, and the bill that set it right."""

    id: int
    of_bill_id: int
    book_id: int
    customer_id: int | None
    code: str
    detail: Mapping[str, Any]
    only: str
    old_kwh: int
    old_net: int
    old_vat: int
    old_total: int
    new_kwh: int
    new_net: int
    new_vat: int
    new_total: int
    relief_total: int
    paid: int
    lines: tuple[DifferingLine, ...]
    made_bill_id: int | None
    issued_at: datetime | None

    @property
    def bill_code(self) -> str:
        """The code of the month's regular bill."""
        return bill_code(self.of_bill_id)

    @property
    def period(self) -> date:
        """First day of the month."""
        return parts(self.of_bill_id).period

    @property
    def total(self) -> int:
        """What the month changes by, đồng."""
        return 0 if self.code else self.new_total - self.old_total

    @property
    def credit(self) -> int:
        """What of that becomes the customer's credit, because it was paid already (đồng)."""
        still_open = max(self.old_total + self.relief_total - self.paid, 0)
        return max(-self.total - still_open, 0)

    @property
    def owed(self) -> int:
        """What of that is owed in addition (đồng)."""
        return max(self.total, 0)


@dataclass(frozen=True)
class LinkView:
    """Why a later bill stands: `kind` adjusts, cancels, replaces or final; `of_bill_id` None for a final bill."""

    bill_id: int
    kind: str
    of_bill_id: int | None
    origin: str
    reason: str
    document: str

    @property
    def code(self) -> str:
        """The later bill's own code."""
        return bill_code(self.bill_id)

    @property
    def of_code(self) -> str:
        """The code of the bill it follows, empty for a final bill."""
        return bill_code(self.of_bill_id) if self.of_bill_id else ""
