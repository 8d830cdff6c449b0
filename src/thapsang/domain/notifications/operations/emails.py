"""The outbox of e-mails: queued once for what they tell, claimed a few at a time, tried again with growing pauses."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.crypto import salted_hmac
from django.utils.module_loading import import_string

from thapsang.domain.notifications.models import Message
from thapsang.domain.notifications.queries import email_rules
from thapsang.domain.notifications.types import (
    Email,
    EmailRefusedError,
    EmailSender,
    EmailUnreachableError,
    Letter,
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
def send_email(
    *, address: str, template: str, letter: Letter, at: datetime, expires_at: datetime, now: bool = True
) -> int:
    """Send a letter to an address as soon as the transaction has committed; return the message's number.

    For mails somebody waits for: the worker takes them before all others, and not after `expires_at`. With `now`
    false the worker sends it. Nothing is raised to the caller. The letter is kept, encrypted, until it is sent.
    """
    message_id = _message_id(secrets.token_hex(16))
    pause = email_rules().first_pause if now else timedelta(0)
    row = Message.objects.create(
        channel="email", template=template, address_cipher=cipher.encrypt(address, purpose="email"),
        text_cipher=cipher.encrypt(json.dumps(asdict(letter)), purpose="message"), created_at=at, due_at=at + pause,
        provider_reference=message_id, tries=int(now), expires_at=expires_at, tried_at=at if now else None,
    )  # fmt: skip
    if now:
        waiting = WaitingEmail(row.pk, address, "", message_id, 1, letter, expires_at)
        transaction.on_commit(lambda: deliver_email(waiting, None, at=at))
    return row.pk


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
    AND expires_at IS {waited_for} NULL ORDER BY due_at, id LIMIT %(most)s FOR UPDATE SKIP LOCKED
) RETURNING id, address_cipher, coalesce(about, ''), provider_reference, tries, text_cipher, expires_at
"""


@transaction_required
def claim_emails(*, at: datetime, most: int) -> list[WaitingEmail]:
    """Take e-mails that are due, at most `most` and no more than the policy allows a minute, all senders together.

    First those somebody waits for. They are in the caller's hands for `HELD`: who dies with them leaves them to the
    next. Deliver them with `deliver_email` once the transaction has committed.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s)", [_LOCK]
        )  # the room is counted and used by one at a time
        lately = Message.objects.filter(channel="email", tried_at__gt=at - _WINDOW).count()
        room, rows = min(most, email_rules().per_minute - lately), list[tuple[Any, ...]]()
        for waited_for in ("NOT", ""):
            if room > len(rows):
                given: dict[str, Any] = {"at": at, "until": at + HELD, "most": room - len(rows)}
                cursor.execute(_CLAIM.format(waited_for=waited_for), given)
                rows += sorted(cursor.fetchall())
    addresses = cipher.decrypt_many([bytes(row[1]) for row in rows], purpose="email")
    return [
        WaitingEmail(number, address, about, message_id, tries, _letter(text), expires_at)
        for (number, _, about, message_id, tries, text, expires_at), address in zip(rows, addresses, strict=True)
        if address is not None
    ]  # fmt: skip


def _letter(text: bytes | None) -> Letter | None:
    return Letter(**json.loads(cipher.decrypt(bytes(text), purpose="message"))) if text else None


def deliver_email(waiting: WaitingEmail, email: Email | None, *, at: datetime) -> str:
    """Hand an e-mail to the mail server, outside any transaction; return its status then.

    A letter that was kept is sent as it is, any other as `email`. `sent`; `refused` by the server for good; `failed`
    when there is nothing to send any more (`email` None), its time is over or it is out of tries; `queued` for
    another try after a growing pause.
    """
    rules = email_rules()
    if waiting.expires_at and waiting.expires_at <= at:
        return _settle(waiting, "failed", "Its time was over before it could be sent.")
    if waiting.letter:
        said = waiting.letter
        email = Email(waiting.address, said.subject, said.text, waiting.message_id, html=said.html)
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
    Message.objects.filter(pk=waiting.id, status="queued").update(
        status=status, problem=problem, due_at=None, text_cipher=None
    )
    return status


@transaction_required
def note_bounce(*, message_id: str, problem: str) -> bool:
    """Note that an e-mail which was sent came back; False when it is none of ours, or not sent.

    `message_id` is the Message-ID the returned mail names; `problem` the server's code, no address.
    """
    sent = Message.objects.filter(channel="email", provider_reference=message_id, status="sent")
    return bool(sent.update(status="bounced", problem=problem[:200]))
