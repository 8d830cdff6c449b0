"""One-time codes that prove who reads an e-mail address; how often one may be asked for is the journey's to count."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime

from django.utils.crypto import salted_hmac

from thapsang.domain.notifications.models import EmailCode
from thapsang.domain.notifications.queries.codes import asker_hash
from thapsang.domain.notifications.types import CODE_DIGITS, CODE_TRIES, EMAIL_CODE_LIFE
from thapsang.kit.db.transactions import transaction_required
from thapsang.kit.privacy import cipher


@transaction_required
def new_email_code(*, address: str, asker: str, language: str, at: datetime) -> tuple[int, str]:
    """Make a one-time code for an address; return its number and the six digits to send.

    Only `asker` (whoever is signed in) can use it; the ones they asked for before end.
    """
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
    EmailCode.objects.filter(asker_hash=asker_hash(asker), used_at=None, expires_at__gt=at).update(
        expires_at=at
    )
    row = EmailCode.objects.create(
        email_cipher=cipher.encrypt(address, purpose="email"), asker_hash=asker_hash(asker), language=language,
        created_at=at, expires_at=at + EMAIL_CODE_LIFE,
    )  # fmt: skip
    EmailCode.objects.filter(pk=row.pk).update(code_hash=_hash(row.pk, code))
    return row.pk, code


@transaction_required
def check_email_code(*, code_id: int, asker: str, code: str, at: datetime) -> tuple[str, str] | None:
    """Return address and language if `code` fits, once; None when it is wrong, expired, another's, tried too often.

    Every call counts as a try, before it is known whether the code fits.
    """
    row = EmailCode.objects.select_for_update().filter(
        pk=code_id, asker_hash=asker_hash(asker), used_at=None, expires_at__gt=at, tries__lt=CODE_TRIES
    ).first()  # fmt: skip
    if row is None:
        return None
    row.tries += 1
    fits = hmac.compare_digest(bytes(row.code_hash or b""), _hash(row.pk, code))
    row.used_at = at if fits else None
    row.save(update_fields=["tries", "used_at"])
    return (cipher.decrypt(bytes(row.email_cipher), purpose="email"), row.language) if fits else None


def _hash(code_id: int, code: str) -> bytes:
    return salted_hmac(f"email-code:{code_id}", code, algorithm="sha256").digest()
