"""What the twins have agreed with the merchant: addresses and secrets, from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_PUBLIC = "only-for-development-and-demonstration"


@dataclass(frozen=True)
class Setting:
    """Addresses without a slash at the end; `pause` and `late` in seconds."""

    merchant: str
    own: str
    terminal: str
    vnpay_secret: str
    sms_token: str
    tax_token: str
    bank_client: str
    bank_secret: str
    pause: float
    late: float

    @classmethod
    def of_environment(
        cls, environment: Mapping[str, str], *, merchant: str, own: str, pause: float, late: float
    ) -> Setting:
        """Read the same variables as the product does."""
        address = merchant or environment.get("THAPSANG_PUBLIC_URL", "http://127.0.0.1:8000")
        return cls(
            merchant=address.rstrip("/"),
            own=own,
            terminal=environment.get("THAPSANG_VNPAY_TERMINAL", "THAPSANG"),
            vnpay_secret=environment.get("THAPSANG_VNPAY_SECRET", _PUBLIC),
            sms_token=environment.get("THAPSANG_SMS_TOKEN", _PUBLIC),
            tax_token=environment.get("THAPSANG_TAX_TOKEN", _PUBLIC),
            bank_client=environment.get("THAPSANG_TWIN_CLIENT_ID", ""),
            bank_secret=environment.get("THAPSANG_TWIN_CLIENT_SECRET", ""),
            pause=pause,
            late=late,
        )

    @property
    def notify_url(self) -> str:
        """Where notifications of payments go: agreed once, not sent with each order."""
        return f"{self.merchant}/hooks/vnpay/ipn"

    @property
    def api_url(self) -> str:
        """The merchant's API."""
        return f"{self.merchant}/api/v1"
