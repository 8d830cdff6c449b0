"""Django's entry for the app."""

from django.apps import AppConfig


class Config(AppConfig):
    """App notifications."""

    name = "thapsang.domain.notifications"
    label = "notifications"
    default_auto_field = "django.db.models.BigAutoField"
