"""The administrator's desk: who works here, as what; let in, locked out, reset."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from thapsang.interfaces.console.desks import ROLE_NAMES, Act, act, page
from thapsang.interfaces.console.listing import csv_file, wants_csv
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity import staff
from thapsang.kit.identity.access import STAFF, Audience, allow


@allow(Audience.ADMINISTRATOR)
@require_safe
def staff_list(request: HttpRequest) -> HttpResponse:
    """List all staff."""
    members = staff.members()
    if wants_csv(request):
        headers = (
            _("tên đăng nhập"),
            _("họ tên"),
            _("vai trò"),
            _("đang làm"),
            _("đã gắn ứng dụng"),
            _("lần cuối"),
        )
        rows = (
            (m.username, m.full_name, " ".join(m.roles), m.active, m.second_factor, m.last_login)
            for m in members
        )
        return csv_file("nhan-vien", headers, rows)
    return _page(request)


def _page(request: HttpRequest, status: int = 200, **values: object) -> HttpResponse:
    return page(
        request,
        "console/staff.html",
        "staff",
        {"members": staff.members(), "role_names": ROLE_NAMES, **values},
        status,
    )


@allow(Audience.ADMINISTRATOR)
@sensitive_variables("password")
@require_POST
def add_member(request: HttpRequest) -> HttpResponseBase:
    """Add a member of staff; the first password is shown this once."""
    given = request.POST
    username = given.get("username", "").strip()
    try:
        with transaction():
            password = staff.add(
                username=username, full_name=given.get("full_name", "").strip(), roles=_roles(request),
                reason=_reason(request), **_by(request),
            )  # fmt: skip
    except (staff.StaffError, ValidationError) as error:
        return _page(request, status=422, problem=_text(error), typed=given)
    return _page(request, shown_once={"username": username, "password": password})


@allow(Audience.ADMINISTRATOR)
@sensitive_variables("password")
@require_POST
def change_member(request: HttpRequest, username: str) -> HttpResponseBase:
    """Set roles, lock out, let in again, or reset password and second factor: one button each."""
    changes: dict[str, Callable[[], str | None]] = {
        "roles": lambda: staff.set_roles(roles=_roles(request), **_common(request, username)),
        "lock": lambda: staff.set_active(active=False, **_common(request, username)),
        "unlock": lambda: staff.set_active(active=True, **_common(request, username)),
        "reset": lambda: staff.reset(**_common(request, username)),
    }
    change = changes.get(request.POST.get("change", ""))
    if change is None:
        return _page(request, status=422, problem=_("Chọn một việc để làm."))
    try:
        with transaction():
            password = change()
    except (staff.StaffError, ValidationError) as error:
        return _page(request, status=422, problem=_text(error))
    if password:
        return _page(request, shown_once={"username": username, "password": password})
    messages.success(request, _("Đã đổi. Việc này nằm trong nhật ký."), extra_tags="good")
    return redirect("console:staff")


def _common(request: HttpRequest, username: str) -> staff.Change:
    return {"username": username, "reason": _reason(request), **_by(request)}


def _by(request: HttpRequest) -> Act:
    return act(request)


def _reason(request: HttpRequest) -> str:
    reason = request.POST.get("reason", "").strip()
    if len(reason) < 3:
        raise staff.StaffError(_("Viết lý do: nó nằm trong nhật ký cùng việc này."))
    return reason


def _roles(request: HttpRequest) -> list[Audience]:
    return [role for role in STAFF if role.value in request.POST.getlist("role")]


def _text(error: staff.StaffError | ValidationError) -> str:
    return " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
