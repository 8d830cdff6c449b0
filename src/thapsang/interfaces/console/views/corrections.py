"""The correction desk: preview months again, see old and new side by side, let a second person issue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from thapsang.domain.billing import queries as billing
from thapsang.domain.billing.queries import corrections as queries
from thapsang.domain.billing.types import (
    BillingError,
    CorrectionChangedError,
    CorrectionRow,
    CorrectionView,
    FourEyesError,
    PeriodError,
    UnknownCorrectionError,
    bill_code,
    month_of,
    parts,
)
from thapsang.domain.customers import queries as customers
from thapsang.engines.rating import PolicyError
from thapsang.interfaces.console.desks import BILLING_READERS, act, page
from thapsang.interfaces.console.listing import EXPORT_MOST, PAGE, csv_file, wants_csv
from thapsang.interfaces.console.views.exceptions import titles
from thapsang.journeys import correct_bills
from thapsang.kit.identity.access import Audience, allow

STATUSES = {
    "draft": gettext_lazy("bản thảo"),
    "issuing": gettext_lazy("đang phát hành"),
    "issued": gettext_lazy("đã phát hành"),
    "withdrawn": gettext_lazy("đã bỏ"),
}
CODES = {
    "not-billed": gettext_lazy("Kỳ này điểm đo chưa có hóa đơn"),
    "no-bill-now": gettext_lazy("Dữ liệu nay không cho ra hóa đơn"),
    "customer-changed": gettext_lazy("Khách hàng của hóa đơn không còn là chủ hợp đồng trong kỳ"),
    "period-moved": gettext_lazy("Ngày ghi chỉ số của sổ đã đổi"),
    "relief-over-bill": gettext_lazy("Tiền giảm trên hóa đơn lớn hơn tiền điện mới"),
    "withdrawn": gettext_lazy("Đã bỏ"),
}


@allow(*BILLING_READERS)
@require_safe
def corrections(request: HttpRequest) -> HttpResponse:
    """List corrections, the newest first."""
    status = request.GET.get("status", "")
    offset = _number(request.GET.get("from", ""))
    rows = queries.corrections(status=status if status in STATUSES else "", limit=PAGE + 1, offset=offset)
    values = {
        "rows": rows[:PAGE], "statuses": STATUSES, "status": status,
        "next_from": offset + PAGE if len(rows) > PAGE else None,
    }  # fmt: skip
    return page(request, "console/corrections.html", "corrections", values)


@allow(Audience.BILLING)
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponseBase:
    """Ask for points or a book and months; keep what differs as a draft."""
    if request.method == "GET":
        return _form(request, {name: request.GET.get(name, "")[:4000] for name in ("points", "first")})
    typed = {
        name: request.POST.get(name, "").strip()
        for name in ("points", "book", "first", "last", "reason", "document")
    }
    typed["tariff"] = "current" if request.POST.get("tariff") == "current" else "kept"
    points = typed["points"].replace(",", " ").upper().split()
    if bool(points) == bool(typed["book"]):
        return _form(request, typed, _("Nhập mã điểm đo, hoặc mã sổ: một trong hai."), 422)
    by = act(request)
    try:
        found = correct_bills.preview(
            first=month_of(typed["first"]), last=month_of(typed["last"] or typed["first"]), tariff=typed["tariff"],
            point_codes=points or None, book_codes=[typed["book"]] if typed["book"] else None,
            reason=typed["reason"], document=typed["document"], actor=by["actor"], at=by["at"],
        )  # fmt: skip
    except (BillingError, PolicyError) as error:
        return _form(request, typed, _told(error), 422)
    return redirect("console:correction", found.correction.id)


def _form(request: HttpRequest, typed: dict[str, str], problem: str = "", status: int = 200) -> HttpResponse:
    values = {"typed": typed, "problem": problem, "runs": billing.runs()}
    return page(request, "console/correction_new.html", "corrections", values, status)


def _told(error: Exception) -> str:
    """Say in the reader's words what stands in the way; the rest as the engine says it."""
    if isinstance(error, PeriodError):
        return _(
            "Kỳ không hợp lệ hoặc chưa lập hóa đơn: viết tháng như 2026-10, chỉ chọn kỳ đã lập, tối đa 36 tháng."
        )
    if isinstance(error, FourEyesError):
        return _("Người lập không được tự phát hành đợt này: cần một người khác.")
    if isinstance(error, CorrectionChangedError):
        return _("Chỉ số, hợp đồng, biểu giá hoặc hóa đơn đã đổi từ khi lập bản thảo: hãy bỏ và lập lại.")
    text = str(error)
    known = (
        ("Nothing to correct", _("Không có gì để điều chỉnh: mọi kỳ tính lại đều như đã lập.")),
        ("No such supply points", _("Không có điểm đo hoặc sổ nào mang mã này: kiểm tra lại mã.")),
        ("reason:", _("Viết lý do: nó đứng cạnh hóa đơn và nằm trong nhật ký.")),
        ("document:", _("Ghi văn bản làm căn cứ, ví dụ số biên bản.")),
    )  # fmt: skip
    return next((words for start, words in known if text.startswith(start)), text)


