"""The desks of the console: who sits at which, and what every page of theirs shows around its content."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise, SimpleLazyObject
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from thapsang.kit.audit.operations import Person
from thapsang.kit.identity import staff
from thapsang.kit.identity.access import STAFF, Audience

BILLING, CASHIER, SERVICE = Audience.BILLING, Audience.CASHIER, Audience.CUSTOMER_SERVICE
AUDITOR, ADMINISTRATOR = Audience.AUDITOR, Audience.ADMINISTRATOR

EVERYBODY = tuple(sorted(STAFF))
CUSTOMER_READERS = (BILLING, CASHIER, SERVICE, AUDITOR)
BILLING_READERS = (BILLING, AUDITOR)
RELIEF_READERS = (BILLING, ADMINISTRATOR, AUDITOR)
REFUND_READERS = (BILLING, CASHIER, AUDITOR)
STORM_READERS = (BILLING, SERVICE, AUDITOR)
INVOICE_READERS = (BILLING, AUDITOR, ADMINISTRATOR)

ROLE_NAMES: dict[str, Promise] = {
    BILLING: _("Lập hóa đơn"),
    CASHIER: _("Thu ngân"),
    SERVICE: _("Chăm sóc khách hàng"),
    AUDITOR: _("Kiểm tra"),
    ADMINISTRATOR: _("Quản trị"),
}


@dataclass(frozen=True)
class Desk:
    """One entry of the rail: its page, its icon, the key after `g`, and the roles that sit there."""

    name: str
    route: str
    title: Promise
    icon: str
    key: str
    roles: frozenset[Audience]


DESKS = (
    Desk("home", "console:home", _("Hôm nay"), "lamp", "h", STAFF),
    Desk("customers", "console:customers", _("Khách hàng"), "user", "c", frozenset(CUSTOMER_READERS)),
    Desk("runs", "console:runs", _("Hóa đơn"), "bill", "b", frozenset(BILLING_READERS)),
    Desk("reliefs", "console:reliefs", _("Giảm tiền điện"), "percent", "g", frozenset(RELIEF_READERS)),
    Desk("exceptions", "console:exceptions", _("Cần xử lý"), "flag", "x", frozenset(BILLING_READERS)),
    Desk("corrections", "console:corrections", _("Điều chỉnh"), "adjust", "d", frozenset(BILLING_READERS)),
    Desk("invoices", "console:invoices", _("Hóa đơn điện tử"), "file", "e", frozenset(INVOICE_READERS)),
    Desk("imports", "console:imports", _("Nhập chỉ số"), "inbox", "i", frozenset(BILLING_READERS)),
    Desk("refunds", "console:refunds", _("Hoàn tiền"), "refund", "o", frozenset(REFUND_READERS)),
    Desk("storms", "console:storms", _("Bão, mất điện"), "storm", "m", frozenset(STORM_READERS)),
    Desk("audit", "console:audit", _("Nhật ký"), "book", "a", frozenset({AUDITOR})),
    Desk("staff", "console:staff", _("Nhân viên"), "key", "s", frozenset({ADMINISTRATOR})),
    Desk("reference", "admin:index", _("Dữ liệu gốc"), "table", "r", frozenset({ADMINISTRATOR})),
)


class Act(TypedDict):
    """Who changes something, when, and in which request: what every operation and audit entry wants."""

    actor: Person
    at: datetime
    request_id: str


def act(request: HttpRequest) -> Act:
    """Return who acts, now, and a number by which the request's entries hang together."""
    return {"actor": request.user, "at": timezone.now(), "request_id": uuid.uuid4().hex}


def language() -> str:
    """Return the reader's language as the domain names it."""
    return "en" if (get_language() or "vi").startswith("en") else "vi"


def display_name(request: HttpRequest) -> str:
    """Return what to call the reader beside what they wrote."""
    user = request.user
    return str(getattr(user, "get_full_name", str)() or user.get_username())


def _staff_names() -> dict[str, str]:
    """Return what people are called by the names they sign in with; asked only by pages that name somebody."""
    return {member.username: member.full_name for member in staff.members()}


def page(
    request: HttpRequest, template: str, desk: str, values: dict[str, Any], status: int = 200
) -> HttpResponse:
    """Render a page inside the console's frame, with the desks the reader may sit at."""
    roles = request.user.audiences  # type: ignore[union-attr]
    frame = {
        "desks": [one for one in DESKS if one.roles & roles],
        "desk": desk,
        "roles": [ROLE_NAMES[role] for role in sorted(roles)],
        "may": {role.value.replace("-", "_"): True for role in roles},
        "staff_names": SimpleLazyObject(_staff_names),
    }
    return render(request, template, {**frame, **values}, status=status)
