"""Widespread outages: begin and end storm mode, see who is held back, read anew or estimate by hours with supply."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from thapsang.domain.metering import operations
from thapsang.domain.metering import queries as metering
from thapsang.domain.metering.queries import BookInStorm, StormView, UnknownStormError
from thapsang.domain.network import queries as network
from thapsang.interfaces.console.desks import STORM_READERS, act, page
from thapsang.interfaces.console.listing import PAGE, csv_file, wants_csv
from thapsang.interfaces.shared import storm_jobs as jobs
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity.access import Audience, allow

STATES = {
    "open": gettext_lazy("đang mất điện"),
    "ended": gettext_lazy("đã có điện lại"),
    "withdrawn": gettext_lazy("đã bỏ"),
}
DECISIONS = {"read": gettext_lazy("đọc lại"), "estimate": gettext_lazy("ước tính")}


@allow(*STORM_READERS)
@require_safe
def storms(request: HttpRequest) -> HttpResponse:
    """List outages, the newest first, with the form to record one."""
    return _list(request, {})


def _list(request: HttpRequest, typed: dict[str, Any], problem: str = "", status: int = 200) -> HttpResponse:
    values = {
        "rows": metering.storms(limit=PAGE), "states": STATES, "typed": typed, "problem": problem,
        "teams": network.area_teams(), "communes": network.communes(),
    }  # fmt: skip
    return page(request, "console/storms.html", "storms", values, status)


@allow(Audience.BILLING)
@require_POST
def begin(request: HttpRequest) -> HttpResponseBase:
    """Begin storm mode in some areas."""
    typed: dict[str, Any] = {
        name: request.POST.get(name, "").strip() for name in ("name", "document", "reason", "from", "books")
    }
    typed |= {name: request.POST.getlist(name) for name in ("teams", "communes")}
    by = act(request)
    try:
        with transaction():
            number = operations.begin_storm(
                name=typed["name"], began_at=_moment(typed["from"]), document=typed["document"],
                reason=typed["reason"], team_codes=typed["teams"], commune_codes=typed["communes"],
                book_codes=typed["books"].replace(",", " ").upper().split(), actor=by["actor"], at=by["at"],
            )  # fmt: skip
    except operations.StormRefusedError as error:
        return _list(request, typed, _told(error), 422)
    messages.success(request, _("Đã ghi nhận. Ước tính ở các khu vực này được giữ lại."), extra_tags="good")
    return redirect("console:storm", number)


@allow(*STORM_READERS)
@require_safe
def one(request: HttpRequest, number: int) -> HttpResponse:
    """Show an outage: areas, points concerned, what is held back by book, what was decided."""
    found = _storm(number)
    if wants_csv(request):
        return _file(found)
    return _page(request, found)


def _page(request: HttpRequest, found: StormView, problem: str = "", status: int = 200) -> HttpResponse:
    books = metering.books_in_storm(storm_id=found.id, today=timezone.localdate())
    chosen = next((row for row in books if f"{row.period:%Y-%m}/{row.book}" == request.GET.get("book")), None)
    held = (
        metering.held_in_book(storm_id=found.id, closing=chosen.closing, book=chosen.book) if chosen else []
    )
    values = {
        **_moving(found.id), "found": found, "state_word": STATES[found.state], "state": found.state,
        "problem": problem,
        "points": metering.points_concerned(storm_id=found.id), "books": books, "chosen": chosen, "held": held,
        "sums": _sums(books), "decisions": metering.decisions(storm_id=found.id), "words": DECISIONS,
        "months": sorted({row.period for row in books}, reverse=True),
        "waiting": [area for area in found.areas if not area.ended_at],
    }  # fmt: skip
    return page(request, "console/storm.html", "storms", values, status)


def _sums(books: list[BookInStorm]) -> dict[str, int]:
    return {name: sum(getattr(row, name) for row in books) for name in ("unread", "held", "anew", "released")}


def _file(found: StormView) -> HttpResponse:
    headers = (
        _("tháng"),
        _("sổ"),
        _("điểm đo"),
        _("thiếu chỉ số"),
        _("đang giữ"),
        _("chờ đọc lại"),
        _("được ước tính"),
    )
    rows = metering.books_in_storm(storm_id=found.id, today=timezone.localdate())
    cells = ((f"{r.period:%Y-%m}", r.book, r.points, r.unread, r.held, r.anew, r.released) for r in rows)
    return csv_file(f"mat-dien-{found.id}", headers, cells)


@allow(Audience.BILLING)
@require_POST
def end(request: HttpRequest, number: int) -> HttpResponseBase:
    """Record when supply came back in the areas chosen, or all."""
    by, areas = act(request), [int(text) for text in request.POST.getlist("areas") if text.isdecimal()]

    def change() -> None:
        operations.end_storm(
            storm_id=number, ended_at=_moment(request.POST.get("at", "")), area_ids=areas or None,
            reason=request.POST.get("reason", ""), actor=by["actor"], at=by["at"],
        )  # fmt: skip

    return _change(request, number, change, _("Đã ghi giờ có điện lại: nay ước tính được theo giờ có điện."))


@allow(Audience.BILLING)
@require_POST
def decide(request: HttpRequest, number: int) -> HttpResponseBase:
    """Decide for a book or a point: read anew, or estimate."""
    by, given = act(request), request.POST

    def change() -> None:
        operations.decide_held(
            storm_id=number, period=_month(given.get("period", "")), decision=given.get("decision", ""),
            reason=given.get("reason", ""), book_code=given.get("book", "").strip().upper(),
            point_code=given.get("point", "").strip().upper(), actor=by["actor"], at=by["at"],
        )  # fmt: skip

    return _change(request, number, change, _("Đã ghi quyết định."))


@allow(Audience.BILLING)
@require_POST
def withdraw(request: HttpRequest, number: int) -> HttpResponseBase:
    """Take back an outage recorded by mistake."""
    by = act(request)

    def change() -> None:
        operations.withdraw_storm(
            storm_id=number, reason=request.POST.get("reason", ""), actor=by["actor"], at=by["at"]
        )

    return _change(request, number, change, _("Đã bỏ. Việc này nằm trong nhật ký."))


@allow(Audience.BILLING)
@require_POST
def estimate(request: HttpRequest, number: int) -> HttpResponseBase:
    """Hand over the estimates of what is released of one month, in the books of this outage only."""
    found = _storm(number)
    books = metering.books_in_storm(storm_id=number, today=timezone.localdate())
    month = request.POST.get("period", "")
    if not any(f"{row.period:%Y-%m}" == month and row.released for row in books):
        return _page(request, found, _("Tháng này không còn điểm đo nào được ước tính."), 422)
    jobs.hand_over(storm=number, period=_month(month))
    return redirect("console:storm", number)


@allow(*STORM_READERS)
@require_safe
def progress(request: HttpRequest, number: int) -> HttpResponse:
    """Answer the page's poll: how far the estimates are. Those just done reload the page, once."""
    values = _moving(number)
    response = render(request, "console/storm_moving.html", values)
    if not values["job"].open:
        response["HX-Refresh"] = "true"
    return response


