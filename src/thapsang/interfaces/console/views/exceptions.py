"""The queue of points that could not be billed: find, take on, resolve with a reason, next."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_POST, require_safe

from thapsang.domain.billing import operations
from thapsang.domain.billing import queries as billing
from thapsang.domain.billing.types import (
    BillingError,
    ExceptionView,
    PeriodError,
    UnknownExceptionError,
    month_of,
)
from thapsang.domain.customers import queries as customers
from thapsang.domain.network import queries as network
from thapsang.interfaces.console.desks import BILLING_READERS, act, language, page
from thapsang.interfaces.console.listing import EXPORT_MOST, PAGE, csv_file, wants_csv
from thapsang.interfaces.shared import words
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity import staff
from thapsang.kit.identity.access import Audience, allow

NAMES = ("period", "code", "team", "status", "who")
NEIGHBOURS = 500


@allow(*BILLING_READERS)
@require_safe
def exceptions(request: HttpRequest) -> HttpResponse:
    """List exceptions by month, reason, area team, state and person."""
    wanted = _wanted(request)
    if wants_csv(request):
        headers = (
            _("số"), _("kỳ"), _("điểm đo"), _("đội"), _("lý do"), _("việc cần làm"), _("trạng thái"),
            _("cách xử lý"),
        )  # fmt: skip
        rows = billing.open_exceptions(**wanted, limit=EXPORT_MOST)
        return csv_file("can-xu-ly", headers, (_row(row) for row in rows))
    offset = _number(request.GET.get("from", "")) or 0
    rows = billing.open_exceptions(**wanted, limit=PAGE + 1, offset=offset)
    counts = billing.exception_counts(
        period=wanted["period"], area_team_id=wanted["area_team_id"], status=wanted["status"]
    )
    values = {
        "rows": rows[:PAGE], "next_from": offset + PAGE if len(rows) > PAGE else None,
        "asked": _asked(request),
        "counts": counts, "total": sum(counts.values()), "titles": titles(counts),
        "teams": network.area_teams(), "runs": billing.runs(), "kept": _kept(request),
        "people": staff.names(ids=[row.assigned_to for row in rows if row.assigned_to]),
    }  # fmt: skip
    return page(request, "console/exceptions.html", "exceptions", values)


def titles(codes: Any) -> dict[str, str]:
    """Return each exception code in words, in the reader's language."""
    policy = billing.current_policy()
    words = {code: policy.remedy(code).title for code in codes}
    return {code: title.get(language()) or title["vi"] for code, title in words.items()}


@allow(*BILLING_READERS)
@require_safe
def one(request: HttpRequest, number: int) -> HttpResponse:
    """Show one exception: what, where, what to do; and the next one."""
    return _page(request, _exception(number))


def _page(request: HttpRequest, found: ExceptionView, status: int = 200, **extra: Any) -> HttpResponse:
    points = customers.supply_points(ids=[found.supply_point_id], on=timezone.localdate())
    values = {
        "found": found, "detail": _detail(found), "point": points[0] if points else None, "kept": _kept(request),
        "next": _next(request, found), "holder": _holder(found), "mine": found.assigned_to == request.user.pk,
        **extra,
    }  # fmt: skip
    return page(request, "console/exception.html", "exceptions", values, status)


DETAIL_NAMES = {
    "date": lazy("Ngày"), "boundary": lazy("Mốc"), "register": lazy("Bộ chỉ số"), "meter": lazy("Công tơ"),
    "serial": lazy("Công tơ"), "kwh": "kWh", "start": lazy("Từ"), "end": lazy("Đến"), "before": lazy("Chỉ số trước"),
    "after": lazy("Chỉ số sau"), "value": lazy("Chỉ số"), "days": lazy("Số ngày"),
    "storm": lazy("Đợt mất điện"), "waits_for": lazy("Đang chờ"),
}  # fmt: skip
NUMBERS = frozenset({"storm_id"})
"""What leads a program somewhere and tells a reader nothing."""
DETAIL_WORDS = {
    "start": lazy("đầu kỳ"), "end": lazy("cuối kỳ"), "total": lazy("tổng"), "normal": lazy("bình thường"),
    "peak": lazy("cao điểm"), "offpeak": lazy("thấp điểm"), "reactive": lazy("phản kháng"),
    "storm-lasts": lazy("có điện lại, hoặc quyết định"), "read-anew": lazy("đọc lại"),
}  # fmt: skip


