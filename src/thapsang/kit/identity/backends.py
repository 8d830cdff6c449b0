"""Who a session belongs to, and what staff may do in the reference-data desk (Django's admin)."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend

from thapsang.kit.db.questions import Question, Rows, answer
from thapsang.kit.identity.access import Audience
from thapsang.kit.identity.models import User

_FIELDS = User._meta.concrete_fields
_COLUMNS = [field.attname for field in _FIELDS]
_NAMES = ", ".join(f'"{field.column}"' for field in _FIELDS)
_READ = f"SELECT {_NAMES} FROM identity_user WHERE id = %(id)s AND is_active"  # noqa: S608 - our own columns


class CustomerBackend(BaseBackend):
    """Customers' sessions: the user is read by a prepared statement, once a page. Nobody signs in by it alone."""

    def get_user(self, user_id: int) -> User | None:
        """Return the user with this number, or None for one who is locked out."""
        return answer(Question(_READ, {"id": int(user_id)}, _user))


def _user(rows: Rows) -> User | None:
    return User.from_db("default", _COLUMNS, list(rows[0])) if rows else None


class RoleBackend(BaseBackend):
    """Permissions by role instead of by row; a page that must not change data says so itself."""

    def has_perm(self, user_obj: Any, perm: str, obj: object = None) -> bool:
        """Administrators have every permission; others none here."""
        return bool(user_obj.is_active and user_obj.is_staff and Audience.ADMINISTRATOR in user_obj.audiences)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        """Administrators see every app that has pages."""
        return self.has_perm(user_obj, app_label)
