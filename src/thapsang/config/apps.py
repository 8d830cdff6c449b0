"""Django's entry for the configuration."""

from django.apps import AppConfig


class Config(AppConfig):
    """The configuration as an app without tables."""

    name = "thapsang.config"
    label = "config"
