"""Staff sign in: name and password, then the code of an authenticator app; the first time, enrol one."""

from __future__ import annotations

from datetime import timedelta

import segno
from django.contrib.auth import login, logout
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from thapsang.interfaces.shared.doors import not_kept, sender_of
from thapsang.kit.audit.operations import record
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity import second_factor, staff_sessions, throttling
from thapsang.kit.identity.access import Audience, allow
from thapsang.kit.identity.models import User
from thapsang.kit.identity.throttling import Limit
from thapsang.kit.privacy import cipher

WAITING = "staff_sign_in"
"""Session key between the two factors: whose password was right, when, where to go afterwards."""
PATIENCE = timedelta(minutes=10)
BACKEND = "django.contrib.auth.backends.ModelBackend"

WINDOW = timedelta(minutes=15)
PER_NAME_AND_PLACE = Limit("staff-password-name-place", 5, WINDOW)
PER_NAME = Limit("staff-password-name", 20, WINDOW)
PER_PLACE = Limit("staff-password-place", 60, WINDOW)
PER_PERSON = Limit("staff-code", 5, WINDOW)


@allow(Audience.PUBLIC)
@sensitive_post_parameters("password")
@not_kept
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponseBase:
    """Ask for name and password."""
    after = _safe(request, request.POST.get("next") or request.GET.get("next", ""))
    if request.method == "GET":
        return redirect(after) if _is_staff(request) else _password_page(request, after=after)
    username = request.POST.get("username", "").strip()
    if wait := _password_wait(request, username):
        return _password_page(request, after=after, username=username, problem=_try_later(wait), status=429)
    user = ModelBackend().authenticate(request, username=username, password=request.POST.get("password", ""))
    if not isinstance(user, User) or not user.is_staff or not user.audiences:
        problem = gettext("Tên hoặc mật khẩu chưa đúng. Nhập lại, hoặc nhờ quản trị đặt lại mật khẩu.")
        return _password_page(request, after=after, username=username, problem=problem, status=422)
    throttling.forget(limit=PER_NAME_AND_PLACE, who=f"{username.lower()}|{sender_of(request)}")
    _wait_for_second_factor(request, user, after)
    return redirect("console:sign-in-code" if second_factor.is_enrolled(user) else "console:enrol")


def _password_wait(request: HttpRequest, username: str) -> timedelta:
    name, place = username.lower(), sender_of(request)
    counted = ((PER_NAME_AND_PLACE, f"{name}|{place}"), (PER_NAME, name), (PER_PLACE, place))
    return max(throttling.attempt(limit=limit, who=who, at=timezone.now()).wait for limit, who in counted)


def _wait_for_second_factor(request: HttpRequest, user: User, after: str) -> None:
    request.session.flush()  # whatever session came along, also one planted by somebody else, ends here
    request.session[WAITING] = {
        "user": user.pk, "proof": user.get_session_auth_hash(), "at": timezone.now().timestamp(),
        "next": after,
    }  # fmt: skip
    request.session.set_expiry(int(PATIENCE.total_seconds()))


def _password_page(
    request: HttpRequest, *, after: str, username: str = "", problem: str = "", status: int = 200
) -> HttpResponse:
    values = {"next": after, "username": username, "problem": problem}
    return render(request, "console/sign_in.html", values, status=status)


@allow(Audience.PUBLIC)
@sensitive_post_parameters("code")
@not_kept
@require_http_methods(["GET", "POST"])
def code(request: HttpRequest) -> HttpResponseBase:
    """Ask for the code of the authenticator app, or a recovery code; open the session when it fits."""
    user = _waiting_user(request)
    if user is None:
        return redirect("console:sign-in")
    if not second_factor.is_enrolled(user):
        return redirect("console:enrol")
    if request.method == "GET":
        return render(request, "console/sign_in_code.html")
    at = timezone.now()
    verdict = throttling.attempt(limit=PER_PERSON, who=str(user.pk), at=at)
    if not verdict.allowed:
        return render(request, "console/sign_in_code.html", {"problem": _try_later(verdict.wait)}, status=429)
    with transaction():
        factor = second_factor.check(user=user, code=request.POST.get("code", ""), at=at)
        if factor:
            _record(user, "staff.signed-in", {"factor": factor})
    if not factor:
        problem = gettext("Mã chưa đúng hoặc đã dùng. Chờ ứng dụng hiện mã mới rồi nhập lại.")
        return render(request, "console/sign_in_code.html", {"problem": problem}, status=422)
    return redirect(_open_session(request, user))


