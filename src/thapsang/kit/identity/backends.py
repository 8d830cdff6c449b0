"""What staff may do in the reference-data desk (Django's admin): administrators what its pages offer."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend

from thapsang.kit.identity.access import Audience


class RoleBackend(BaseBackend):
    """Permissions by role instead of by row; a page that must not change data says so itself."""

    def has_perm(self, user_obj: Any, perm: str, obj: object = None) -> bool:
        """Administrators have every permission; others none here."""
        return bool(user_obj.is_active and user_obj.is_staff and Audience.ADMINISTRATOR in user_obj.audiences)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        """Administrators see every app that has pages."""
        return self.has_perm(user_obj, app_label)
