"""Links to the sandbox twins, shown while the short messages and the account are not real."""

from __future__ import annotations

from urllib.parse import quote

from django.conf import settings


def inbox_url() -> str:
    """Return where a demonstration's short messages can be read; empty with a real provider."""
    twins = not settings.PRODUCTION and settings.SMS["url"].startswith(settings.TWIN_URL)
    return f"{settings.TWIN_URL}/sms/inbox" if twins else ""


def bank_url(payload: str) -> str:
    """Return where the sandbox bank pays a VietQR code; empty in production."""
    return "" if settings.PRODUCTION else f"{settings.TWIN_URL}/vietqr?payload={quote(payload)}"
