"""Sign in by phone and one-time code; sign out."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_http_methods, require_POST

from thapsang.domain.customers.types import normalise_phone
from thapsang.domain.notifications.types import CODE_LIFE, TooManyCodesError
from thapsang.interfaces.portal.demonstration import inbox_url
from thapsang.interfaces.shared.distributor import distributor
from thapsang.interfaces.shared.doors import not_kept, sender_of
from thapsang.journeys.sign_in import ask_code, confirm_code
from thapsang.kit.identity.access import Audience, allow
from thapsang.kit.identity.sessions import CUSTOMERS

WAITING = "sign_in"
"""Session key: the code's number, the phone's last three digits, where to go afterwards."""
BACKEND = CUSTOMERS


@allow(Audience.PUBLIC)
@not_kept
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponseBase:
    """Ask for the phone; send the code."""
    if request.method == "GET":
        return _form(request, after=request.GET.get("next", ""))
    typed, after = request.POST.get("phone", "").strip(), request.POST.get("next", "")
    try:
        phone = normalise_phone(typed)
    except ValueError:
        problem = gettext("Số này chưa đúng. Số di động có 10 chữ số, bắt đầu bằng 0.")
        return _form(request, after=after, typed=typed, problem=problem)
    who = distributor()
    try:
        code_id = ask_code(
            phone=phone,
            sender=sender_of(request),
            language=get_language() or "vi",
            at=timezone.now(),
            names={"distributor": who.sms_name, "hotline": who.hotline},
        )
    except TooManyCodesError as error:
        return _form(request, after=after, typed=typed, problem=_wait(error.wait), status=429)
    request.session[WAITING] = {"code": code_id, "ends": phone[-3:], "next": after}
    return redirect("portal:sign-in-code")


def _form(
    request: HttpRequest, *, after: str, typed: str = "", problem: str = "", status: int = 0
) -> HttpResponse:
    values = {"next": after, "typed": typed, "problem": problem}
    return render(request, "portal/sign_in.html", values, status=status or (422 if problem else 200))


def _wait(wait: timedelta) -> str:
    minutes = -(-int(wait.total_seconds()) // 60)
    return gettext("Đã gửi nhiều mã trong thời gian ngắn. Vui lòng thử lại sau %(minutes)s phút.") % {
        "minutes": minutes
    }


@allow(Audience.PUBLIC)
@not_kept
@require_http_methods(["GET", "POST"])
def code(request: HttpRequest) -> HttpResponseBase:
    """Ask for the code; open the session when it fits."""
    waiting = request.session.get(WAITING)
    if not waiting:
        return redirect("portal:sign-in")
    if request.method == "GET":
        return _code_form(request, waiting["ends"])
    typed = "".join(filter(str.isdigit, request.POST.get("code", "")))
    user = confirm_code(code_id=waiting["code"], code=typed, at=timezone.now())
    if user is None or user.is_staff or not user.is_active:
        problem = gettext("Mã chưa đúng hoặc đã hết hạn. Xem lại tin nhắn mới nhất, hoặc lấy mã khác.")
        return _code_form(request, waiting["ends"], problem)
    del request.session[WAITING]
    login(request, user, backend=BACKEND)
    return redirect(_safe(request, waiting.get("next", "")))


def _code_form(request: HttpRequest, ends: str, problem: str = "") -> HttpResponse:
    values = {
        "ends": ends,
        "problem": problem,
        "minutes": int(CODE_LIFE.total_seconds()) // 60,
        "inbox": inbox_url(),
    }
    return render(request, "portal/sign_in_code.html", values, status=422 if problem else 200)


def _safe(request: HttpRequest, target: str) -> str:
    own = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if own else reverse("portal:home")


@allow(Audience.PUBLIC)
@require_POST
def sign_out(request: HttpRequest) -> HttpResponseBase:
    """Close the session and forget what the phone kept for offline reading."""
    logout(request)
    response = redirect("portal:landing")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response
