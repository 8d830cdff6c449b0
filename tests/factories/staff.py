"""Staff and customers who are signed in, for tests of pages."""

from __future__ import annotations

from datetime import UTC, datetime

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import encrypt
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from django.utils import timezone

from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity import second_factor, staff, staff_sessions
from thapsang.kit.identity.access import Audience
from thapsang.kit.identity.models import User

PASSWORD = "mot mat khau du dai 2026"
SECRET = "KRUGC4CTMFXGOVDIMFYFGYLOM5KGQYLQ"


def make_staff(*roles: Audience, username: str = "", enrolled: bool = True) -> User:
    """Make a member of staff with these roles, with an authenticator app unless told otherwise."""
    username = username or "-".join(role.value for role in roles)
    with transaction():
        staff.add(
            username=username, full_name=f"Nguyễn {username}", roles=roles, password=PASSWORD,
            actor="test", reason="test", at=timezone.now(),
        )  # fmt: skip
    user = User.objects.get(username=username)
    if enrolled:
        data = {"secret": encrypt(SECRET), "counter": 0}
        Authenticator.objects.create(user_id=user.pk, type=Authenticator.Type.TOTP, data=data)
    return user


def code_now(moment: datetime | None = None) -> str:
    """Return the code the app of `make_staff`'s people shows."""
    return second_factor.code_at(secret=SECRET, at=moment or datetime.now(UTC))


def signed_in(user: User | None, *, proved: bool = True, client: Client | None = None) -> Client:
    """Return a browser with a fresh session of this user; `proved` by both factors, for staff."""
    client = client or Client()
    if user is None:
        client.cookies.clear()
        return client
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    if user.is_staff and proved:
        staff_sessions.begin(session=session, at=timezone.now())
    session.save()
    client.cookies["sessionid"] = session.session_key or ""
    return client
