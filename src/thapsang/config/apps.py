"""Django's entry for the configuration."""

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class Config(AppConfig):
    """The configuration as an app without tables."""

    name = "thapsang.config"
    label = "config"

    def ready(self) -> None:
        """Refuse to start in production with keys that can encrypt nothing, before the first customer finds out."""
        if settings.PRODUCTION:
            from thapsang.kit.privacy.cipher import DataKeyError, check_keys

            try:
                check_keys()
            except DataKeyError as error:
                raise ImproperlyConfigured(str(error)) from None
