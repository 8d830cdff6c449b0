"""Django's entry for the app."""

from django.apps import AppConfig


class Config(AppConfig):
    """App events."""

    name = "thapsang.kit.events"
    label = "events"
    default_auto_field = "django.db.models.BigAutoField"
