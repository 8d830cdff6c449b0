"""Customers: find one, and everything about one on one screen."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from thapsang.domain.billing import queries as billing
from thapsang.domain.billing.queries import corrections as billing_links
from thapsang.domain.billing.types import UnknownBillError, bill_id_of
from thapsang.domain.customers import operations as register
from thapsang.domain.customers import queries as customers
from thapsang.domain.customers.types import CustomerView, InvalidValueError, SearchHit
from thapsang.domain.metering import queries as metering
from thapsang.domain.payments import queries as payments
from thapsang.domain.payments.types import PaymentError
from thapsang.domain.reliefs import queries as reliefs
from thapsang.domain.tariffs import queries as tariffs
from thapsang.interfaces.console import place_uses
from thapsang.interfaces.console.desks import CUSTOMER_READERS, act, display_name, language, page
from thapsang.interfaces.console.listing import csv_file
from thapsang.interfaces.shared import bill_words, words
from thapsang.journeys import collect_at_counter
from thapsang.kit.audit.operations import record
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity.access import Audience, allow

MOST_HITS = 50
BILLS, PAYMENTS, READINGS = 36, 30, 40
_MOST_DIGITS = 15


@allow(*CUSTOMER_READERS)
@require_http_methods(["GET", "POST"])
def search(request: HttpRequest) -> HttpResponseBase:
    """Find customers. What is typed may be a name or a phone, so it is posted and stands in no address."""
    text = request.POST.get("q", "").strip()
    hits = find(text) if text else []
    if request.POST.get("format") == "csv":
        headers = (_("mã khách hàng"), _("tên"), _("địa chỉ"), _("tìm thấy theo"))
        return csv_file("khach-hang", headers, ((h.code, h.name, h.address, h.matched_on) for h in hits))
    if len(hits) == 1 and hits[0].matched_on not in {"name", "address"}:
        return redirect("console:customer", hits[0].code)
    values = {"q": text, "hits": hits, "matched": MATCHED, "full": len(hits) == MOST_HITS}
    return page(request, "console/customers.html", "customers", values)


MATCHED = {
    "code": lazy("mã khách hàng"), "supply-point": lazy("mã điểm đo"), "name": lazy("tên"),
    "phone": lazy("điện thoại"), "id-number": lazy("số căn cước"), "tax-code": lazy("mã số thuế"),
    "address": lazy("địa chỉ"), "meter": lazy("số công tơ"),
}  # fmt: skip


def find(text: str) -> list[SearchHit]:
    """Return customers by whatever fits: first a meter's whole number, then what the register's own search adds."""
    metered = _by_meter(text) if text.isalnum() else []
    seen = {hit.customer_id for hit in metered}
    more = [hit for hit in customers.search(text=text, limit=MOST_HITS) if hit.customer_id not in seen]
    return [*metered, *more][:MOST_HITS]


def _by_meter(serial: str) -> list[SearchHit]:
    points = metering.points_by_meter(serial=serial.upper())
    held = customers.supply_points(ids=points, on=timezone.localdate()) if points else []
    known = {point.customer_code: point for point in held}
    return [
        SearchHit(point.customer_id, code, found.name, point.address, "meter")
        for code, point in known.items()
        if (found := customers.find_customer(code=code))
    ]


@allow(*CUSTOMER_READERS)
@require_safe
def customer(request: HttpRequest, code: str) -> HttpResponse:
    """Show a customer: points, meters, readings, bills, payments, credit, notes, contacts."""
    found = _customer(code)
    export = EXPORTS.get(request.GET.get("list", ""))
    if request.GET.get("format") == "csv" and export:
        return export(found)
    return _page(request, found)


def customer_again(request: HttpRequest, code: str, **extra: Any) -> HttpResponse:
    """Show a customer's page again with what was refused there, and why."""
    return _page(request, _customer(code), status=422, **extra)


