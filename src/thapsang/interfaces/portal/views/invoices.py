"""E-invoices for everybody: look one up by its code, have a file examined, fetch the XML; mine beside my bill."""

from __future__ import annotations

from datetime import timedelta

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from thapsang.domain.customers import queries as customers
from thapsang.domain.invoices import queries
from thapsang.domain.invoices.types import InvoiceView, UnknownInvoiceError, shown_look_up_code
from thapsang.interfaces.portal.me import my_bill_and_paid
from thapsang.interfaces.portal.views.paying import bill_id_or_404
from thapsang.interfaces.shared.doors import not_kept, sender_of
from thapsang.journeys import show_invoice
from thapsang.kit.files.operations import FileGoneError
from thapsang.kit.identity.access import Audience, allow
from thapsang.kit.identity.throttling import Limit, attempt

LOOK_UPS = Limit("invoice-look-up", 30, timedelta(hours=1))
"""From one address: a bookkeeper's pace. Sixty random bits are beyond guessing at any pace."""
LARGEST = 1024 * 1024


@allow(Audience.PUBLIC)
@not_kept
@require_http_methods(["GET", "POST"])
def look_up(request: HttpRequest) -> HttpResponse:
    """Take a look-up code in the body, never in the address; show what its holder may see."""
    if request.method == "GET":
        return render(request, "portal/invoice_look_up.html", {})
    if not _may(request):
        return _again(request, gettext("Tra cứu quá nhiều lần. Vui lòng thử lại sau một giờ."), 429)
    try:
        view = queries.invoice_by_look_up_code(code=request.POST.get("code", ""))
    except UnknownInvoiceError:
        told = gettext("Mã tra cứu có 12 chữ và số, in ở cuối hóa đơn, ví dụ 7K2M-9QXT-4VBD.")
        return _again(request, told, 422)
    if view is None or view.sha256 is None:
        return _again(request, gettext("Không có hóa đơn mang mã này. Vui lòng xem lại từng ký tự."), 404)
    return render(request, "portal/invoice.html", _shown(view))


def _shown(view: InvoiceView) -> dict[str, object]:
    """Return what a code's holder may see on a page: amounts and state, the name masked, no address."""
    customer = customers.customer(customer_id=view.customer_id)
    return {
        "invoice": view, "code": shown_look_up_code(view.look_up_code),
        "masked": customers.masked_name(customer.name) if customer else "",
        "seller": queries.current_policy().seller, "later": queries.newer(invoice_id=view.id),
    }  # fmt: skip


@allow(Audience.PUBLIC)
@not_kept
@require_POST
def xml(request: HttpRequest) -> HttpResponse:
    """Give the invoice's XML file to whoever holds its look-up code."""
    if not _may(request):
        return _again(request, gettext("Tra cứu quá nhiều lần. Vui lòng thử lại sau một giờ."), 429)
    try:
        view = queries.invoice_by_look_up_code(code=request.POST.get("code", ""))
    except UnknownInvoiceError as error:
        raise Http404 from error
    return _file(view)


@allow(Audience.PUBLIC)
@not_kept
@require_POST
def examine(request: HttpRequest) -> HttpResponse:
    """Say whether a file is one of our invoices, unchanged."""
    if not _may(request):
        return _again(request, gettext("Tra cứu quá nhiều lần. Vui lòng thử lại sau một giờ."), 429)
    given = request.FILES.get("file")
    if given is None or not given.size or given.size > LARGEST:
        return _again(request, gettext("Chọn tệp XML của hóa đơn, không quá 1 MB."), 422)
    found = show_invoice.examine(content=given.read())
    later = queries.newer(invoice_id=found.invoice.id) if found.invoice else []
    return render(request, "portal/invoice_examined.html", {"found": found, "later": later})


@allow(Audience.CUSTOMER)
@not_kept
@require_safe
def mine(request: HttpRequest, code: str) -> HttpResponseBase:
    """Give the customer the XML file of an own bill's invoice, or say that there is none yet."""
    own = my_bill_and_paid(request, bill_id_or_404(code))
    view = queries.invoices_of_bills(bill_ids=[own.bill.id]).get(own.bill.id)
    if view is None:
        return render(request, "portal/invoice_none.html", {"code": code, "here": "bills"}, status=404)
    return _file(view)


def _file(view: InvoiceView | None) -> HttpResponse:
    """Return the file; its name is the invoice's number and nothing of the customer."""
    if view is None or view.sha256 is None:
        raise Http404
    try:
        content = show_invoice.invoice_file(view=view)
    except FileGoneError as error:
        raise Http404 from error
    headers = {"Content-Disposition": f'attachment; filename="{view.name}.xml"'}
    return HttpResponse(content, content_type="application/xml; charset=utf-8", headers=headers)


def _may(request: HttpRequest) -> bool:
    return attempt(limit=LOOK_UPS, who=sender_of(request), at=timezone.now()).allowed


def _again(request: HttpRequest, problem: str, status: int) -> HttpResponse:
    values = {"problem": problem, "typed": request.POST.get("code", "")[:20]}
    return render(request, "portal/invoice_look_up.html", values, status=status)
