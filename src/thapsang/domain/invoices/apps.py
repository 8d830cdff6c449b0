"""Django's entry for the app."""

from django.apps import AppConfig


class Config(AppConfig):
    """App invoices."""

    name = "thapsang.domain.invoices"
    label = "invoices"
    default_auto_field = "django.db.models.BigAutoField"