def _page(request: HttpRequest, found: CustomerView, status: int = 200, **extra: Any) -> HttpResponse:
    today = timezone.localdate()
    points = customers.supply_points_of(customer_ids=[found.id], on=today)
    bills = billing.bills_of_customers(customer_ids=[found.id], limit=BILLS)
    owed = payments.outstanding(customer_id=found.id)
    billed = place_uses.last_billed(bills)
    values = {
        "customer": found, "points": [_point(point, billed) for point in points], "owed": owed, "today": today,
        "bills": bills, "follows": _follows([bill.id for bill in bills]),
        "open": {due.bill_id: due.open for due in owed.dues},
        "payments": payments.payments_of(customer_id=found.id, limit=PAYMENTS), "channels": CHANNELS,
        "contacts": customers.contact_points(customer_id=found.id), "kinds": KINDS, "registers": REGISTERS,
        "notes": customers.notes(customer_id=found.id), "slip": uuid.uuid4().hex,
        "uses": place_uses.names(), **extra,
    }  # fmt: skip
    return page(request, "console/customer.html", "customers", values, status)


def _follows(numbers: list[int]) -> dict[int, str]:
    """Return for each later bill what it is, in words."""
    links = billing_links.links_of(bill_ids=numbers)
    return {number: bill_words.follows(link) for number, link in links.items()}


CHANNELS = {
    "gateway": lazy("thẻ, ví"), "bank": lazy("ngân hàng"), "counter": lazy("quầy"), "note": lazy("hóa đơn giảm"),
    "returned": lazy("tiền hoàn bị trả lại"),
}  # fmt: skip
REGISTERS = {
    "total": lazy("tổng"), "normal": lazy("bình thường"), "peak": lazy("cao điểm"),
    "offpeak": lazy("thấp điểm"), "reactive": lazy("phản kháng"),
}  # fmt: skip
KINDS = {"phone": lazy("Điện thoại"), "email": lazy("E-mail"), "zalo": lazy("Zalo")}


def _point(point: Any, billed: dict[int, date]) -> dict[str, Any]:
    months = metering.monthly_usage(supply_point_id=point.id, months=13, until=timezone.localdate())
    return {
        "point": point, "months": months, "usage": [month.kwh for month in months],
        "last": months[-1] if months else None,
        "top": max(months, key=lambda month: month.kwh, default=None),
        "meters": metering.meters(supply_point_id=point.id),
        "readings": metering.readings(supply_point_id=point.id, limit=READINGS),
        "terms": customers.terms(agreement_id=point.agreement_id), "last_billed": billed.get(point.id),
        "uses": reliefs.uses_of(supply_point_id=point.id),
    }  # fmt: skip


def _bills_file(found: CustomerView) -> HttpResponse:
    headers = (
        _("hóa đơn"),
        _("từ ngày"),
        _("đến trước ngày"),
        "kWh",
        _("trước thuế"),
        _("thuế"),
        _("cộng"),
        _("hạn"),
    )
    rows = billing.bills_of_customers(customer_ids=[found.id], limit=1000)
    cells = ((b.code, b.start, b.end, b.kwh, b.net, b.vat, b.total, b.due_on) for b in rows)
    return csv_file(f"hoa-don-{found.code}", headers, cells)


def _payments_file(found: CustomerView) -> HttpResponse:
    headers = (_("biên nhận"), _("lúc"), _("qua"), _("số tiền"), _("còn dư"))
    rows = payments.payments_of(customer_id=found.id, limit=1000)
    cells = ((p.receipt_code, p.paid_at, p.channel, p.amount, p.credit) for p in rows)
    return csv_file(f"thanh-toan-{found.code}", headers, cells)


def _readings_file(found: CustomerView) -> HttpResponse:
    points = customers.supply_points_of(customer_ids=[found.id], on=timezone.localdate())
    headers = (_("điểm đo"), _("công tơ"), _("bộ chỉ số"), _("ngày"), _("chỉ số"), _("nguồn"))
    cells = (
        (point.code, r.meter, r.register, r.read_on, r.value, r.quality)
        for point in points
        for r in metering.readings(supply_point_id=point.id, limit=1000)
    )
    return csv_file(f"chi-so-{found.code}", headers, cells)


EXPORTS: dict[str, Callable[[CustomerView], HttpResponse]] = {
    "bills": _bills_file, "payments": _payments_file, "readings": _readings_file,
}  # fmt: skip


