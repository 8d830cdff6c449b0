"""Staff: added, given roles, locked out, let in again; each change in the audit log."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password

from thapsang.kit.audit.operations import Person, record
from thapsang.kit.db.transactions import transaction_required
from thapsang.kit.identity import second_factor
from thapsang.kit.identity.access import STAFF, Audience
from thapsang.kit.identity.models import User


class Change(TypedDict):
    """Whose record changes, by whom, why, when and in which request."""

    username: str
    actor: Person
    reason: str
    at: datetime
    request_id: str


class StaffError(ValueError):
    """The change was refused; the message names the person and says what to do."""


@dataclass(frozen=True)
class StaffView:
    """One member of staff, as listed."""

    id: int
    username: str
    full_name: str
    roles: list[str]
    active: bool
    second_factor: bool
    last_login: datetime | None


def members() -> list[StaffView]:
    """Return all staff by name, those locked out included."""
    users = User.objects.filter(is_staff=True).order_by("username").prefetch_related("groups")
    enrolled = set(
        Authenticator.objects.filter(type=Authenticator.Type.TOTP).values_list("user_id", flat=True)
    )
    return [
        StaffView(
            id=user.pk, username=user.username, full_name=user.get_full_name(), roles=_names(user),
            active=user.is_active, second_factor=user.pk in enrolled, last_login=user.last_login,
        )
        for user in users
    ]  # fmt: skip


def member(*, username: str) -> User | None:
    """Return a member of staff who is not locked out, for signing in."""
    return User.objects.filter(username=username, is_staff=True, is_active=True).first()


def names(*, ids: Iterable[int]) -> dict[int, str]:
    """Return what to call each of these users on a page."""
    users = User.objects.filter(pk__in=set(ids), is_staff=True)
    return {user.pk: user.get_full_name() or user.username for user in users}


@transaction_required
def add(
    *,
    username: str,
    full_name: str,
    roles: Collection[Audience],
    actor: Person | str,
    reason: str,
    at: datetime,
    request_id: str = "",
    password: str | None = None,
) -> str:
    """Add a member of staff and return the first password (made here when none is given).

    The first sign-in asks for an authenticator app. Raises StaffError for a name that is taken or a
    role that does not exist, ValidationError for a weak password.
    """
    username = User.normalize_username(username.strip())
    if User.objects.filter(username__iexact=username).exists():
        raise StaffError(f"The name {username} is taken: choose another one.")
    wanted = _checked(roles)
    password = password or new_password()
    user = User(username=username, last_name=full_name, is_staff=True)
    validate_password(password, user)
    user.password = make_password(password)
    user.full_clean(exclude=["password"])
    user.save()
    user.groups.set(_groups(wanted))
    record(
        actor=actor, action="staff.added", subject=f"staff:{username}", before=None,
        after={"full_name": full_name, "roles": sorted(wanted)}, reason=reason, at=at, request_id=request_id,
    )  # fmt: skip
    return password


@transaction_required
def set_roles(
    *,
    username: str,
    roles: Collection[Audience],
    actor: Person | str,
    reason: str,
    at: datetime,
    request_id: str = "",
) -> None:
    """Give a member of staff these roles and no others. Raises StaffError."""
    user, wanted = _locked(username), _checked(roles)
    before = _names(user)
    _keep_an_administrator(user, stays=Audience.ADMINISTRATOR in wanted)
    user.groups.set(_groups(wanted))
    record(
        actor=actor, action="staff.roles-set", subject=f"staff:{user.username}", before={"roles": before},
        after={"roles": sorted(wanted)}, reason=reason, at=at, request_id=request_id,
    )  # fmt: skip


@transaction_required
def set_active(
    *, username: str, active: bool, actor: Person | str, reason: str, at: datetime, request_id: str = ""
) -> None:
    """Lock a member of staff out (every open session ends with the next click), or let them in again."""
    user = _locked(username)
    _keep_an_administrator(user, stays=active)
    before, user.is_active = user.is_active, active
    user.save(update_fields=["is_active"])
    action = "staff.let-in" if active else "staff.locked-out"
    record(
        actor=actor, action=action, subject=f"staff:{user.username}",
        before={"active": before}, after={"active": active}, reason=reason, at=at, request_id=request_id,
    )  # fmt: skip


@transaction_required
def reset(*, username: str, actor: Person | str, reason: str, at: datetime, request_id: str = "") -> str:
    """Give a new password and forget the second factor: open sessions end, the next sign-in enrols anew.

    Returns the password.
    """
    user, password = _locked(username), new_password()
    user.set_password(password)
    user.save(update_fields=["password"])
    second_factor.remove(user=user)
    record(
        actor=actor, action="staff.reset", subject=f"staff:{user.username}", before=None,
        after={"password": "new", "second_factor": "to be enrolled"}, reason=reason, at=at,
        request_id=request_id,
    )  # fmt: skip
    return password


@transaction_required
def change_password(
    *, user_id: int, password: str, actor: Person | str, at: datetime, request_id: str = ""
) -> User:
    """Set a password its owner chose; other sessions end. Raises ValidationError for a weak one."""
    user = User.objects.select_for_update().get(pk=user_id, is_staff=True)
    validate_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    record(
        actor=actor, action="staff.password-changed", subject=f"staff:{user.username}", before=None,
        after={"password": "new"}, reason="", at=at, request_id=request_id,
    )  # fmt: skip
    return user


def new_password() -> str:
    """Return a random password that can be read out: five groups of four letters, 97 bits."""
    letters = "abcdefghijkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(5))


def _locked(username: str) -> User:
    user = User.objects.select_for_update().filter(username__iexact=username, is_staff=True).first()
    if user is None:
        raise StaffError(
            f"No member of staff is called {username}: `thapsang staff list` shows who there is."
        )
    return user


def _checked(roles: Collection[Audience]) -> frozenset[Audience]:
    if not roles or not set(roles) <= STAFF:
        raise StaffError(f"Give one or more of the roles {', '.join(sorted(STAFF))}.")
    return frozenset(roles)


def _groups(roles: Iterable[Audience]) -> list[Group]:
    return [Group.objects.get_or_create(name=role.value)[0] for role in roles]


def _names(user: User) -> list[str]:
    return sorted(group.name for group in user.groups.all())


def _keep_an_administrator(user: User, *, stays: bool) -> None:
    others = User.objects.filter(is_staff=True, is_active=True, groups__name=Audience.ADMINISTRATOR)
    if not stays and Audience.ADMINISTRATOR in _names(user) and not others.exclude(pk=user.pk).exists():
        raise StaffError(f"{user.username} is the last administrator: make another one first.")
