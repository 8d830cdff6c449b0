"""Corrections: what was asked, what it comes to, what is issued; and which bill follows which."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import F

from thapsang.domain.billing.models import BillLink, Correction, CorrectionBill, FinalBill
from thapsang.domain.billing.queries.policy import _read
from thapsang.domain.billing.types import (
    BillingPolicyError,
    CorrectionPolicy,
    CorrectionRow,
    CorrectionView,
    DifferingLine,
    LinkView,
    UnknownCorrectionError,
    parts,
)

_FIELDS = tuple(CorrectionView.__dataclass_fields__)
_ROW = tuple(CorrectionRow.__dataclass_fields__)


def correction_policy() -> CorrectionPolicy:
    """Return when a second person must issue a correction; raise BillingPolicyError naming file, key and remedy."""
    return _policy_in(Path(settings.POLICIES) / settings.DISTRIBUTOR / "billing")


@functools.lru_cache(maxsize=4)
def _policy_in(folder: Path) -> CorrectionPolicy:
    entry = _read(folder, "corrections.yaml").get("four_eyes")
    entry = entry if isinstance(entry, dict) else {}
    for name in ("customers", "total"):
        value = entry.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise BillingPolicyError(
                f"corrections.yaml: four_eyes.{name}: {value!r} is no limit: write a whole number, 0 or more."
            )
    if not isinstance(entry.get("reference"), dict):
        raise BillingPolicyError(
            "corrections.yaml: four_eyes.reference: missing: say where the limits come from."
        )
    return CorrectionPolicy(
        entry["customers"], entry["total"], entry["reference"], str(entry.get("doubt", ""))
    )


def corrections(*, status: str = "", limit: int = 50, offset: int = 0) -> list[CorrectionView]:
    """Return corrections, the newest first; `status` is draft, issuing, issued, withdrawn or empty for all."""
    found = Correction.objects.order_by("-id")
    found = found.filter(status=status) if status else found
    return [CorrectionView(*row) for row in found.values_list(*_FIELDS)[offset : offset + limit]]


def correction(*, correction_id: int) -> CorrectionView:
    """Return one correction; raise UnknownCorrectionError."""
    row = Correction.objects.filter(pk=correction_id).values_list(*_FIELDS).first()
    if row is None:
        raise UnknownCorrectionError(
            f"There is no correction {correction_id}: see `thapsang bills correct list`."
        )
    return CorrectionView(*row)


def correction_rows(*, correction_id: int, limit: int = 100, offset: int = 0) -> list[CorrectionRow]:
    """Return the months of a correction, those that cannot be corrected last, then in order of the bill."""
    found = CorrectionBill.objects.filter(correction_id=correction_id)
    ordered = found.order_by(F("code").asc(), "of_bill_id")
    return [_row(row) for row in ordered.values_list(*_ROW)[offset : offset + limit]]


def _row(values: tuple[Any, ...]) -> CorrectionRow:
    named = dict(zip(_ROW, values, strict=True))
    days = ("start", "end")
    named["lines"] = tuple(
        DifferingLine(**{**line, **{name: date.fromisoformat(line[name]) for name in days}})
        for line in named["lines"]
    )
    return CorrectionRow(**named)


def waiting_units(*, correction_id: int) -> list[tuple[date, int, int]]:
    """Return month, reading book and sequence of what is not issued yet, the oldest month first.

    The sequence is 0 for regular bills, else that of final bills.
    """
    rows = CorrectionBill.objects.filter(correction_id=correction_id, code="", issued_at__isnull=True)
    pairs = [(parts(bill), book) for bill, book in rows.values_list("of_bill_id", "book_id")]
    found = {(number.period, book, number.sequence) for number, book in pairs}
    return sorted(found)


def links_of(*, bill_ids: Iterable[int]) -> dict[int, LinkView]:
    """Return for each later bill among these why it stands: what it follows, or that it is a final bill.

    A regular bill has none. Reason and document are of the correction, where one made it.
    """
    wanted = [number for number in bill_ids if number % 10]
    if not wanted:
        return {}
    fields = ("bill_id", "kind", "of_bill_id", "origin")
    links = list(BillLink.objects.filter(bill_id__in=wanted).values_list(*fields))
    asked = {int(origin.split(":")[1]) for *_, origin in links if origin.startswith("correction:")}
    why = {
        f"correction:{pk}": (reason, document)
        for pk, reason, document in Correction.objects.filter(pk__in=asked).values_list(
            "id", "reason", "document"
        )
    }
    found = {
        bill: LinkView(bill, kind, of_bill, origin, *why.get(origin, ("", "")))
        for bill, kind, of_bill, origin in links
    }
    finals = FinalBill.objects.filter(bill_id__in=wanted).values_list("bill_id", "reason", "document")
    return found | {
        bill: LinkView(bill, "final", None, "", reason, document) for bill, reason, document in finals
    }


def followers_of(*, bill_ids: Iterable[int]) -> dict[int, list[LinkView]]:
    """Return for each of these bills the later bills that follow it, in order of number."""
    wanted = list(bill_ids)
    later = (
        BillLink.objects.filter(of_bill_id__in=wanted).order_by("bill_id").values_list("bill_id", flat=True)
    )
    links = links_of(bill_ids=later)
    found: dict[int, list[LinkView]] = {}
    for number in sorted(links):
        found.setdefault(links[number].of_bill_id or 0, []).append(links[number])
    return found


def root_of(*, bill_id: int) -> int:
    """Return the regular or final bill a bill follows, however many lie between; the bill itself without a link."""
    seen = bill_id
    while (
        before := BillLink.objects.filter(bill_id=seen).values_list("of_bill_id", flat=True).first()
    ) is not None:
        seen = before
    return seen
