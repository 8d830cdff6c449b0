"""How we reach me: my phone, my e-mail address proven by a code, bills by e-mail, and the language of letters."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from thapsang.domain.customers.types import CustomerView, InvalidValueError, masked_phone, normalise_email
from thapsang.domain.notifications.queries import email_asked
from thapsang.domain.notifications.types import EMAIL_CODE_LIFE
from thapsang.interfaces.portal.demonstration import mailbox_url
from thapsang.interfaces.portal.me import Me, me
from thapsang.interfaces.portal.views.consents import asked
from thapsang.interfaces.shared.doors import not_kept, sender_of
from thapsang.journeys import confirm_email
from thapsang.kit.identity.access import Audience, allow
from thapsang.kit.identity.people import phone_of

WAITING = "email_code"
"""Session key: the code's number and the customers it is for; never the address."""


@allow(Audience.CUSTOMER)
@not_kept
@require_http_methods(["GET", "POST"])
def contact(request: HttpRequest) -> HttpResponseBase:
    """Show how we reach the customer; take an e-mail address and send a code to it."""
    mine = me(request)
    if request.method == "GET":
        return _page(request, mine)
    typed = request.POST.get("email", "").strip()
    chosen = _chosen(mine, request.POST.getlist("customer"))
    try:
        address = normalise_email(typed)
    except InvalidValueError:
        return _page(request, mine, typed, _("Địa chỉ này chưa đúng. Địa chỉ thư có dạng ten@noi.vn."))
    if not chosen:
        return _page(request, mine, typed, _("Chọn ít nhất một khách hàng dùng địa chỉ này."))
    try:
        number = confirm_email.ask_code(
            address=address, asker=_asker(request), sender=sender_of(request), language=language(), at=timezone.now()
        )  # fmt: skip
    except confirm_email.TooManyEmailCodesError as error:
        return _page(request, mine, typed, _wait(error.wait), 429)
    request.session[WAITING] = {"code": number, "customers": [one.code for one in chosen]}
    return redirect("portal:contact-code")


def _chosen(mine: Me, codes: list[str]) -> list[CustomerView]:
    """Return those of my customers that were ticked; with only one there is nothing to tick."""
    return (
        mine.customers if len(mine.customers) == 1 else [one for one in mine.customers if one.code in codes]
    )


def _page(
    request: HttpRequest, mine: Me, typed: str = "", problem: str = "", status: int = 422
) -> HttpResponse:
    own = confirm_email.addresses(mine=mine.customers)
    values = {
        "phone": masked_phone(phone_of(request.user) or ""), "addresses": own, "customers": mine.customers,
        "proven": any(one.verified_at for one in own), "typed": typed, "problem": problem, "here": "account",
        "asked": [one for one in asked(mine) if one[0].purpose == confirm_email.CONSENT],
        "chosen": request.POST.getlist("customer") if problem else [one.code for one in mine.customers],
    }  # fmt: skip
    return render(request, "portal/contact.html", values, status=status if problem else 200)


def _wait(wait: timedelta) -> str:
    minutes = -(-int(wait.total_seconds()) // 60)
    return _("Đã gửi nhiều mã trong thời gian ngắn. Vui lòng thử lại sau %(minutes)s phút.") % {
        "minutes": minutes
    }


@allow(Audience.CUSTOMER)
@not_kept
@require_http_methods(["GET", "POST"])
def code(request: HttpRequest) -> HttpResponseBase:
    """Ask for the code; the address is the customer's when it fits."""
    mine, waiting = me(request), request.session.get(WAITING)
    if not waiting:
        return redirect("portal:contact")
    address = email_asked(code_id=waiting["code"], asker=_asker(request))
    if address is None:
        return redirect("portal:contact")
    if request.method == "GET":
        return _code_form(request, address)
    typed = "".join(filter(str.isdigit, request.POST.get("code", "")))
    people = [one for one in mine.customers if one.code in waiting["customers"]]
    if not people or not confirm_email.confirm(
        code_id=waiting["code"], asker=_asker(request), code=typed, mine=people, at=timezone.now()
    ):
        return _code_form(
            request, address, _("Mã chưa đúng hoặc đã hết hạn. Xem lại thư mới nhất, hoặc lấy mã khác.")
        )
    del request.session[WAITING]
    messages.success(request, _("Đã xác nhận địa chỉ thư."))
    return redirect("portal:contact")


def _code_form(request: HttpRequest, address: str, problem: str = "") -> HttpResponse:
    minutes = int(EMAIL_CODE_LIFE.total_seconds()) // 60
    values = {
        "mail": address, "problem": problem, "minutes": minutes, "inbox": mailbox_url(), "here": "account",
    }  # fmt: skip
    return render(request, "portal/contact_code.html", values, status=422 if problem else 200)


@allow(Audience.CUSTOMER)
@require_POST
def remove(request: HttpRequest) -> HttpResponseBase:
    """Remove an e-mail address of mine; bills by e-mail end with it."""
    if confirm_email.remove(point_id=_point(request), mine=me(request).customers, at=timezone.now()):
        messages.success(request, _("Đã bỏ địa chỉ thư. Hóa đơn không gửi tới đó nữa."))
    return redirect("portal:contact")


@allow(Audience.CUSTOMER)
@require_POST
def letters(request: HttpRequest) -> HttpResponseBase:
    """Choose the language of letters to an address of mine."""
    chosen = request.POST.get("language", "")
    if confirm_email.choose_language(
        point_id=_point(request), language=chosen, mine=me(request).customers, at=timezone.now()
    ):
        messages.success(request, _("Đã lưu ngôn ngữ của thư."))
    return redirect("portal:contact")


def _point(request: HttpRequest) -> int:
    text = request.POST.get("address", "")
    return int(text) if text.isdecimal() and len(text) < 19 else 0


def _asker(request: HttpRequest) -> str:
    return f"user:{request.user.pk}"


def language() -> str:
    """Return the language the customer reads the portal in, as letters name it."""
    return "en" if (get_language() or "vi").startswith("en") else "vi"
