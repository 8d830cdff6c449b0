"""Pay, wait for the money, receipt."""

from __future__ import annotations

from collections.abc import Callable

from csp.decorators import csp_update
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_POST, require_safe

from thapsang.domain.billing.types import bill_code, bill_id_of, parts
from thapsang.domain.customers import queries as customers
from thapsang.domain.customers.types import CustomerView
from thapsang.domain.payments import queries as payments
from thapsang.domain.payments.types import GATEWAY, METHODS, VIETQR, IntentView, NothingOwedError, Outstanding
from thapsang.interfaces.portal.me import me, my_bill, today
from thapsang.interfaces.portal.transfer import transfer_of
from thapsang.interfaces.shared.doors import View, not_kept, sender_of
from thapsang.journeys.pay_bill import start_payment
from thapsang.kit.identity.access import Audience, allow

STARTED = "payments"
"""Session key: references of the payments begun in this browser."""
LOOKED_UP = "looked_up"
"""Session key: the number of the customer looked up by code."""


to_gateway: Callable[[View], View] = csp_update(
    {"form-action": ["/".join(settings.VNPAY["url"].split("/")[:3])]}
)
"""A browser holds `form-action` against the redirect that follows a form, too: this page may lead to the gateway."""


def may_pay_for(request: HttpRequest, customer_id: int) -> bool:
    """Tell whether the reader is this customer, or has typed its code."""
    return request.session.get(LOOKED_UP) == customer_id or customer_id in me(request).customer_ids


def _customer_or_404(request: HttpRequest, code: str) -> CustomerView:
    customer = customers.find_customer(code=code)
    if customer is None or not may_pay_for(request, customer.id):
        raise Http404
    return customer


@allow(Audience.PUBLIC)
@not_kept
@require_POST
def start(request: HttpRequest) -> HttpResponseBase:
    """Begin a payment of the customer's open bills (or of one of them) the way that was chosen."""
    method = request.POST.get("method", "")
    if method not in METHODS:
        raise Http404
    customer = _customer_or_404(request, request.POST.get("customer", ""))
    owed = {str(due.bill_id): due.bill_id for due in payments.outstanding(customer_id=customer.id).dues}
    wanted = request.POST.getlist("bill") or list(owed)
    if not owed or not owed.keys() >= set(wanted):  # a bill paid meanwhile: never another one in its place
        return render(request, "portal/nothing_owed.html", status=409)
    try:
        started = start_payment(
            customer_code=customer.code,
            bill_ids=[owed[bill] for bill in wanted],
            method=method,
            at=timezone.now(),
            language="en" if get_language() == "en" else "vn",
            payer_address=sender_of(request),
        )
    except NothingOwedError:
        return render(request, "portal/nothing_owed.html", status=409)
    request.session[STARTED] = [*request.session.get(STARTED, [])[-9:], started.reference]
    if method == GATEWAY and started.redirect_url:
        return redirect(started.redirect_url)
    return redirect("portal:payment", reference=started.reference)


@allow(Audience.CUSTOMER)
@to_gateway
@not_kept
@require_safe
def choose(request: HttpRequest, code: str) -> HttpResponse:
    """Choose how to pay a bill of mine; with `?all=1` everything its customer owes."""
    bill = my_bill(request, bill_id_or_404(code))
    customer = next(c for c in me(request).customers if c.id == bill.customer_id)
    owed = payments.outstanding(customer_id=customer.id)
    every = [due.bill_id for due in owed.dues]
    if bill.id not in every:
        return render(request, "portal/nothing_owed.html", {"code": code})
    chosen = every if request.GET.get("all") else [bill.id]
    values = {"code": code, "others": len(every) - 1, "owed": owed, "all": len(chosen) > 1, "here": "bills"}
    return render(request, "portal/pay.html", values | ways(customer.code, owed, chosen))


def ways(customer_code: str, owed: Outstanding, chosen: list[int]) -> dict[str, object]:
    """Return what the two buttons of payment need: whose bills, which, how much."""
    dues = [due for due in owed.dues if due.bill_id in chosen]
    return {
        "customer_code": customer_code,
        "dues": [(due, bill_code(due.bill_id), parts(due.bill_id).period) for due in dues],
        "amount": sum(due.open for due in dues),
        "due_on": min((due.due_on for due in dues), default=None),
        "today": today(),
    }


def bill_id_or_404(code: str) -> int:
    """Read a bill's code. Raises Http404 when it is not one."""
    try:
        return bill_id_of(code)
    except ValueError as error:
        raise Http404 from error


def _intent_or_404(request: HttpRequest, reference: str) -> IntentView:
    intent = payments.intent(reference=reference, at=timezone.now())
    if intent is None:
        raise Http404
    if reference not in request.session.get(STARTED, []) and not may_pay_for(request, intent.customer_id):
        raise Http404
    return intent


@allow(Audience.PUBLIC)
@not_kept
@require_safe
def payment(request: HttpRequest, reference: str) -> HttpResponse:
    """One payment: the code to scan, or that we wait for the gateway, or that it is paid."""
    intent = _intent_or_404(request, reference)
    values: dict[str, object] = {"intent": intent, "codes": [bill_code(bill) for bill in intent.bill_ids]}
    if intent.method == VIETQR and intent.status == "open":
        values["transfer"] = transfer_of(intent)
    return render(request, "portal/payment.html", values)


@allow(Audience.PUBLIC)
@not_kept
@require_safe
def payment_state(request: HttpRequest, reference: str) -> HttpResponse:
    """The part of the page that turns to "đã trả" by itself; once settled, the whole page is renewed."""
    intent = _intent_or_404(request, reference)
    response = render(request, "portal/_payment_state.html", {"intent": intent})
    if intent.status != "open":
        response.headers["HX-Refresh"] = "true"
    return response


@allow(Audience.PUBLIC)
@not_kept
@require_safe
def receipt(request: HttpRequest, code: str) -> HttpResponse:
    """The receipt of a payment; without an account it shows no personal data."""
    paid = payments.receipt(code=code)
    if paid is None or not (
        paid.intent in request.session.get(STARTED, []) or may_pay_for(request, paid.customer_id)
    ):
        raise Http404
    bills = [(bill_code(bill), amount) for bill, amount in paid.allocations]
    return render(
        request, "portal/receipt.html", {"paid": paid, "bills": bills, "channel": channel_name(paid.channel)}
    )


def channel_name(channel: str) -> str:
    """Say how money came in."""
    return {
        "gateway": gettext("Thẻ hoặc ví"),
        "bank": gettext("Chuyển khoản ngân hàng"),
        "counter": gettext("Quầy thu"),
        "note": gettext("Hóa đơn giảm"),
        "returned": gettext("Tiền hoàn bị trả lại"),
    }.get(channel, channel)
