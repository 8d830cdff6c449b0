"""Django's entry for the app."""

from django.apps import AppConfig


class Config(AppConfig):
    """App metering."""

    name = "thapsang.domain.metering"
    label = "metering"
    default_auto_field = "django.db.models.BigAutoField"
