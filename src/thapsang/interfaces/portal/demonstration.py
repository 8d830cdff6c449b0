"""Links to the sandbox twins, shown while the short messages and the account are not real."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from django.conf import settings


def inbox_url() -> str:
    """Return where a demonstration's short messages can be read; empty with a real provider."""
    twins = not settings.PRODUCTION and settings.SMS["url"].startswith(settings.TWIN_URL)
    return f"{settings.TWIN_URL}/sms/inbox" if twins else ""


def mailbox_url() -> str:
    """Return where a demonstration's e-mails can be read; empty with a mail server of one's own."""
    host, port = settings.EMAIL["host"], settings.EMAIL["port"]
    twin = urlsplit(settings.TWIN_URL)
    own = host in {"127.0.0.1", twin.hostname} and port == (twin.port or 8001) + 1_000
    return f"{settings.TWIN_URL}/mail/inbox" if own and not settings.PRODUCTION else ""


def bank_url(payload: str) -> str:
    """Return where the sandbox bank pays a VietQR code; empty in production."""
    return "" if settings.PRODUCTION else f"{settings.TWIN_URL}/vietqr?payload={quote(payload)}"
