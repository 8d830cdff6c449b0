"""Django's entry for the app."""

from django.apps import AppConfig


class Config(AppConfig):
    """App identity."""

    name = "thapsang.kit.identity"
    label = "identity"
    default_auto_field = "django.db.models.BigAutoField"
