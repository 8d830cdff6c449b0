"""The refund desk: who asks for credit back, a second person approves, one file for the bank, paid or returned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from thapsang.domain.customers import queries as customers
from thapsang.domain.payments.operations import refunds as operations
from thapsang.domain.payments.queries import refunds as queries
from thapsang.domain.payments.queries.refunds import RefundView, UnknownRefundError
from thapsang.domain.payments.types import PaymentError, UnknownCustomerError
from thapsang.interfaces.console.desks import REFUND_READERS, act, page
from thapsang.interfaces.console.listing import EXPORT_MOST, PAGE, csv_file, wants_csv
from thapsang.kit.audit.operations import record
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity.access import Audience, allow

WRITERS = (Audience.BILLING, Audience.CASHIER)
STATES = {
    "asked": gettext_lazy("chờ duyệt"),
    "approved": gettext_lazy("đã duyệt, chờ gửi"),
    "sent": gettext_lazy("đã gửi ngân hàng"),
    "paid": gettext_lazy("đã chuyển"),
    "returned": gettext_lazy("bị trả lại"),
    "rejected": gettext_lazy("không duyệt"),
    "withdrawn": gettext_lazy("đã rút"),
}


@allow(*REFUND_READERS)
@require_safe
def refunds(request: HttpRequest) -> HttpResponse:
    """List refunds in one state, at first those that wait for approval, and the bank's files."""
    status = _status(request)
    offset = _number(request.GET.get("from", ""))
    if wants_csv(request):
        return _file(status)
    rows = queries.refunds(status=status, limit=PAGE + 1, offset=offset)
    counts = queries.refund_counts()
    values = {
        "rows": rows[:PAGE], "states": STATES, "status": status, "files": queries.refund_files(limit=10),
        "counts": counts, "approved": counts.get("approved", 0),
        "next_from": offset + PAGE if len(rows) > PAGE else None,
    }  # fmt: skip
    return page(request, "console/refunds.html", "refunds", values)


def _status(request: HttpRequest) -> str:
    status = request.GET.get("status", "asked")
    return status if status in STATES else ""


def _file(status: str) -> HttpResponse:
    headers = (
        _("số"),
        _("khách hàng"),
        _("số tiền"),
        _("trạng thái"),
        _("ngân hàng"),
        _("người đề nghị"),
        _("lúc"),
    )
    rows = queries.refunds(status=status, limit=EXPORT_MOST)
    cells = (
        (r.reference, r.customer_code, r.amount, STATES[r.status], r.bank_name, r.asked_name, r.asked_at)
        for r in rows
    )
    return csv_file("hoan-tien", headers, cells)


@allow(*WRITERS)
@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest) -> HttpResponseBase:
    """Ask for a refund on a customer's behalf."""
    names = ("customer", "amount", "bank", "account", "holder", "reason")
    typed = {name: request.POST.get(name, "").strip() for name in names}
    if request.method == "GET":
        return _form(request, typed | {"customer": request.GET.get("customer", "")[:13]})
    by = act(request)
    try:
        with transaction():
            number = operations.ask_refund(
                customer_code=typed["customer"].upper(), amount=_number(typed["amount"].replace(".", "")),
                bank=typed["bank"], account=typed["account"], holder=typed["holder"], reason=typed["reason"],
                by_customer=False, actor=by["actor"], at=by["at"],
            )  # fmt: skip
    except PaymentError as error:
        return _form(request, typed, told(error), 422)
    messages.success(request, _("Đã đề nghị. Người khác sẽ duyệt."), extra_tags="good")
    return redirect("console:refund", number)


def _form(request: HttpRequest, typed: dict[str, str], problem: str = "", status: int = 200) -> HttpResponse:
    named = customers.find_customer(code=typed["customer"].upper()) if typed["customer"] else None
    values = {
        "typed": typed, "problem": problem, "banks": queries.refund_rules().banks, "named": named,
        "most": queries.refundable(customer_id=named.id) if named else 0,
    }  # fmt: skip
    return page(request, "console/refund_new.html", "refunds", values, status)


@allow(*REFUND_READERS)
@require_safe
def one(request: HttpRequest, number: int) -> HttpResponse:
    """Show a refund: who is paid, from which credit, what was decided, what the bank said."""
    return _page(request, _refund(number))


