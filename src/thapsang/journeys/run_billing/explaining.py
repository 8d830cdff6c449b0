"""Deriving one bill anew from readings, terms and the policy it was rated with."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from thapsang.domain.billing import bulk, queries
from thapsang.domain.billing.bulk.comparing import LINE_KEY
from thapsang.domain.billing.bulk.computing import Computed, compute
from thapsang.domain.billing.bulk.deriving import derive
from thapsang.domain.billing.bulk.finals import compute_finals, finals_of_points
from thapsang.domain.billing.bulk.relieving import of_run, relieve
from thapsang.domain.billing.queries.corrections import followers_of, links_of, root_of
from thapsang.domain.billing.types import (
    BillDetail,
    BillingError,
    LineView,
    LinkView,
    UnknownBillError,
    bill_code,
)
from thapsang.domain.tariffs import queries as tariffs
from thapsang.domain.tariffs.queries import UnreadablePolicyVersionError
from thapsang.engines.rating import Reference, TariffBook
from thapsang.kit.bulk.copy import bulk_connection

_FIELDS = ("kwh", "kvarh", "category", "household_quarters", "net", "vat_rate", "vat", "total")
_LINE = ("kind", "tier", "band", "kwh", "price", "amount", "start", "end", "reference")


@dataclass(frozen=True)
class Explanation:
    """A bill as it was issued, its legal references, and how it differs from what its sources say now.

    `link`: what a later bill follows and why; `later`: the bills that follow this one. `derived` says what was set
    against the sources: the bill itself, the month as it stands with its later bills, or nothing (a bill that cancels
    another, or a relief's).
    """

    detail: BillDetail
    references: dict[int, Reference]
    policy_sha256: str
    policy_is_current: bool
    differences: tuple[str, ...]
    link: LinkView | None = None
    later: tuple[LinkView, ...] = ()
    derived: str = "bill"


def explain(*, bill_id: int) -> Explanation:
    """Derive a bill again. Raises UnknownBillError, and BillingError when this release cannot read its tariffs."""
    detail = queries.bill(bill_id=bill_id)
    if detail is None:
        raise UnknownBillError(
            f"There is no bill {bill_code(bill_id)}: check the month and the supply point."
        )
    book = _book(detail)
    link = links_of(bill_ids=[bill_id]).get(bill_id)
    later = tuple(followers_of(bill_ids=[bill_id]).get(bill_id, ()))
    derived = _what(link, later)
    differences = _derived(detail, book, derived, link)
    numbers = sorted({line.reference for line in detail.lines if line.kind != "relief"})
    return Explanation(
        detail, {number: book.reference(number) for number in numbers}, book.sha256,
        book.sha256 == tariffs.current_book().sha256, tuple(differences), link, later, derived,
    )  # fmt: skip


def _book(detail: BillDetail) -> TariffBook:
    try:
        return tariffs.book_of(detail.policy_version_id)
    except UnreadablePolicyVersionError as error:
        raise BillingError(
            f"{detail.bill.code} cannot be derived: {error} `thapsang bills show` shows it as it was issued."
        ) from error


def _what(link: LinkView | None, later: tuple[LinkView, ...]) -> str:
    """Say what can be set against the sources: a bill that was corrected only together with its later bills."""
    if link and (
        link.kind == "cancels" or (not link.origin.startswith("correction:") and link.kind != "final")
    ):
        return "nothing"
    corrected = any(one.origin.startswith("correction:") for one in later)
    return "month" if corrected or (link and link.kind == "adjusts") else "bill"


def _derived(detail: BillDetail, book: TariffBook, what: str, link: LinkView | None) -> list[str]:
    if what == "nothing":
        return []
    bill, root = detail.bill, root_of(bill_id=detail.bill.id)
    with bulk_connection() as read:
        number, day = bulk.book_of_point(read, point=bill.supply_point_id)
        if what == "month":
            points = pl.Series("point", [bill.supply_point_id], pl.Int64)
            looked = derive(
                read, period=bill.period, book_id=number, reading_day=day, points=points,
                version=_newest_version(detail, link), sequence=root % 10,
            )  # fmt: skip
            return _month_differences(looked.compared.rows, looked.compared.lines)
        if root % 10:
            mine = finals_of_points(read, period=bill.period, points=pl.Series([bill.supply_point_id]))
            computed = compute_finals(
                read,
                finals=mine.filter(pl.col("bill_id") == root),
                books={bill.supply_point_id: number},
                book=book,
            )
        else:
            computed = compute(
                read, book=book, period=bill.period, books={day: [number]}, only=bill.supply_point_id
            )
            run = queries.run(period=bill.period)
            law = of_run(run, book) if run else None
            computed = relieve(read, computed, law, again=True) if law else computed
    return _differences(detail, computed)


def _newest_version(detail: BillDetail, link: LinkView | None) -> int:
    """Return the policy version of the last correction of the month: the month stands by that."""
    main = link.of_bill_id if link and link.kind == "adjusts" and link.of_bill_id else detail.bill.id
    later = [
        one for one in followers_of(bill_ids=[main]).get(main, ()) if one.origin.startswith("correction:")
    ]
    last = queries.bill(bill_id=later[-1].bill_id) if later else None
    return last.policy_version_id if last else detail.policy_version_id


def _month_differences(rows: pl.DataFrame, lines: pl.DataFrame) -> list[str]:
    """Tell how the month as it stands, later bills included, differs from what its sources say."""
    found = []
    for row in rows.iter_rows(named=True):
        if row["code"]:
            return [f"The month cannot be derived now: {row['code']} {row['detail']}"]
        found += [
            f"month's {name}: billed {row[f'old_{name}']}, derived {row[f'new_{name}']}"
            for name in ("kwh", "kvarh", "net", "vat", "total") if row[f"old_{name}"] != row[f"new_{name}"]
        ]  # fmt: skip
    if lines.height:
        told = lines.select(LINE_KEY[:4]).row(0)
        found.append(f"{lines.height} lines of the month differ, the first: {told}")
    return found


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
