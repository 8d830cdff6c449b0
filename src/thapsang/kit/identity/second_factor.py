"""The second factor of staff: time-based codes and recovery codes.

allauth keeps the authenticators and does the arithmetic (RFC 6238); here their secrets are encrypted, a
code is taken once and never again on whichever process, and one step of clock drift is let through.
"""

from __future__ import annotations

import base64
import hmac
from datetime import datetime
from urllib.parse import quote

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import format_hotp_value, generate_totp_secret, hotp_value
from allauth.mfa.utils import decrypt, encrypt
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser

from thapsang.kit.db.transactions import transaction_required
from thapsang.kit.privacy import cipher

PURPOSE = "second-factor"
STEP = 30
"""Seconds a code lives: what every authenticator app counts by."""
DRIFT = 1
"""Steps a clock may be off, either way."""


class Adapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Keeps authenticators' secrets encrypted at rest."""

    def encrypt(self, text: str) -> str:
        """Encrypt a secret for the database."""
        return base64.b64encode(cipher.encrypt(text, purpose=PURPOSE)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Read a secret from the database."""
        return cipher.decrypt(base64.b64decode(encrypted_text), purpose=PURPOSE)


def new_secret() -> str:
    """Return a fresh secret of 160 bits, base32."""
    return str(generate_totp_secret())


def address(*, username: str, secret: str) -> str:
    """Return the `otpauth://` address that an authenticator app reads from the QR code."""
    issuer = quote(settings.TOTP_ISSUER)
    return f"otpauth://totp/{issuer}:{quote(username)}?secret={secret}&issuer={issuer}&period={STEP}&digits=6"


def code_at(*, secret: str, at: datetime) -> str:
    """Return the code a secret gives at a moment."""
    return str(format_hotp_value(hotp_value(secret, int(at.timestamp()) // STEP)))


def is_enrolled(user: AbstractBaseUser) -> bool:
    """Tell whether the user has an authenticator app."""
    return bool(Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.TOTP).exists())


@transaction_required
def enrol(*, user: AbstractBaseUser, secret: str, code: str, at: datetime) -> list[str] | None:
    """Take a secret for the user's own once a code proves that the app has it.

    Returns the recovery codes, to be shown this once; None when the code is wrong.
    """
    counter = _counter_of(secret, code, at)
    if counter is None:
        return None
    remove(user=user)
    data = {"secret": encrypt(secret), "counter": counter}
    Authenticator.objects.create(user_id=user.pk, type=Authenticator.Type.TOTP, data=data)
    return list(RecoveryCodes.activate(user).get_unused_codes())


@transaction_required
def check(*, user: AbstractBaseUser, code: str, at: datetime) -> str | None:
    """Say which factor a code proves, "totp" or "recovery", and use it up; None when it proves none."""
    code = "".join(code.split())
    held = {row.type: row for row in Authenticator.objects.select_for_update().filter(user_id=user.pk)}
    if (app := held.get(Authenticator.Type.TOTP)) and _take(app, code, at):
        return "totp"
    spare = held.get(Authenticator.Type.RECOVERY_CODES)
    if spare and app and RecoveryCodes(spare).validate_code(code):
        return "recovery"
    return None


@transaction_required
def remove(*, user: AbstractBaseUser) -> None:
    """Take away the user's authenticator and recovery codes: the next sign-in enrols anew."""
    Authenticator.objects.filter(user_id=user.pk).delete()


def _take(app: Authenticator, code: str, at: datetime) -> bool:
    counter = _counter_of(decrypt(app.data["secret"]), code, at)
    if counter is None or counter <= app.data.get("counter", 0):
        return False
    app.data["counter"] = counter
    app.last_used_at = at
    app.save(update_fields=["data", "last_used_at"])
    return True


def _counter_of(secret: str, code: str, at: datetime) -> int | None:
    now = int(at.timestamp()) // STEP
    for counter in range(now - DRIFT, now + DRIFT + 1):
        if hmac.compare_digest(format_hotp_value(hotp_value(secret, counter)).encode(), code.encode()):
            return counter
    return None
