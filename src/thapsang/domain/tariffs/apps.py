"""Django's entry for the app."""

from django.apps import AppConfig


class Config(AppConfig):
    """App tariffs."""

    name = "thapsang.domain.tariffs"
    label = "tariffs"
    default_auto_field = "django.db.models.BigAutoField"
