"""Django's entry for the app."""

from django.apps import AppConfig


class Config(AppConfig):
    """App payments."""

    name = "thapsang.domain.payments"
    label = "payments"
    default_auto_field = "django.db.models.BigAutoField"
