"""Django's entry for the app."""

from django.apps import AppConfig


class Config(AppConfig):
    """App audit."""

    name = "thapsang.kit.audit"
    label = "audit"
    default_auto_field = "django.db.models.BigAutoField"
