"""Staff logins of the demonstration: known passwords and fixed secrets, refused in production."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.utils import encrypt
from django.conf import settings

from thapsang.kit.db.transactions import transaction_required
from thapsang.kit.identity import second_factor, staff
from thapsang.kit.identity.access import Audience
from thapsang.kit.identity.models import User

PASSWORD = "Ngon-den-dem-2026"  # noqa: S105 - public on purpose, see above
SECRET = "KRUGC4CTMFXGOVDIMFYFGYLOM5KGQYLQ"  # noqa: S105 - public on purpose, see above


@dataclass(frozen=True)
class Login:
    """One demonstration login, to be printed."""

    username: str
    full_name: str
    role: str
    password: str
    secret: str
    code: str
    """The code its authenticator app would show now."""


PEOPLE = {
    Audience.BILLING: ("hoadon", "Trần Thị Bình"),
    Audience.CASHIER: ("thungan", "Lê Thị Thu"),
    Audience.CUSTOMER_SERVICE: ("chamsoc", "Nguyễn Văn Khang"),
    Audience.AUDITOR: ("kiemtra", "Phan Minh Soát"),
    Audience.ADMINISTRATOR: ("quantri", "Hồ Thị Quản"),
}


@transaction_required
def add_people(*, at: datetime) -> list[Login]:
    """Make sure that the demonstration logins exist and return them. Raises StaffError in production."""
    if settings.PRODUCTION:
        raise staff.StaffError("Demonstration logins have public passwords: they are refused in production.")
    return [_login(role, *names, at) for role, names in PEOPLE.items()]


def _login(role: Audience, username: str, full_name: str, at: datetime) -> Login:
    if not User.objects.filter(username=username).exists():
        staff.add(
            username=username, full_name=full_name, roles=[role], password=PASSWORD,
            actor="demo", reason="demonstration login", at=at,
        )  # fmt: skip
    user = User.objects.get(username=username)
    if not second_factor.is_enrolled(user):
        data = {"secret": encrypt(SECRET), "counter": 0}
        Authenticator.objects.create(user_id=user.pk, type=Authenticator.Type.TOTP, data=data)
        RecoveryCodes.activate(user)
    code = second_factor.code_at(secret=SECRET, at=at)
    return Login(username, full_name, role.value, PASSWORD, SECRET, code)
