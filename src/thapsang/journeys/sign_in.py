"""A customer signs in: a one-time code goes to the phone, and comes back (docs/adr/0011).

What the asker sees does not depend on whether the phone is a customer's: the same page, the same time, one
message in either case. Only the holder of the phone learns which.
"""

from __future__ import annotations

from datetime import datetime

from thapsang.domain.customers import operations as register
from thapsang.domain.customers import queries as customers
from thapsang.domain.notifications import operations as notifications
from thapsang.domain.notifications.queries import sms_text
from thapsang.domain.notifications.types import CODE_LIFE
from thapsang.kit.db.transactions import transaction
from thapsang.kit.identity.models import User
from thapsang.kit.identity.people import customer_user

PURPOSE = "sign-in"


def ask_code(*, phone: str, sender: str, language: str, names: dict[str, str], at: datetime) -> int:
    """Send a code to `phone` (E.164); return the number under which `confirm_code` checks it.

    `sender` is the asker's network address; `names` fills the text (distributor, hotline).
    Raises TooManyCodesError.
    """
    with transaction():
        known = bool(customers.customers_by_phone(phone=phone))
        code_id, code = notifications.new_phone_code(
            purpose=PURPOSE, phone=phone, sender=sender, known=known, at=at
        )
        template = "sign-in-code" if known else "sign-in-unknown"
        minutes = str(int(CODE_LIFE.total_seconds()) // 60)
        text = sms_text(template=template, language=language, code=code, minutes=minutes, **names)
        notifications.send_sms(phone=phone, template=template, text=text, at=at, expires_at=at + CODE_LIFE)
    return code_id


def confirm_code(*, code_id: int, code: str, at: datetime) -> User | None:
    """Return the user when the code fits; None otherwise (wrong, expired, used, tried too often).

    Who read the code holds the phone: it is verified from now on as the contact point it was given as.
    """
    with transaction():
        phone = notifications.check_phone_code(code_id=code_id, purpose=PURPOSE, code=code, at=at)
        if phone is None:
            return None
        register.verify_phone(phone=phone, at=at)
        return customer_user(phone=phone)
