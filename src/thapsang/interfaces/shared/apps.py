"""Django's entry for the interface, so that its templates and static files are found."""

from django.apps import AppConfig


class Config(AppConfig):
    """Interface shared."""

    name = "thapsang.interfaces.shared"
    label = "interface_shared"
