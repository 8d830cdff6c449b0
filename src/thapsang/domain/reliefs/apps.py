"""Django's entry for the app."""

from django.apps import AppConfig


class Config(AppConfig):
    """App reliefs."""

    name = "thapsang.domain.reliefs"
    label = "reliefs"
    default_auto_field = "django.db.models.BigAutoField"
