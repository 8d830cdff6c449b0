"""Deriving one bill anew from readings, terms and the policy it was rated with."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from thapsang.domain.billing import bulk, queries
from thapsang.domain.billing.bulk.computing import Computed, compute
from thapsang.domain.billing.types import BillDetail, LineView, UnknownBillError, bill_code
from thapsang.domain.tariffs import queries as tariffs
from thapsang.engines.rating import Reference, TariffBook
from thapsang.kit.bulk.copy import bulk_connection

_FIELDS = ("kwh", "kvarh", "category", "household_quarters", "net", "vat_rate", "vat", "total")
_LINE = ("kind", "tier", "band", "kwh", "price", "amount", "start", "end", "reference")


@dataclass(frozen=True)
class Explanation:
    """A bill as it was issued, its legal references, and how it differs from what its sources say now."""

    detail: BillDetail
    references: dict[int, Reference]
    policy_sha256: str
    policy_is_current: bool
    differences: tuple[str, ...]


def explain(*, bill_id: int) -> Explanation:
    """Derive a bill again; raise UnknownBillError when there is none of this number."""
    detail = queries.bill(bill_id=bill_id)
    if detail is None:
        raise UnknownBillError(
            f"There is no bill {bill_code(bill_id)}: check the month and the supply point."
        )
    book = tariffs.book_of(detail.policy_version_id)
    computed = _derive(detail, book)
    differences = _differences(detail, computed)
    numbers = sorted({line.reference for line in detail.lines})
    return Explanation(
        detail, {number: book.reference(number) for number in numbers}, book.sha256,
        book.sha256 == tariffs.current_book().sha256, tuple(differences),
    )  # fmt: skip


def _derive(detail: BillDetail, book: TariffBook) -> Computed:
    bill = detail.bill
    with bulk_connection() as link:
        number, day = bulk.book_of_point(link, point=bill.supply_point_id)
        return compute(link, book=book, period=bill.period, books={day: [number]}, only=bill.supply_point_id)


def _differences(detail: BillDetail, computed: Computed) -> list[str]:
    if computed.exceptions.height:
        code, text = computed.exceptions.select("code", "detail").row(0)
        return [f"The point could not be billed now: {code} {text}"]
    rows = computed.rated.bills.to_pylist()
    if not rows:
        return ["Readings and terms give no bill now: the agreement or the meter is gone."]
    found = [
        f"{name}: billed {getattr(detail.bill, name)}, derived {rows[0][name]}"
        for name in _FIELDS if getattr(detail.bill, name) != rows[0][name]
    ]  # fmt: skip
    lines = pl.DataFrame(computed.rated.lines).with_columns(pl.col("kind", "band").cast(pl.String))
    derived = [LineView(*row) for row in lines.sort("line_no").select(_LINE).iter_rows()]
    if derived != list(detail.lines):
        found.append(f"lines: billed {len(detail.lines)}, derived {len(derived)}; they differ in content")
    return found
