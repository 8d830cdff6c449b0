"""What the page of one bill shows, on the screen and in print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from django.utils.translation import get_language

from thapsang.domain.billing import queries as billing
from thapsang.domain.billing.queries.corrections import links_of
from thapsang.domain.billing.types import BillDetail, bill_code, parts
from thapsang.domain.customers import queries as customers
from thapsang.domain.metering import queries as metering
from thapsang.domain.payments import queries as payments
from thapsang.domain.reliefs import queries as reliefs
from thapsang.domain.tariffs import queries as tariffs
from thapsang.interfaces.shared import bill_words, words
from thapsang.interfaces.shared.charts import MonthBar, month_chart, month_table, share_bar
from thapsang.interfaces.shared.words import gettext

if TYPE_CHECKING:
    from thapsang.domain.billing.types import BillView, LaterBill, LineView
    from thapsang.domain.customers.queries import Place
    from thapsang.domain.metering.queries import MonthUsage, Timeline
    from thapsang.domain.payments.types import GuardedBill, OwnBill
    from thapsang.interfaces.shared.blanks import Value
    from thapsang.kit.db.questions import Question

MONTHS = 25
"""Months of use asked for: the chart's thirteen, and the same months a year before."""


@dataclass(frozen=True)
class BillRow:
    """One bill in a list: what, how much, how much is left."""

    bill: BillView
    code: str
    paid: int
    follows: str = ""
    """What a later bill is and which it follows, in words; empty for a regular bill."""

    @property
    def left(self) -> int:
        """What is still to pay, đồng; never below 0."""
        return max(self.bill.total - self.paid, 0)


@dataclass(frozen=True)
class ToldBill:
    """All that the page of a bill is made of, as it was read."""

    own: OwnBill
    detail: BillDetail
    place: Place
    usage: list[MonthUsage]
    later: tuple[LaterBill, ...] = ()


@dataclass(frozen=True)
class BillPage:
    """One bill in words, for the page and for print."""

    row: BillRow
    point: Place
    used: str
    year_ago: str
    each_day: str
    stretches: list[bill_words.Stretch]
    bars: list[MonthBar]
    later: list[bill_words.LaterNote]


def rows(bills: list[BillView]) -> list[BillRow]:
    """Put what was paid beside each bill, in one query."""
    paid = payments.paid_of(bill_ids=[bill.id for bill in bills]) if bills else {}
    links = links_of(bill_ids=[bill.id for bill in bills])
    return [
        BillRow(bill, bill_code(bill.id), paid.get(bill.id, 0), bill_words.follows(links.get(bill.id)))
        for bill in bills
    ]


@dataclass(frozen=True)
class ReadBill:
    """All that the page of a bill is made of, read before it is known who asks."""

    guarded: GuardedBill
    later: tuple[LaterBill, ...]
    places: Mapping[int, Place]
    lines: tuple[tuple[LineView, ...], int]
    timeline: Timeline


def bill_questions(*, bill_id: int) -> tuple[Question[Any], ...]:
    """Ask for the fields of a `ReadBill`, the bill itself and the bills that follow it first.

    The bill's number names its point and month, so nothing has to be known before the rest is asked for.
    """
    number = parts(bill_id)
    point, month = number.supply_point_id, number.period
    return (
        payments.guarded_bill_question(bill_id=bill_id),
        billing.later_question(bill_id=bill_id),
        customers.places_question(supply_point_id=point),
        billing.lines_question(bill_id=bill_id),
        metering.timeline_question(supply_point_id=point, months=MONTHS + 2, until=_month_after(month, 2)),
    )


def told_bill(read: ReadBill, *, phone_index: bytes | None) -> ToldBill | None:
    """Tell a bill to whoever has this phone; None if it is not theirs."""
    own = read.guarded.told_to(phone_index)
    if own is None:
        return None
    lines, policy = read.lines
    usage = read.timeline.months(count=MONTHS, until=own.bill.end)
    place = read.places[own.bill.agreement_id]
    return ToldBill(own, BillDetail(own.bill, lines, policy), place, usage, read.later)


def bill_page(told: ToldBill) -> BillPage:
    """Put one bill into words, in the reader's language."""
    bill = told.own.bill
    month = bill.period.replace(day=1)
    by_month = {row.month.replace(day=1): row.kwh for row in told.usage}
    follows = bill_words.follows(links_of(bill_ids=[bill.id]).get(bill.id))
    return BillPage(
        row=BillRow(bill, bill_code(bill.id), told.own.paid, follows),
        point=told.place,
        used=follows
        or bill_words.used(month, bill.kwh, by_month.get(_month_after(month, -1)), bill.category),
        year_ago="" if follows else bill_words.a_year_ago(month, bill.kwh, by_month),
        each_day="" if follows else bill_words.each_day(bill.kwh, bill.total, (bill.end - bill.start).days),
        stretches=bill_words.stretches(told.detail.lines, bill.net, laws_of(told.detail)),
        bars=bill_words.year_of(month, told.usage),
        later=_later(told.later),
    )


