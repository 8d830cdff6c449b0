"""The outbox of e-mails: queued once for what they tell, claimed a few at a time, tried again with growing pauses."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.utils.crypto import salted_hmac
from django.utils.module_loading import import_string

from thapsang.domain.notifications.models import Message
from thapsang.domain.notifications.queries import email_rules
from thapsang.domain.notifications.types import (
    Email,
    EmailRefusedError,
    EmailSender,
    EmailUnreachableError,
    NewEmail,
    WaitingEmail,
)
from thapsang.kit.db.transactions import transaction_required
from thapsang.kit.privacy import cipher

log = logging.getLogger(__name__)
HELD = timedelta(minutes=5)
"""How long a claimed e-mail is in its sender's hands: longer than a batch takes."""
_WINDOW = timedelta(minutes=1)
_LOCK = 7_431_201
_senders: dict[str, EmailSender] = {}


def use_email_sender(sender: EmailSender) -> None:
    """Send e-mails by this sender from now on in this process, whatever the settings name."""
    _senders["email"] = sender


@transaction_required
def queue_emails(*, emails: Iterable[NewEmail], template: str, at: datetime) -> int:
    """Leave e-mails to the worker, set-based; return how many are new.

    One for each thing told and each address: `about` is completed by the address's blind index, and unique.
    """
    emails = list(emails)
    ciphers = cipher.encrypt_many([new.address for new in emails], purpose="email")
    indexes = cipher.blind_index_many([new.address for new in emails], purpose="email")
    rows = [
        Message(
            channel="email", template=template, address_cipher=hidden, about=about, created_at=at, due_at=at,
            provider_reference=_message_id(about),
        )
        for new, hidden, index in zip(emails, ciphers, indexes, strict=True)
        if hidden is not None and index is not None
        for about in [f"{new.about}:{index.hex()[:24]}"]
    ]  # fmt: skip
    known = Message.objects.filter(about__in=[row.about for row in rows]).count()
    Message.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1_000)
    return Message.objects.filter(about__in=[row.about for row in rows]).count() - known


def _message_id(about: str) -> str:
    """Return the Message-ID of what is told: always the same, and nothing of the customer in it."""
    return f"<{salted_hmac('message-id', about, algorithm='sha256').hexdigest()[:40]}@{settings.EMAIL['domain']}>"


_CLAIM = """
UPDATE notifications_message SET tries = tries + 1, due_at = %(until)s, tried_at = %(at)s WHERE id IN (
    SELECT id FROM notifications_message WHERE status = 'queued' AND channel = 'email' AND due_at <= %(at)s
    ORDER BY due_at, id LIMIT %(most)s FOR UPDATE SKIP LOCKED
) RETURNING id, address_cipher, about, provider_reference, tries
"""


@transaction_required
def claim_emails(*, at: datetime, most: int) -> list[WaitingEmail]:
    """Take e-mails that are due, at most `most` and no more than the policy allows a minute, all senders together.

    They are in the caller's hands for `HELD`: who dies with them leaves them to the next. Deliver them with
    `deliver_email` once the transaction has committed.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s)", [_LOCK]
        )  # the room is counted and used by one at a time
        lately = Message.objects.filter(channel="email", tried_at__gt=at - _WINDOW).count()
        room = min(most, email_rules().per_minute - lately)
        if room <= 0:
            return []
        cursor.execute(_CLAIM, {"at": at, "until": at + HELD, "most": room})
        rows = sorted(cursor.fetchall())
    addresses = cipher.decrypt_many([bytes(row[1]) for row in rows], purpose="email")
    return [
        WaitingEmail(number, address, about, message_id, tries)
        for (number, _, about, message_id, tries), address in zip(rows, addresses, strict=True)
        if address is not None
    ]


def deliver_email(waiting: WaitingEmail, email: Email | None, *, at: datetime) -> str:
    """Hand an e-mail to the mail server, outside any transaction; return its status then.

    `sent`; `refused` by the server for good; `failed` when there is nothing to send any more (`email` None) or it is
    out of tries; `queued` for another try after a growing pause.
    """
    rules = email_rules()
    if email is None:
        return _settle(waiting, "failed", "There is nothing to send: the bill or the consent is gone.")
    if waiting.tries > rules.tries:
        return _settle(waiting, "failed", "The last try was interrupted.")
    try:
        if "email" not in _senders:
            use_email_sender(import_string(settings.PORTS["email"])())
        _senders["email"].send(email)
    except EmailRefusedError as error:
        return _settle(waiting, "refused", str(error))
    except EmailUnreachableError as error:
        log.warning("e-mail %s was not sent (try %s): %s", waiting.id, waiting.tries, error)
        if waiting.tries >= rules.tries:
            return _settle(waiting, "failed", str(error))
        due_at = at + rules.pause_after(waiting.tries)
        Message.objects.filter(pk=waiting.id, status="queued").update(due_at=due_at, problem=str(error))
        return "queued"
    return _settle(waiting, "sent", "")


def _settle(waiting: WaitingEmail, status: str, problem: str) -> str:
    Message.objects.filter(pk=waiting.id, status="queued").update(status=status, problem=problem, due_at=None)
    return status


@transaction_required
def note_bounce(*, message_id: str, problem: str) -> bool:
    """Note that an e-mail which was sent came back; False when it is none of ours, or not sent.

    `message_id` is the Message-ID the returned mail names; `problem` the server's code, no address.
    """
    sent = Message.objects.filter(channel="email", provider_reference=message_id, status="sent")
    return bool(sent.update(status="bounced", problem=problem[:200]))
