"""VNPay's two calls: the notification that settles, and the browser's return that only shows."""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_safe

from thapsang.journeys import pay_bill
from thapsang.kit.identity.access import Audience, allow

log = logging.getLogger(__name__)
_AGAIN = {"RspCode": "99", "Message": "Unknown error"}


@allow(Audience.PROVIDER)
@require_safe
def notification(request: HttpRequest) -> HttpResponseBase:
    """Settle by the gateway's signed notification (IPN); answer RspCode 00, 01, 02, 04, 97 or 99.

    99 makes the gateway send it again, so a fault of ours loses nothing.
    """
    try:
        outcome = pay_bill.settle_callback(provider="vnpay", params=request.GET.dict(), at=timezone.now())
    except Exception:
        log.exception("A notification of VNPay could not be judged; it will come again.")
        return JsonResponse(_AGAIN)
    return JsonResponse(outcome.answer)


@allow(Audience.PUBLIC)
@require_safe
def back(request: HttpRequest) -> HttpResponseBase:
    """Take the browser that comes back from the gateway to its payment's page; settle nothing."""
    seen = pay_bill.read_return(provider="vnpay", params=request.GET.dict(), at=timezone.now())
    if not seen.genuine:
        return redirect("/")
    return redirect("portal:payment", reference=seen.reference)