@allow(*CUSTOMER_READERS)
@require_safe
def bill(request: HttpRequest, code: str, bill_code: str) -> HttpResponse:
    """Show one bill with its lines and the law that priced each."""
    found = _customer(code)
    try:
        detail = billing.bill(bill_id=bill_id_of(bill_code))
    except UnknownBillError as error:
        raise Http404 from error
    if detail is None or detail.bill.customer_id != found.id:
        raise Http404
    version = detail.policy_version_id
    law = tariffs.citations(policy_version_id=version, language=language())
    paid = payments.paid_of(bill_ids=[detail.bill.id])[detail.bill.id]
    later = billing_links.followers_of(bill_ids=[detail.bill.id]).get(detail.bill.id, [])
    values = {
        **place_uses.beside_bill(detail.bill),
        "customer": found, "bill": detail.bill, "lines": detail.lines, "law": law, "paid": paid,
        "link": billing_links.links_of(bill_ids=[detail.bill.id]).get(detail.bill.id), "later": later,
        "follows": _follows([detail.bill.id, *(one.bill_id for one in later)]),
    }  # fmt: skip
    return page(request, "console/bill.html", "customers", values)


@allow(Audience.CUSTOMER_SERVICE)
@require_POST
def add_note(request: HttpRequest, code: str) -> HttpResponseBase:
    """Write a note on the customer's page."""
    found, by = _customer(code), act(request)
    text = request.POST.get("text", "").strip()
    try:
        with transaction():
            note = register.add_note(
                customer_id=found.id, text=text, author_id=by["actor"].pk,
                author_name=display_name(request), at=by["at"],
            )  # fmt: skip
            record(
                action="customers.note-added", subject=f"customer:{code}", before=None,
                after={"note": note, "letters": len(text)}, reason="", **by,
            )  # fmt: skip
    except InvalidValueError as error:
        return _page(request, found, status=422, note_problem=str(error))
    messages.success(request, _("Đã ghi."), extra_tags="good")
    return redirect("console:customer", code)


@allow(Audience.CUSTOMER_SERVICE, Audience.CASHIER)
@require_POST
def reveal(request: HttpRequest, code: str, contact_id: int) -> HttpResponse:
    """Show one contact point in full, for a stated reason; the audit log keeps who looked and why."""
    found = _customer(code)
    contact = next((c for c in customers.contact_points(customer_id=found.id) if c.id == contact_id), None)
    if contact is None:
        raise Http404
    reason = request.POST.get("reason", "").strip()
    if len(reason) < 3:
        return _page(request, found, status=422, reveal_problem=_("Viết lý do xem: nó nằm trong nhật ký."))
    with transaction():
        record(
            action="customers.contact-revealed", subject=f"customer:{code}", before=None,
            after={"contact": contact_id, "kind": contact.kind}, reason=reason, **act(request),
        )  # fmt: skip
    if request.headers.get("HX-Request") == "true":
        return render(request, "console/contact_shown.html", {"contact": contact})
    return _page(request, found, shown=contact_id)


@allow(Audience.CASHIER)
@require_POST
def collect(request: HttpRequest, code: str) -> HttpResponseBase:
    """Take cash: the oldest bills first, the rest is the customer's credit."""
    found = _customer(code)
    typed = request.POST.get("amount", "")
    digits = "".join(character for character in typed if character not in " .,đ\u00a0")
    slip = request.POST.get("slip", "")
    if not digits.isdecimal() or len(digits) > _MOST_DIGITS or not slip.isalnum():
        problem = _("Số tiền chỉ gồm chữ số, ví dụ 305.230: hãy nhập lại.")
        return _page(request, found, status=422, cash_problem=problem, typed=typed)
    try:
        payment = collect_at_counter.collect(
            customer_code=code, amount=int(digits), slip=slip[:32], **act(request)
        )
    except PaymentError:
        problem = _("Số tiền không hợp lệ: nhập từ 1 đ đến 10 tỷ đồng.")
        return _page(request, found, status=422, cash_problem=problem, typed=typed)
    done = _("Đã thu %(amount)s. Biên nhận %(code)s.")
    told = {"amount": words.dong(payment.amount), "code": payment.receipt_code}
    messages.success(request, done % told, extra_tags="good")
    return redirect("console:customer", code)


def _customer(code: str) -> CustomerView:
    found = customers.find_customer(code=code)
    if found is None:
        raise Http404
    return found
