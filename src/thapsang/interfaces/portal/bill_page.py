"""What the page of one bill shows, on the screen and in print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext

from thapsang.domain.billing.types import bill_code
from thapsang.domain.metering import queries as metering
from thapsang.domain.payments import queries as payments
from thapsang.domain.tariffs import queries as tariffs
from thapsang.interfaces.shared import bill_words
from thapsang.interfaces.shared.charts import MonthBar, month_chart, month_table

if TYPE_CHECKING:
    from thapsang.domain.billing.types import BillDetail, BillView
    from thapsang.domain.customers.types import SupplyPointView
    from thapsang.domain.tariffs.types import Citation


@dataclass(frozen=True)
class BillRow:
    """One bill in a list: what, how much, how much is left."""

    bill: BillView
    code: str
    paid: int

    @property
    def left(self) -> int:
        """What is still to pay, đồng; never below 0."""
        return max(self.bill.total - self.paid, 0)


@dataclass(frozen=True)
class BillPage:
    """One bill as the page shows it."""

    row: BillRow
    point: SupplyPointView
    used: str
    year_ago: str
    each_day: str
    stretches: list[bill_words.Stretch]
    bars: list[MonthBar]
    chart: SafeString
    table: SafeString
    has_last_year: bool
    has_estimate: bool


def rows(bills: list[BillView]) -> list[BillRow]:
    """Put what was paid beside each bill, in one query."""
    paid = payments.paid_of(bill_ids=[bill.id for bill in bills]) if bills else {}
    return [BillRow(bill, bill_code(bill.id), paid.get(bill.id, 0)) for bill in bills]


def bill_page(detail: BillDetail, row: BillRow, point: SupplyPointView) -> BillPage:
    """Gather and word one bill; `row` says what was paid on it."""
    bill = detail.bill
    month = bill.period.replace(day=1)
    usage = metering.monthly_usage(supply_point_id=bill.supply_point_id, months=25, until=bill.end)
    by_month = {row.month.replace(day=1): row.kwh for row in usage}
    bars = bill_words.year_of(month, usage)
    return BillPage(
        row=row,
        point=point,
        used=bill_words.used(month, bill.kwh, by_month.get(_month_before(month)), bill.category),
        year_ago=bill_words.a_year_ago(month, bill.kwh, by_month),
        each_day=bill_words.each_day(bill.kwh, bill.total, (bill.end - bill.start).days),
        stretches=bill_words.stretches(detail.lines, bill.net, laws_of(detail)),
        bars=bars,
        chart=month_chart(bars, title=gettext("Điện dùng từng tháng"), before_label=gettext("năm trước")),
        table=month_table(bars),
        has_last_year=any(bar.before is not None for bar in bars),
        has_estimate=any(bar.estimated for bar in bars),
    )


def laws_of(detail: BillDetail) -> Mapping[int, Citation]:
    """Return the legal references of the tariff book a bill was rated with, in the reader's language."""
    return tariffs.citations(policy_version_id=detail.policy_version_id, language=get_language() or "vi")


def _month_before(month: date) -> date:
    return date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)