@allow(Audience.PUBLIC)
@sensitive_post_parameters("code")
@not_kept
@require_http_methods(["GET", "POST"])
def enrol(request: HttpRequest) -> HttpResponseBase:
    """Give the person an authenticator at the first sign-in, and recovery codes this once."""
    user = _waiting_user(request)
    if user is None or second_factor.is_enrolled(user):
        return redirect("console:sign-in-code" if user else "console:sign-in")
    secret = _secret_offered(request)
    if request.method == "GET":
        return _enrol_page(request, user, secret)
    at = timezone.now()
    verdict = throttling.attempt(limit=PER_PERSON, who=str(user.pk), at=at)
    if not verdict.allowed:
        return _enrol_page(request, user, secret, problem=_try_later(verdict.wait), status=429)
    typed = "".join(request.POST.get("code", "").split())
    with transaction():
        codes = second_factor.enrol(user=user, secret=secret, code=typed, at=at)
        if codes:
            _record(user, "staff.enrolled", {"factor": "totp"})
    if codes is None:
        problem = gettext("Mã chưa đúng. Kiểm tra giờ trên điện thoại, chờ mã mới rồi nhập lại.")
        return _enrol_page(request, user, secret, problem=problem, status=422)
    return render(
        request, "console/recovery_codes.html", {"codes": codes, "next": _open_session(request, user)}
    )


def _secret_offered(request: HttpRequest) -> str:
    """Return the secret this sign-in offers; it waits in the session, encrypted."""
    waiting = request.session[WAITING]
    if "secret" not in waiting:
        sealed = cipher.encrypt(second_factor.new_secret(), purpose=second_factor.PURPOSE)
        request.session[WAITING] = waiting = {**waiting, "secret": sealed.hex()}
    return cipher.decrypt(bytes.fromhex(waiting["secret"]), purpose=second_factor.PURPOSE)


def _enrol_page(
    request: HttpRequest, user: User, secret: str, problem: str = "", status: int = 200
) -> HttpResponse:
    address = second_factor.address(username=user.username, secret=secret)
    groups = " ".join(secret[i : i + 4] for i in range(0, len(secret), 4))
    values = {"qr": _qr(address), "secret": groups, "address": address, "problem": problem}
    return render(request, "console/enrol.html", values, status=status)


def _qr(text: str) -> SafeString:
    drawn = segno.make(text, error="m").svg_inline(border=4, omitsize=True, svgclass="qr", lineclass=None)
    return mark_safe(drawn)  # noqa: S308 - drawn by us from our own text


@allow(Audience.PUBLIC)
@require_POST
def sign_out(request: HttpRequest) -> HttpResponseBase:
    """End the session everywhere in this browser."""
    logout(request)
    response = redirect("console:sign-in")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def _waiting_user(request: HttpRequest) -> User | None:
    waiting = request.session.get(WAITING)
    if not waiting or timezone.now().timestamp() - waiting["at"] > PATIENCE.total_seconds():
        return None
    user = User.objects.filter(pk=waiting["user"], is_staff=True, is_active=True).first()
    return user if user and user.get_session_auth_hash() == waiting["proof"] else None


def _open_session(request: HttpRequest, user: User) -> str:
    """Open the staff session under a new number and return where to go."""
    after = str(request.session[WAITING]["next"])
    request.session.flush()
    login(request, user, backend=BACKEND)
    staff_sessions.begin(session=request.session, at=timezone.now())
    throttling.forget(limit=PER_PERSON, who=str(user.pk))
    return after


def _record(user: User, action: str, after: dict[str, str]) -> None:
    record(
        actor=user, action=action, subject=f"staff:{user.username}", before=None, after=after,
        reason="", at=timezone.now(),
    )  # fmt: skip


def _is_staff(request: HttpRequest) -> bool:
    return bool(request.user.is_authenticated and request.user.is_staff)


def _safe(request: HttpRequest, target: str) -> str:
    own = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    inside = target.startswith(("/console/", "/admin/")) and not target.startswith("/console/sign-")
    return target if own and inside else reverse("console:home")


def _try_later(wait: timedelta) -> str:
    minutes = max(1, -(-int(wait.total_seconds()) // 60))
    return gettext("Đã thử nhiều lần. Vui lòng chờ %(minutes)s phút rồi thử lại.") % {"minutes": minutes}
