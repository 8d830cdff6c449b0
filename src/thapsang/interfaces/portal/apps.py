"""Django's entry for the interface, so that its templates and static files are found."""

from django.apps import AppConfig


class Config(AppConfig):
    """Interface portal."""

    name = "thapsang.interfaces.portal"
    label = "interface_portal"
