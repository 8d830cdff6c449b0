"""Pages of the reference-data desk (Django's admin): each change asks for its reason and is in the log."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import models
from django.forms.models import model_to_dict
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextInputWidget

from thapsang.kit.audit.operations import record


class ReasonForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form that asks why."""

    reason = forms.CharField(
        label=_("Lý do"), min_length=3, max_length=300, help_text=_("Nằm trong nhật ký cùng thay đổi này."),
        widget=UnfoldAdminTextInputWidget,
    )  # fmt: skip


class AuditedAdmin(ModelAdmin):  # type: ignore[misc]
    """A page that adds and changes, never deletes, and writes each change into the audit log."""

    form = ReasonForm

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Refuse: reference data is referred to."""
        return False

    def save_model(self, request: HttpRequest, obj: models.Model, form: Any, change: bool) -> None:
        """Save and record what changed. The admin's own transaction holds both."""
        old = type(obj)._default_manager.filter(pk=obj.pk).first() if change else None
        before = _plain(old) if old else None
        super().save_model(request, obj, form, change)
        after = _plain(obj)
        if before:
            after = {name: value for name, value in after.items() if before.get(name) != value}
            before = {name: before.get(name) for name in after}
        record(
            actor=request.user, action=f"{obj._meta.label_lower}-{'changed' if change else 'added'}",
            subject=f"{obj._meta.model_name}:{obj.pk}", before=before, after=after,
            reason=form.cleaned_data["reason"], at=timezone.now(),
        )  # fmt: skip


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]
    """A page that shows and never changes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Refuse."""
        return False


def _plain(obj: models.Model) -> dict[str, Any]:
    return {
        name: value if isinstance(value, int | str | list | None) else str(value)
        for name, value in model_to_dict(obj).items()
        if not name.endswith(("_hash", "_cipher"))
    }
