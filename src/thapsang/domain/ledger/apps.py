"""Django's entry for the app."""

from django.apps import AppConfig


class Config(AppConfig):
    """App ledger."""

    name = "thapsang.domain.ledger"
    label = "ledger"
    default_auto_field = "django.db.models.BigAutoField"
