"""My supply points, my bills, one bill, its PDF."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.http import require_GET

from thapsang.domain.billing import queries as billing
from thapsang.domain.billing.types import bill_code
from thapsang.domain.customers import queries as customers
from thapsang.domain.metering import queries as metering
from thapsang.interfaces.portal.bill_page import BillRow, bill_page, rows
from thapsang.interfaces.portal.bill_print import bill_pdf
from thapsang.interfaces.portal.kept_pages import TOKEN_HERE, KeptPages, answer
from thapsang.interfaces.portal.me import me, my_bill_and_paid, today
from thapsang.interfaces.portal.views.paying import bill_id_or_404
from thapsang.interfaces.shared import bill_words
from thapsang.interfaces.shared.doors import not_kept
from thapsang.kit.identity.access import Audience, allow

if TYPE_CHECKING:
    from thapsang.domain.billing.types import BillView
    from thapsang.domain.customers.types import SupplyPointView

PAGES = KeptPages()
"""Pages of bills, under the bill, what was paid on it, the day and the language."""
LISTED = 36
"""Bills shown in the list: three years of one point."""


@dataclass
class PointCard:
    """A supply point on the first page after sign-in."""

    point: SupplyPointView
    rows: list[BillRow] = field(default_factory=list)
    used: str = ""

    @property
    def open_rows(self) -> list[BillRow]:
        """Bills with something left to pay, oldest first."""
        return sorted((row for row in self.rows if row.left), key=lambda row: row.bill.period)

    @property
    def owed(self) -> int:
        """What is owed for the point, đồng."""
        return sum(row.left for row in self.rows)

    @property
    def due_on(self) -> date | None:
        """The earliest day by which something is to be paid."""
        return min((row.bill.due_on for row in self.open_rows), default=None)

    @property
    def newest(self) -> BillRow | None:
        """The last bill."""
        return max(self.rows, key=lambda row: row.bill.period, default=None)


def point_cards(points: list[SupplyPointView]) -> list[PointCard]:
    """Put the bills and the last month's use beside each point, in two queries whatever their number."""
    bills = (
        billing.bills_of(supply_point_ids=[p.id for p in points], limit=LISTED * max(len(points), 1))
        if points
        else []
    )
    by_point: dict[int, list[BillRow]] = {}
    for row in rows(bills):
        by_point.setdefault(row.bill.supply_point_id, []).append(row)
    return [_card(point, by_point.get(point.id, [])) for point in points]


def _card(point: SupplyPointView, mine: list[BillRow]) -> PointCard:
    mine.sort(key=lambda row: row.bill.period, reverse=True)
    if not mine:
        return PointCard(point)
    newest, before = mine[0].bill, mine[1].bill.kwh if len(mine) > 1 else None
    if before is None:
        usage = metering.monthly_usage(supply_point_id=point.id, months=2, until=newest.end)
        before = usage[0].kwh if len(usage) == 2 else None
    return PointCard(point, mine, bill_words.used(newest.period, newest.kwh, before, newest.category))


@allow(Audience.CUSTOMER)
@not_kept
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """My supply points: what each used, what is owed, by when."""
    mine = me(request)
    return render(
        request, "portal/home.html", {"cards": point_cards(mine.points), "today": today(), "here": "home"}
    )


@allow(Audience.CUSTOMER)
@not_kept
@require_GET
def bills(request: HttpRequest) -> HttpResponse:
    """All my bills, the newest first."""
    cards = point_cards(me(request).points)
    return render(request, "portal/bills.html", {"cards": cards, "today": today(), "here": "bills"})


@allow(Audience.CUSTOMER)
@not_kept
@require_GET
def bill(request: HttpRequest, code: str) -> HttpResponseBase:
    """One bill: how much, why so much, by which law."""
    own = my_bill_and_paid(request, bill_id_or_404(code))
    row, day = BillRow(own.bill, bill_code(own.bill.id), own.paid), today()
    address = reverse("portal:bill", args=[row.code])
    if request.get_full_path() != address:
        return redirect(address)  # one address a bill: the page repeats it, and is kept without it

    def draw() -> str:
        page = bill_page(billing.detail(bill=own.bill), row, point_of(own.bill))
        values = {"bill": own.bill, "row": row, "page": page, "today": day}
        return render_to_string(
            "portal/bill.html", {**values, "here": "bills", "csrf_token": TOKEN_HERE}, request
        )

    return answer(request, PAGES.get((own, day, get_language()), draw))


def point_of(mine: BillView) -> SupplyPointView:
    """Return the point a bill of mine is for as it was then; also one I am no longer supplied at."""
    for day in (mine.start, today()):
        if found := customers.supply_points(ids=[mine.supply_point_id], on=day):
            return found[0]
    raise Http404


@allow(Audience.CUSTOMER)
@not_kept
@require_GET
def pdf(request: HttpRequest, code: str) -> HttpResponse:
    """One bill as PDF; the file's name is the bill's number and nothing of the customer."""
    own = my_bill_and_paid(request, bill_id_or_404(code))
    mine, row = own.bill, BillRow(own.bill, bill_code(own.bill.id), own.paid)
    name = next(c.name for c in me(request).customers if c.id == mine.customer_id)
    content = bill_pdf(bill_page(billing.detail(bill=mine), row, point_of(mine)), name)
    return HttpResponse(
        content,
        content_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{code}.pdf"'},
    )
