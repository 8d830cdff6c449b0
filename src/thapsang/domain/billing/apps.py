"""Django's entry for the app."""

from django.apps import AppConfig


class Config(AppConfig):
    """App billing."""

    name = "thapsang.domain.billing"
    label = "billing"
    default_auto_field = "django.db.models.BigAutoField"