def _later(bills: tuple[LaterBill, ...]) -> list[bill_words.LaterNote]:
    """Tell what later bills took off or added, a relief with the resolution behind it."""
    granted = [bill.id for bill in bills if bill.relief]
    language = get_language() or "vi"
    laws = reliefs.citations_of_bills(bill_ids=granted, language=language) if granted else {}
    return [
        bill_words.later_note(
            bill, [law for n, law in sorted(laws.get(bill.id, {}).items()) if n in bill.references]
        )
        for bill in bills
    ]


def laws_of(detail: BillDetail) -> Mapping[int, bill_words.Law]:
    """Return the legal references of a bill in the reader's language: of prices, and (below zero) of reliefs."""
    language = get_language() or "vi"
    prices = tariffs.citations(policy_version_id=detail.policy_version_id, language=language)
    if not any(line.kind == bill_words.RELIEF for line in detail.lines):
        return prices
    found = reliefs.citations_of_bill(bill_id=detail.bill.id, language=language)
    return {**prices, **{-number: law for number, law in found.items()}}


def shown(page: BillPage, *, address: str, today: date) -> dict[str, Value]:
    """Return the texts and truths of a bill's page, as its template names them; `address` is the page's own."""
    row = page.row
    bill, left = row.bill, row.left
    return {
        "address": address,
        "code": row.code,
        "month": words.month(bill.period),
        "total": words.dong(bill.total),
        "left": words.dong(left) if left else "",
        "below": bill.total < 0,
        "paid": words.dong(row.paid) if row.paid else "",
        "later": [
            {"said": one.said, "address": f"/bills/{one.code}/", "because": one.because, "doubt": one.doubt}
            for one in page.later
        ],
        "due": words.day(bill.due_on),
        "late": bool(left) and bill.due_on < today,
        "used": page.used,
        "year_ago": page.year_ago,
        "estimated": bill.estimated,
        "each_day": page.each_day,
        "stretches": [_stretch(stretch, alone=len(page.stretches) == 1) for stretch in page.stretches],
        "sums": {
            "net": words.dong(bill.net),
            "rate": words.percent(bill.vat_rate),
            "vat": words.dong(bill.vat),
        },
        "months": _months(page.bars),
        "facts": _facts(page),
    }


def _stretch(stretch: bill_words.Stretch, *, alone: bool) -> Value:
    return {
        "start": "" if alone else words.day(stretch.start),
        "end": "" if alone else words.last_day(stretch.end),
        "lines": [_line(line) for line in stretch.lines],
    }


def _line(line: bill_words.ShownLine) -> Value:
    return {
        "said": line.said,
        "amount": words.dong(line.amount),
        "name": line.name,
        "each": line.each if line.measured else "",
        "sum": line.sum if line.measured else "",
        "share": share_bar(line.share),
        "because": line.because,
        "doubt": line.law.doubt if line.law else "",
    }


def _months(bars: list[MonthBar]) -> Value:
    if len(bars) < 2:
        return None
    before = [bar for bar in bars if bar.before is not None]
    only = before[0] if len(before) == 1 else None
    return {
        "chart": month_chart(bars, title=gettext("Điện dùng từng tháng"), before_label=gettext("năm trước")),
        "table": month_table(bars),
        "last_year": len(before) > 1,
        "before": words.kwh(only.before or 0) if only else "",
        "before_month": words.month(only.month.replace(year=only.month.year - 1)) if only else "",
        "estimate": any(bar.estimated for bar in bars),
    }


def _facts(page: BillPage) -> Value:
    bill, point = page.row.bill, page.point
    return {
        "period": f"{words.day(bill.start)} – {words.last_day(bill.end)}",
        "point": point.code,
        "address": f"{point.address}, {point.commune}",
        "purpose": words.category(bill.category),
        "households": words.households(bill.household_quarters) if bill.category == "residential" else "",
        "kvarh": words.number(bill.kvarh) if bill.kvarh else "",
        "issued": words.day(bill.issued_on),
    }


def _month_after(month: date, months: int) -> date:
    number = month.year * 12 + month.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)
