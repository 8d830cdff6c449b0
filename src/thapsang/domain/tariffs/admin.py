"""The tariff data bills were rated with: to be read, never changed."""

from __future__ import annotations

from django.contrib import admin

from thapsang.domain.tariffs.models import PolicyVersion
from thapsang.kit.audit.admin import ReadOnlyAdmin


@admin.register(PolicyVersion)
class PolicyVersionAdmin(ReadOnlyAdmin):
    """Versions of the policy files, by hash."""

    list_display = ("sha256", "distributor", "first_used_at")
    list_filter = ("distributor",)