def _detail(found: ExceptionView) -> list[tuple[str, str]]:
    """Return what is known of the cause as a person reads it: names and days in words."""
    told = ((name, value) for name, value in found.detail.items() if name not in NUMBERS)
    return [(str(DETAIL_NAMES.get(name, name)), _in_words(value)) for name, value in told]


def _in_words(value: Any) -> str:
    text = str(value)
    try:
        return words.day(date.fromisoformat(text))
    except ValueError:
        return str(DETAIL_WORDS.get(text, text))


def _holder(found: ExceptionView) -> str:
    return staff.names(ids=[found.assigned_to]).get(found.assigned_to, "") if found.assigned_to else ""


@allow(Audience.BILLING)
@require_POST
def take(request: HttpRequest, number: int) -> HttpResponseBase:
    """Take the exception on, or put it back."""
    mine = request.POST.get("take") == "yes"
    by = act(request)

    def change() -> None:
        assignee = request.user.pk if mine else None
        operations.assign_exception(exception_id=number, assignee_id=assignee, actor=by["actor"], at=by["at"])

    return _change(
        request, number, change, _("Đã nhận việc.") if mine else _("Đã trả lại hàng chờ."), stay=True
    )


@allow(Audience.BILLING)
@require_POST
def resolve(request: HttpRequest, number: int) -> HttpResponseBase:
    """Close the exception without a bill, for a reason; go on to the next."""
    by, reason = act(request), request.POST.get("reason", "")

    def change() -> None:
        operations.resolve_exception(exception_id=number, reason=reason, actor=by["actor"], at=by["at"])

    return _change(request, number, change, _("Đã xử lý. Việc này nằm trong nhật ký."), stay=False)


def _change(
    request: HttpRequest, number: int, change: Callable[[], None], done: str, *, stay: bool
) -> HttpResponseBase:
    found = _exception(number)
    following = found if stay else _next(request, found)
    try:
        with transaction():
            change()
    except BillingError as error:
        told = _("Viết lý do: nó nằm trong nhật ký cùng việc này.") if found.status == "open" else str(error)
        return _page(request, found, status=422, problem=told)
    messages.success(request, done, extra_tags="good")
    target = reverse("console:exception", args=[following.id]) if following else reverse("console:exceptions")
    return redirect(f"{target}?{_kept(request)}")


def _next(request: HttpRequest, found: ExceptionView) -> ExceptionView | None:
    """Return the exception after this one in the list the reader came from."""
    rows = billing.open_exceptions(**_wanted(request), limit=NEIGHBOURS)
    later = [row for row in rows if (-row.period.toordinal(), row.supply_point_id) > _place(found)]
    others = [row for row in rows if row.id != found.id]
    return later[0] if later else (others[0] if others else None)


def _place(found: ExceptionView) -> tuple[int, int]:
    return (-found.period.toordinal(), found.supply_point_id)


def _exception(number: int) -> ExceptionView:
    try:
        return billing.exception(exception_id=number, language=language())
    except UnknownExceptionError as error:
        raise Http404 from error


def _asked(request: HttpRequest) -> dict[str, str]:
    asked = {name: request.GET.get(name, "") for name in NAMES}
    return {**asked, "status": request.GET.get("status", "open")}


def _kept(request: HttpRequest) -> str:
    """Return the list's filters as they stand in an address, to come back to the same list."""
    return urlencode({name: value for name, value in _asked(request).items() if value})


def _wanted(request: HttpRequest) -> dict[str, Any]:
    asked = _asked(request)
    who = {"me": request.user.pk, "nobody": 0}.get(asked["who"])
    status = asked["status"] if asked["status"] in {"open", "resolved"} else ""
    return {
        "period": _month(asked["period"]), "code": asked["code"], "area_team_id": _number(asked["team"]),
        "status": status, "assigned_to": who, "language": language(),
    }  # fmt: skip


def _month(text: str) -> date | None:
    try:
        return month_of(text) if text else None
    except PeriodError:
        return None


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _row(row: ExceptionView) -> tuple[Any, ...]:
    what = (row.id, f"{row.period:%Y-%m}", row.supply_point_code, row.area_team, row.title, row.remedy)
    return (*what, row.status, row.resolution)