def _moving(number: int) -> dict[str, Any]:
    return {"number": number, "job": jobs.state(storm=number), "now": jobs.kept(storm=number)}


def _change(request: HttpRequest, number: int, change: Callable[[], None], done: str) -> HttpResponseBase:
    found = _storm(number)
    try:
        with transaction():
            change()
    except operations.StormRefusedError as error:
        return _page(request, found, _told(error), 422)
    messages.success(request, done, extra_tags="good")
    return redirect("console:storm", number)


def _storm(number: int) -> StormView:
    try:
        return metering.storm(storm_id=number)
    except UnknownStormError as error:
        raise Http404 from error


def _told(error: Exception) -> str:
    """Say in the reader's words what stands in the way; the rest as it was said."""
    text = str(error)
    known = (
        ("areas:", _("Chọn ít nhất một đội, một xã, phường hoặc ghi mã sổ.")),
        ("team:", _("Không có đội nào mang mã này.")),
        ("commune:", _("Không có xã, phường nào mang mã này.")),
        ("book:", _("Không có sổ nào mang mã này: kiểm tra lại mã.")),
        ("point:", _("Không có điểm đo nào mang mã này: kiểm tra lại mã.")),
        ("Name a reading book", _("Ghi mã sổ hoặc mã điểm đo: một trong hai.")),
        ("ended_at: it is not after", _("Giờ có điện lại phải sau giờ mất điện.")),
        ("began_at:", _("Giờ này chưa tới.")),
        ("ended_at:", _("Giờ này chưa tới.")),
        ("moment:", _("Chọn ngày và giờ.")),
        ("month:", _("Chọn tháng.")),
        ("reason:", _("Viết lý do: nó nằm trong nhật ký.")),
        ("document:", _("Ghi văn bản hoặc nguồn tin, ví dụ số công điện.")),
        ("name:", _("Đặt tên cho đợt mất điện, ví dụ «Bão số 10».")),
    )  # fmt: skip
    return next((words for start, words in known if text.startswith(start)), text)


def _moment(text: str) -> datetime:
    try:
        return timezone.make_aware(datetime.fromisoformat(text).replace(tzinfo=None))
    except ValueError:
        raise operations.StormRefusedError("moment: none was chosen.") from None


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise operations.StormRefusedError("month: none was chosen.") from None
