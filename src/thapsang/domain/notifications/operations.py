"""Writes of notifications: send a short message, send and check a one-time code."""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils.crypto import salted_hmac

from thapsang.domain.notifications.models import Message, PhoneCode
from thapsang.domain.notifications.types import (
    CODE_DIGITS,
    CODE_LIFE,
    CODE_TRIES,
    PER_PHONE,
    PER_SENDER,
    Limit,
    SmsNotSentError,
    SmsSender,
    TooManyCodesError,
)
from thapsang.kit.db.transactions import transaction_required
from thapsang.kit.privacy import cipher

log = logging.getLogger(__name__)
_senders: dict[str, SmsSender] = {}


def use_sender(sender: SmsSender) -> None:
    """Plug in the sender of short messages; called by config at start."""
    _senders["sms"] = sender


@transaction_required
def send_sms(*, phone: str, template: str, text: str, at: datetime) -> int:
    """Send `text` to `phone` (E.164) once the transaction has committed; return the message's number.

    The row keeps the template's name and the encrypted address, never the text: it may hold a code.
    A message the provider refused is marked `failed` with its reason; nothing is raised to the caller.
    """
    message = Message.objects.create(
        channel="sms", template=template, address_cipher=cipher.encrypt(phone, purpose="phone"), created_at=at
    )
    transaction.on_commit(lambda: _dispatch(message.pk, phone, text))
    return message.pk


def _dispatch(message_id: int, phone: str, text: str) -> None:
    try:
        if "sms" not in _senders:
            raise SmsNotSentError("No sender of short messages is plugged in (config/ports.py).")
        outcome = {"status": "sent", "provider_reference": _senders["sms"].send(phone=phone, text=text)[:80]}
    except SmsNotSentError as error:
        log.warning("message %s was not sent: %s", message_id, error)
        outcome = {"status": "failed", "problem": str(error)}
    Message.objects.filter(pk=message_id).update(**outcome)


@transaction_required
def new_phone_code(*, purpose: str, phone: str, sender: str, known: bool, at: datetime) -> tuple[int, str]:
    """Make a one-time code for `phone`; return its number and the six digits to send.

    `sender` is the network address that asked. With `known` false the row counts towards the limits like any
    other, and no code will ever fit it. Raises TooManyCodesError.
    """
    phone_index = cipher.blind_index(phone, purpose="phone")
    sender_index = cipher.blind_index(sender, purpose="network-address")
    _lock(phone_index, sender_index)
    _hold_limits("phone_index", phone_index, PER_PHONE, at)
    _hold_limits("sender_index", sender_index, PER_SENDER, at)
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
    PhoneCode.objects.filter(phone_index=phone_index, purpose=purpose, used_at=None).update(expires_at=at)
    row = PhoneCode.objects.create(
        purpose=purpose, phone_cipher=cipher.encrypt(phone, purpose="phone"), phone_index=phone_index,
        sender_index=sender_index, created_at=at, expires_at=at + CODE_LIFE,
    )  # fmt: skip
    if known:
        PhoneCode.objects.filter(pk=row.pk).update(code_hash=_hash(row.pk, code))
    return row.pk, code


def _lock(*keys: bytes) -> None:
    """Hold the keys until the transaction ends, in one order: two requests cannot both pass a limit."""
    numbers = sorted(int.from_bytes(key[:8], "big", signed=True) for key in keys)
    with connection.cursor() as cursor:
        for number in numbers:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])


def _hold_limits(field: str, value: bytes, limits: Iterable[Limit], at: datetime) -> None:
    for limit in limits:
        since = at - limit.window
        times = PhoneCode.objects.filter(**{field: value, "created_at__gt": since})
        recent = list(times.order_by("-created_at").values_list("created_at", flat=True)[: limit.count])
        if len(recent) >= limit.count:
            raise TooManyCodesError(max(recent[-1] + limit.window - at, timedelta(seconds=1)))


def _hash(code_id: int, code: str) -> bytes:
    return salted_hmac(f"phone-code:{code_id}", code, algorithm="sha256").digest()


@transaction_required
def check_phone_code(*, code_id: int, purpose: str, code: str, at: datetime) -> str | None:
    """Return the phone (E.164) if `code` fits, once; None when it is wrong, expired or tried too often.

    Every call counts as a try, before it is known whether the code fits.
    """
    live = PhoneCode.objects.select_for_update().filter(
        pk=code_id, purpose=purpose, used_at=None, expires_at__gt=at, tries__lt=CODE_TRIES
    )
    row = live.first()
    if row is None:
        return None
    row.tries += 1
    fits = hmac.compare_digest(bytes(row.code_hash or b""), _hash(row.pk, code))
    row.used_at = at if fits else None
    row.save(update_fields=["tries", "used_at"])
    return cipher.decrypt(bytes(row.phone_cipher), purpose="phone") if fits else None


@transaction_required
def forget_old_codes(*, before: datetime) -> int:
    """Delete codes asked for before `before`; return how many."""
    return PhoneCode.objects.filter(created_at__lt=before).delete()[0]
