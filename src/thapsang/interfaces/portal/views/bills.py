"""My supply points, my bills, one bill, its PDF."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from thapsang.domain.billing import queries as billing
from thapsang.domain.billing.types import bill_code, bill_id_of
from thapsang.domain.metering import queries as metering
from thapsang.interfaces.portal.bill_page import (
    BillRow,
    ReadBill,
    ToldBill,
    bill_page,
    bill_questions,
    rows,
    shown,
    told_bill,
)
from thapsang.interfaces.portal.bill_print import bill_pdf
from thapsang.interfaces.portal.kept_pages import TOKEN_HERE, KeptPages, Page, answer
from thapsang.interfaces.portal.me import me, today
from thapsang.interfaces.portal.views.paying import bill_id_or_404
from thapsang.interfaces.shared import bill_words
from thapsang.interfaces.shared.blanks import filled
from thapsang.interfaces.shared.doors import asking, not_kept, told_along
from thapsang.kit.db.questions import answers_to
from thapsang.kit.identity.access import Audience, allow
from thapsang.kit.identity.people import phone_index_of

if TYPE_CHECKING:
    from thapsang.domain.customers.types import SupplyPointView
    from thapsang.kit.db.questions import Question

PAGES = KeptPages()
"""Pages of bills, under the bill, what was paid on it and what followed it, the day and the language."""
KEY_QUESTIONS = 2
"""The first of a bill's questions: what a kept page is found by."""
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
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """My supply points: what each used, what is owed, by when."""
    mine = me(request)
    return render(
        request, "portal/home.html", {"cards": point_cards(mine.points), "today": today(), "here": "home"}
    )


@allow(Audience.CUSTOMER)
@not_kept
@require_safe
def bills(request: HttpRequest) -> HttpResponse:
    """All my bills, the newest first."""
    cards = point_cards(me(request).points)
    return render(request, "portal/bills.html", {"cards": cards, "today": today(), "here": "bills"})


def questions_of(code: str) -> tuple[Question[Any], ...]:
    """State what the page of a bill asks along with the session; nothing for what is no bill's code.

    A page that may be kept here already asks only whose the bill is, what was paid on it and which bills follow it;
    any other asks for everything at once.
    """
    try:
        bill_id = bill_id_of(code)
    except ValueError:
        return ()
    asked = bill_questions(bill_id=bill_id)
    return asked[:KEY_QUESTIONS] if PAGES.holds(bill_id) else asked


@asking(questions_of)
@allow(Audience.CUSTOMER)
@not_kept
@require_safe
def bill(request: HttpRequest, code: str) -> HttpResponseBase:
    """One bill: how much, why so much, by which law."""
    bill_id = bill_id_or_404(code)
    told = told_along(request) or answers_to(bill_questions(bill_id=bill_id))
    page = finished(bill_id=bill_id, told=told, phone_index=phone_index_of(request.user))
    address = _address(bill_code(bill_id))
    if request.get_full_path() != address:
        return redirect(address)  # one address a bill: the page repeats it, and is kept without it
    return answer(request, page)


def finished(*, bill_id: int, told: tuple[Any, ...], phone_index: bytes | None) -> Page:
    """Return the page of a bill, kept or drawn now, from the answers to `questions_of`.

    Raises Http404 for everybody but who has this phone.
    """
    guarded, later, *rest = told
    own, day = guarded.told_to(phone_index), today()
    if own is None:
        raise Http404

    def draw() -> str:
        read = ReadBill(guarded, later, *rest) if rest else None
        page = bill_page(_told_or_404(bill_id, phone_index, read))
        values = shown(page, address=_address(bill_code(bill_id)), today=day)
        return filled("portal/bill.html", {"csrf_token": TOKEN_HERE, **values}, here="bills")

    return PAGES.get((own, later, day, get_language()), draw, about=bill_id)


def _address(code: str) -> str:
    """Return the address of a bill's page; the routes are asked once a process."""
    before, after = _around_code()
    return f"{before}{code}{after}"


@functools.cache
def _around_code() -> tuple[str, str]:
    before, _, after = reverse("portal:bill", args=["CODE"]).partition("CODE")
    return before, after


def _told_or_404(bill_id: int, phone_index: bytes | None, read: ReadBill | None = None) -> ToldBill:
    read = read or ReadBill(*answers_to(bill_questions(bill_id=bill_id)))
    told = told_bill(read, phone_index=phone_index)
    if told is None:
        raise Http404
    return told


@allow(Audience.CUSTOMER)
@not_kept
@require_safe
def pdf(request: HttpRequest, code: str) -> HttpResponse:
    """One bill as PDF; the file's name is the bill's number and nothing of the customer."""
    told = _told_or_404(bill_id_or_404(code), phone_index_of(request.user))
    name = next(c.name for c in me(request).customers if c.id == told.own.bill.customer_id)
    content = bill_pdf(bill_page(told), name)
    return HttpResponse(
        content,
        content_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{code}.pdf"'},
    )
