"""Whom a one-time code was sent to."""

from __future__ import annotations

from django.utils.crypto import salted_hmac

from thapsang.domain.notifications.models import EmailCode
from thapsang.kit.privacy import cipher


def asker_hash(asker: str) -> bytes:
    """Return the keyed hash under which it is kept who asked for a code."""
    return salted_hmac("email-code-asker", asker, algorithm="sha256").digest()


def email_asked(*, code_id: int, asker: str) -> str | None:
    """Return the address a code was sent to, to whoever asked for it; None to anybody else, and once it was used."""
    row = EmailCode.objects.filter(pk=code_id, asker_hash=asker_hash(asker), used_at=None).first()
    return cipher.decrypt(bytes(row.email_cipher), purpose="email") if row else None