@allow(*BILLING_READERS)
@require_safe
def one(request: HttpRequest, number: int) -> HttpResponse:
    """Show a correction month by month: as billed, as derived, line by line, and what was paid."""
    found = _correction(number)
    if wants_csv(request):
        return _file(found)
    return _page(request, found)


def _page(request: HttpRequest, found: CorrectionView, problem: str = "", status: int = 200) -> HttpResponse:
    offset = _number(request.GET.get("from", ""))
    rows = queries.correction_rows(correction_id=found.id, limit=PAGE + 1, offset=offset)
    codes = {row.code for row in rows if row.code}
    compared = [row for row in rows[:PAGE] if not row.code]
    values = {
        "owners": _owners(rows[:PAGE]), "months": sorted({row.period for row in compared}),
        "top": max((max(row.old_total, row.new_total) for row in compared), default=0),
        "found": found, "rows": rows[:PAGE], "status_word": STATUSES[found.status], "problem": problem,
        "codes": {code: CODES.get(code) or titles([code])[code] for code in codes},
        "made": {row.id: bill_code(row.made_bill_id) for row in rows if row.made_bill_id},
        "next_from": offset + PAGE if len(rows) > PAGE else None, "limits": queries.correction_policy(),
        "mine": found.asked_by == request.user.pk,
    }  # fmt: skip
    return page(request, "console/correction.html", "corrections", values, status)


def _owners(rows: Sequence[CorrectionRow]) -> dict[int, str]:
    """Return whose page each row's bill stands on: the customer's code by the bill, where the register says so."""
    found: dict[int, str] = {}
    for period in {row.period for row in rows}:
        points = {parts(row.of_bill_id).supply_point_id: row for row in rows if row.period == period}
        for point in customers.supply_points(ids=points, on=period):
            if points[point.id].customer_id in {None, point.customer_id}:
                found[points[point.id].of_bill_id] = point.customer_code
    return found


def _file(found: CorrectionView) -> HttpResponse:
    headers = (
        _("hóa đơn"), _("kWh đã lập"), _("kWh đúng"), _("tiền đã lập"), _("tiền đúng"), _("chênh lệch"),
        _("đã trả"), _("thành số dư"), _("còn phải trả thêm"), _("vướng"), _("hóa đơn mới"),
    )  # fmt: skip
    rows = queries.correction_rows(correction_id=found.id, limit=EXPORT_MOST)
    cells = (
        (r.bill_code, r.old_kwh, r.new_kwh, r.old_total, r.new_total, r.total, r.paid, r.credit, r.owed, r.code,
         bill_code(r.made_bill_id) if r.made_bill_id else "")
        for r in rows
    )  # fmt: skip
    return csv_file(f"dieu-chinh-{found.id}", headers, cells)


@allow(Audience.BILLING)
@require_POST
def issue(request: HttpRequest, number: int) -> HttpResponseBase:
    """Issue the correction as adjusting or as replacing bills; several customers need a second person."""
    how, by = request.POST.get("how", ""), act(request)

    def run() -> Any:
        return correct_bills.issue(correction_id=number, how=how, actor=by["actor"], at=by["at"])

    return _done(request, number, run, _("Đã phát hành. Việc này nằm trong nhật ký."))


@allow(Audience.BILLING)
@require_POST
def withdraw(request: HttpRequest, number: int) -> HttpResponseBase:
    """Drop a draft, or what is left of a correction under way."""
    reason, by = request.POST.get("reason", ""), act(request)

    def run() -> Any:
        return correct_bills.withdraw(correction_id=number, reason=reason, actor=by["actor"], at=by["at"])

    return _done(request, number, run, _("Đã bỏ."))


def _done(request: HttpRequest, number: int, run: Callable[[], Any], told: str) -> HttpResponseBase:
    found = _correction(number)
    try:
        run()
    except BillingError as error:
        return _page(request, found, _told(error), 422)
    except correct_bills.CorrectionInterruptedError:
        return _page(
            request, found, _("Cơ sở dữ liệu ngắt giữa chừng: bấm phát hành lần nữa để làm tiếp."), 503
        )
    messages.success(request, told, extra_tags="good")
    return redirect("console:correction", number)


def _correction(number: int) -> CorrectionView:
    try:
        return queries.correction(correction_id=number)
    except UnknownCorrectionError as error:
        raise Http404 from error


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0
