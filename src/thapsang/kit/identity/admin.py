"""Machine clients in the reference-data desk; people are at the staff desk, their secrets nowhere."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpRequest

from thapsang.kit.audit.admin import AuditedAdmin
from thapsang.kit.identity.models import ApiClient

for _model in (Group, EmailAddress, Authenticator):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


@admin.register(ApiClient)
class ApiClientAdmin(AuditedAdmin):
    """Banks, wallets and head-ends: scopes, rate, on or off. Secrets come from the command line."""

    list_display = ("client_id", "name", "scopes", "requests_per_minute", "is_active")
    list_filter = ("is_active",)
    search_fields = ("client_id", "name")
    fields = ("client_id", "name", "scopes", "requests_per_minute", "is_active", "reason")
    readonly_fields = ("client_id",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: a client's secret is shown once, where it is made."""
        return False