def _page(request: HttpRequest, found: RefundView, problem: str = "", status: int = 200) -> HttpResponse:
    name = operations.bank_name(found.customer_name)
    values = {
        "found": found, "state_word": STATES[found.status], "problem": problem,
        "credit": queries.refundable(customer_id=found.customer_id), "same_name": name == found.holder,
        "mine": found.asked_name == request.user.get_username(),
    }  # fmt: skip
    return page(request, "console/refund.html", "refunds", values, status)


@allow(*WRITERS)
@require_POST
def step(request: HttpRequest, number: int, verb: str) -> HttpResponseBase:
    """Approve, reject, confirm or take back one refund."""
    by, text = act(request), request.POST.get("reason", "").strip()
    common: dict[str, Any] = {"refund_id": number, "actor": by["actor"], "at": by["at"]}
    steps: dict[str, tuple[Callable[[], None], str]] = {
        "approve": (lambda: operations.approve_refund(reason=text, **common), _("Đã duyệt.")),
        "reject": (lambda: operations.reject_refund(reason=text, **common), _("Đã từ chối; tiền dư vẫn còn.")),
        "paid": (lambda: operations.confirm_refund(bank_reference=text, **common), _("Đã ghi: ngân hàng đã chuyển.")),
        "returned": (
            lambda: operations.return_refund(reason=text, **common),
            _("Đã ghi: tiền bị trả lại, khách có lại tiền dư."),
        ),
    }  # fmt: skip
    if verb not in steps:
        raise Http404
    change, done = steps[verb]
    found = _refund(number)
    try:
        with transaction():
            change()
    except PaymentError as error:
        return _page(request, found, told(error), 422)
    messages.success(request, done, extra_tags="good")
    return redirect("console:refund", number)


@allow(*WRITERS)
@require_POST
def send(request: HttpRequest) -> HttpResponseBase:
    """Make the bank's file of all approved refunds, and post them."""
    by = act(request)
    try:
        with transaction():
            made, _content = operations.send_refunds(actor=by["actor"], at=by["at"])
    except PaymentError as error:
        messages.error(request, told(error), extra_tags="bad")
        return redirect("console:refunds")
    if made is None:
        messages.error(request, _("Chưa gửi gì: hóa đơn mới đã dùng hết tiền dư."), extra_tags="bad")
    else:
        messages.success(request, _("Đã lập tệp; tải về rồi gửi ngân hàng."), extra_tags="good")
    return redirect("console:refunds")


@allow(*WRITERS)
@require_POST
def bank_file(request: HttpRequest, number: int) -> HttpResponseBase:
    """Hand out the bank's file; names and accounts leave the house, so the audit log keeps who took it."""
    try:
        found = queries.refund_file(file_id=number)
        content = queries.file_content(file_id=number)
    except UnknownRefundError as error:
        raise Http404 from error
    by = act(request)
    with transaction():
        record(
            action="payments.refund-file-taken", subject=f"refund-file:{number}", before=None,
            after={"sha256": found.sha256}, reason="bank file", **by,
        )  # fmt: skip
    response = HttpResponse(content, content_type="application/xml")
    response["Content-Disposition"] = f'attachment; filename="{found.message}.xml"'
    return response


def told(error: Exception) -> str:
    """Say in the reader's words what stands in the way of a refund."""
    if isinstance(error, operations.SamePersonError):
        return _("Người đề nghị không được tự duyệt: cần một người khác.")
    if isinstance(error, operations.RefundStateError):
        return _("Yêu cầu này đã đổi trạng thái: mở lại trang rồi xem.")
    if isinstance(error, UnknownCustomerError):
        return _("Không có khách hàng nào mang mã này.")
    text = str(error)
    known = (
        ("amount:", _("Số tiền phải lớn hơn 0 và không quá tiền dư mà hóa đơn chưa cần đến.")),
        ("bank:", _("Chọn một ngân hàng trong danh sách.")),
        ("account:", _("Số tài khoản gồm 6 đến 19 chữ số hoặc chữ in hoa.")),
        ("holder:", _("Ghi tên chủ tài khoản, 2 đến 70 chữ.")),
        ("customer:", _("Khách hàng đã có một yêu cầu đang chờ.")),
        ("reason:", _("Ghi lý do: khách hàng đọc được.")),
        ("bank_reference:", _("Ghi số giao dịch trên sao kê ngân hàng.")),
        ("Nothing to send", _("Không có yêu cầu nào đã duyệt mà chưa gửi.")),
    )  # fmt: skip
    return next((words for start, words in known if text.startswith(start)), text)


def _refund(number: int) -> RefundView:
    try:
        return queries.refund(refund_id=number)
    except UnknownRefundError as error:
        raise Http404 from error


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 13 else 0
