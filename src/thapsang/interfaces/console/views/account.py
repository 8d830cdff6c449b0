"""My own account: a new password, new recovery codes."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from thapsang.interfaces.console.desks import EVERYBODY, act, page
from thapsang.interfaces.shared.doors import not_kept
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity import staff, throttling
from thapsang.kit.identity.access import allow
from thapsang.kit.identity.models import User
from thapsang.kit.identity.throttling import Limit

OLD_PASSWORD = Limit("staff-password-change", 5, timedelta(minutes=15))


@allow(*EVERYBODY)
@sensitive_post_parameters()
@not_kept
@require_http_methods(["GET", "POST"])
def account(request: HttpRequest) -> HttpResponseBase:
    """Change my password; my other sessions end, this one stays."""
    if request.method == "GET":
        return page(request, "console/account.html", "account", {})
    by = act(request)
    if not throttling.attempt(limit=OLD_PASSWORD, who=str(request.user.pk), at=by["at"]).allowed:
        return _refused(request, _("Đã thử nhiều lần. Vui lòng chờ 15 phút rồi thử lại."), 429)
    if not request.user.check_password(request.POST.get("old", "")):
        return _refused(request, _("Mật khẩu hiện tại chưa đúng."))
    if request.POST.get("new") != request.POST.get("again"):
        return _refused(request, _("Hai lần nhập mật khẩu mới chưa giống nhau."))
    try:
        with transaction():
            user = staff.change_password(user_id=by["actor"].pk, password=request.POST.get("new", ""), **by)
    except ValidationError as error:
        return _refused(request, " ".join(error.messages))
    return _done(request, user)


def _done(request: HttpRequest, user: User) -> HttpResponseBase:
    update_session_auth_hash(request, user)
    throttling.forget(limit=OLD_PASSWORD, who=str(user.pk))
    messages.success(request, _("Đã đổi mật khẩu. Các phiên khác của bạn đã kết thúc."), extra_tags="good")
    return redirect("console:account")


def _refused(request: HttpRequest, problem: str, status: int = 422) -> HttpResponseBase:
    return page(request, "console/account.html", "account", {"problem": problem}, status)
