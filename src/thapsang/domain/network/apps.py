"""Django's entry for the app."""

from django.apps import AppConfig


class Config(AppConfig):
    """App network."""

    name = "thapsang.domain.network"
    label = "network"
    default_auto_field = "django.db.models.BigAutoField"
