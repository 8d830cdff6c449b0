"""Django's entry for the app."""

from django.apps import AppConfig


class Config(AppConfig):
    """App files."""

    name = "thapsang.kit.files"
    label = "files"
    default_auto_field = "django.db.models.BigAutoField"
