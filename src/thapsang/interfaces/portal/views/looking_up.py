"""Look up and pay without an account, by customer code: nothing personal is shown."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from thapsang.domain.customers import queries as customers
from thapsang.domain.customers.types import InvalidValueError, check_customer_code
from thapsang.domain.payments import queries as payments
from thapsang.interfaces.portal.views.paying import LOOKED_UP, to_gateway, ways
from thapsang.interfaces.shared.doors import not_kept, sender_of
from thapsang.kit.identity.access import Audience, allow
from thapsang.kit.identity.throttling import Limit, attempt

LOOK_UPS = Limit("look-up", 60, timedelta(hours=1))
"""From one address: a counter clerk's pace, not a harvester's."""


@allow(Audience.PUBLIC)
@not_kept
@require_http_methods(["GET", "POST"])
def look_up(request: HttpRequest) -> HttpResponseBase:
    """Take a customer code in the body, never in the address; show what is owed."""
    if request.method == "GET":
        return render(request, "portal/look_up.html", {})
    typed = request.POST.get("code", "").strip()
    if not attempt(limit=LOOK_UPS, who=sender_of(request), at=timezone.now()).allowed:
        return _again(request, typed, gettext("Tra cứu quá nhiều lần. Vui lòng thử lại sau một giờ."), 429)
    try:
        customer = customers.find_customer(code=check_customer_code(typed))
    except InvalidValueError:
        problem = gettext("Mã khách hàng có 13 ký tự, in ở đầu hóa đơn, ví dụ PA13VH0012345.")
        return _again(request, typed, problem, 422)
    if customer is None:
        return _again(
            request, typed, gettext("Không có khách hàng mang mã này. Vui lòng xem lại từng ký tự."), 404
        )
    request.session[LOOKED_UP] = customer.id
    return redirect("portal:looked-up")


def _again(request: HttpRequest, typed: str, problem: str, status: int) -> HttpResponse:
    return render(request, "portal/look_up.html", {"typed": typed, "problem": problem}, status=status)


@allow(Audience.PUBLIC)
@to_gateway
@not_kept
@require_safe
def looked_up(request: HttpRequest) -> HttpResponseBase:
    """What the looked-up customer owes, the name masked, and the ways to pay."""
    customer_id = request.session.get(LOOKED_UP)
    customer = customers.customer(customer_id=customer_id) if customer_id else None
    if customer is None:
        return redirect("portal:look-up")
    owed = payments.outstanding(customer_id=customer.id)
    values = ways(customer.code, owed, [due.bill_id for due in owed.dues])
    return render(
        request,
        "portal/looked_up.html",
        values | {"masked": customers.masked_name(customer.name), "owed": owed},
    )
