"""My account: which customers this phone stands for, payments, sign-out."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from thapsang.domain.customers.types import masked_phone
from thapsang.domain.payments import queries as payments
from thapsang.interfaces.portal.me import me
from thapsang.interfaces.portal.views.paying import channel_name
from thapsang.interfaces.shared.doors import not_kept
from thapsang.kit.identity.access import Audience, allow
from thapsang.kit.identity.people import phone_of


@allow(Audience.CUSTOMER)
@not_kept
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """Who is signed in, what was paid, and the way out."""
    mine = me(request)
    paid = [p for customer in mine.customers for p in payments.payments_of(customer_id=customer.id, limit=12)]
    paid.sort(key=lambda p: p.paid_at, reverse=True)
    phone = phone_of(request.user) or ""
    credit = sum(payments.outstanding(customer_id=c.id).credit for c in mine.customers)
    values = {
        "customers": mine.customers,
        "phone": masked_phone(phone),
        "credit": credit,
        "here": "account",
        "payments": [(p, channel_name(p.channel)) for p in paid[:24]],
    }
    return render(request, "portal/account.html", values)
