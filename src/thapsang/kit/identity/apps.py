"""Django's entry for the app."""

from django.apps import AppConfig


class Config(AppConfig):
    """App identity."""

    name = "thapsang.kit.identity"
    label = "identity"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell key rotation that the secrets of second factors stand in another project's table."""
        from thapsang.kit.identity.second_factor import PURPOSE
        from thapsang.kit.privacy.registry import ELSEWHERE, EncryptedColumn

        column = EncryptedColumn("mfa_authenticator", "data", "id", PURPOSE, json_key="secret")
        if column not in ELSEWHERE:
            ELSEWHERE.append(column)
