"""Django's entry for the app."""

from django.apps import AppConfig


class Config(AppConfig):
    """App customers."""

    name = "thapsang.domain.customers"
    label = "customers"
    default_auto_field = "django.db.models.BigAutoField"
