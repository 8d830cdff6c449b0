"""Django's entry for the configuration: when all apps are ready, the adapters are plugged in."""

from django.apps import AppConfig


class Config(AppConfig):
    """The configuration as an app without tables."""

    name = "thapsang.config"
    label = "config"

    def ready(self) -> None:
        """Plug the adapters into the domain's ports."""
        from thapsang.config import ports

        ports.plug()
