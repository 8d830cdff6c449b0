"""Writes of notifications: the outboxes of short messages and e-mails; one-time codes, made, sent and checked."""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils.crypto import salted_hmac
from django.utils.module_loading import import_string

from thapsang.domain.notifications.models import EmailCode, Message, PhoneCode
from thapsang.domain.notifications.operations.email_codes import check_email_code, new_email_code
from thapsang.domain.notifications.operations.emails import (
    claim_emails,
    deliver_email,
    note_bounce,
    queue_emails,
    send_email,
    use_email_sender,
)
from thapsang.domain.notifications.types import (
    CODE_DIGITS,
    CODE_LIFE,
    CODE_TRIES,
    PER_PHONE,
    PER_SENDER,
    RETRY_AFTER,
    SEND_TRIES,
    Limit,
    NewSms,
    SmsNotSentError,
    SmsSender,
    SmsUnreachableError,
    TooManyCodesError,
    WaitingSms,
    pause_after,
)
from thapsang.kit.db.transactions import transaction_required
from thapsang.kit.privacy import cipher

__all__ = [
    "check_email_code",
    "check_phone_code",
    "claim_emails",
    "claim_sms",
    "deliver_email",
    "deliver_sms",
    "forget_old_codes",
    "new_email_code",
    "new_phone_code",
    "note_bounce",
    "queue_emails",
    "queue_sms",
    "send_email",
    "send_sms",
    "use_email_sender",
    "use_sender",
]
log = logging.getLogger(__name__)
_senders: dict[str, SmsSender] = {}


def use_sender(sender: SmsSender) -> None:
    """Send short messages by this sender from now on in this process, whatever the settings name."""
    _senders["sms"] = sender


@transaction_required
def send_sms(
    *, phone: str, template: str, text: str, at: datetime, expires_at: datetime | None = None
) -> int:
    """Send `text` to `phone` (E.164) as soon as the transaction has committed; return the message's number.

    For messages somebody waits for. When the provider does not answer, or the process ends before it did, the
    worker tries again (`claim_sms`) until `expires_at`. Nothing is raised to the caller.
    """
    message = _row(NewSms(phone, template, text, ""), at, tries=1, due_at=at + RETRY_AFTER)
    message.expires_at = expires_at
    message.save()
    waiting = WaitingSms(message.pk, phone, text, tries=1, expires_at=expires_at)
    transaction.on_commit(lambda: deliver_sms(waiting, at=at))
    return message.pk


@transaction_required
def queue_sms(*, messages: Iterable[NewSms], at: datetime) -> None:
    """Leave messages to the worker, set-based; those about something told before are passed over."""
    rows = [_row(message, at, tries=0, due_at=at) for message in messages]
    Message.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1_000)


def _row(new: NewSms, at: datetime, *, tries: int, due_at: datetime) -> Message:
    return Message(
        channel="sms", template=new.template, address_cipher=cipher.encrypt(new.phone, purpose="phone"),
        text_cipher=cipher.encrypt(new.text, purpose="message"), about=new.about or None, created_at=at,
        tries=tries, due_at=due_at,
    )  # fmt: skip


_CLAIM = """
UPDATE notifications_message SET tries = tries + 1, due_at = %(until)s WHERE id = (
    SELECT id FROM notifications_message WHERE status = 'queued' AND channel = 'sms' AND due_at <= %(at)s
    ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING id, address_cipher, text_cipher, tries, expires_at
"""


@transaction_required
def claim_sms(*, at: datetime) -> WaitingSms | None:
    """Take the message that has been due for longest; None when none is.

    It is in the caller's hands for `RETRY_AFTER`: who dies with it leaves it to the next. Deliver it with
    `deliver_sms` once the transaction has committed.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"at": at, "until": at + RETRY_AFTER})
        row = cursor.fetchone()
    if row is None:
        return None
    number, address, text, tries, expires_at = row
    phone = cipher.decrypt(address, purpose="phone")
    return WaitingSms(number, phone, cipher.decrypt(text, purpose="message"), tries, expires_at)


def deliver_sms(waiting: WaitingSms, *, at: datetime) -> str:
    """Hand a message to the provider, outside any transaction; return its status then.

    `sent`; `failed` (refused, out of tries, or of no use any more), with the reason kept; `queued` for another
    try after a growing pause. The text is forgotten as soon as it is not needed.
    """
    if waiting.expires_at and waiting.expires_at <= at:
        return _settle(waiting, status="failed", problem="Its time was over before it could be sent.")
    if waiting.tries > SEND_TRIES:
        return _settle(waiting, status="failed", problem="The last try was interrupted.")
    try:
        if "sms" not in _senders:
            use_sender(import_string(settings.PORTS["sms"])())
        reference = _senders["sms"].send(phone=waiting.phone, text=waiting.text)
    except SmsNotSentError as error:
        return _not_sent(waiting, error, at)
    return _settle(waiting, status="sent", provider_reference=reference[:80], problem="")


def _not_sent(waiting: WaitingSms, error: SmsNotSentError, at: datetime) -> str:
    log.warning("message %s was not sent (try %s): %s", waiting.id, waiting.tries, error)
    if not isinstance(error, SmsUnreachableError) or waiting.tries >= SEND_TRIES:
        return _settle(waiting, status="failed", problem=str(error))
    due_at = at + pause_after(waiting.tries)
    Message.objects.filter(pk=waiting.id, status="queued").update(due_at=due_at, problem=str(error))
    return "queued"


def _settle(waiting: WaitingSms, *, status: str, **outcome: str) -> str:
    Message.objects.filter(pk=waiting.id).exclude(status="sent").update(
        status=status, text_cipher=None, due_at=None, **outcome
    )
    return status


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
    return sum(kind.objects.filter(created_at__lt=before).delete()[0] for kind in (PhoneCode, EmailCode))
