"""Handing signed invoices over to the tax authority: messages made, sent, asked about; a day's reconciliation.

The network is never waited for inside a transaction. A process that dies leaves its message due again after the
pause; the same code and the same bytes make a second delivery the same message (docs/adr/0021).
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import BinaryIO

from django.utils import timezone

from thapsang.domain.billing.types import PERIOD_FACTOR, yymm
from thapsang.domain.invoices import operations, queries
from thapsang.domain.invoices.operations import Due
from thapsang.domain.invoices.types import (
    AuthorityRefusedError,
    AuthorityRule,
    AuthorityUnreachableError,
    DaySheet,
    InvoiceView,
    UnknownMessageError,
)
from thapsang.engines.einvoice import Dispatch, envelope
from thapsang.engines.einvoice.writing import DECLARATION
from thapsang.kit.db.transactions import transaction
from thapsang.kit.files import operations as files


@dataclass
class HandedOver:
    """What one round came to: messages made, received, answered, put off, refused or given up."""

    made: int = 0
    received: int = 0
    answered: int = 0
    waiting: int = 0
    unreachable: int = 0
    stopped: int = 0
    overdue: int = 0


def hand_over(*, at: datetime, period: date | None = None, most_messages: int = 10_000) -> HandedOver:
    """Put signed invoices into messages and do what is due for each message; return what was done.

    `period`: only invoices of this month's bills are put into new messages. `at` is the moment by which things
    are due; calls in between read the clock anew, for the network takes its time.
    """
    rule = queries.current_policy().authority_on(timezone.localtime(at).date())
    done = HandedOver(made=_make(rule, at, period, most_messages))
    # One at a time, and no further when nobody answers: only what is tried counts as a try.
    while not done.unreachable and (message := _claim(rule, at)):
        _attend(message, rule, at, done)
    with transaction():
        done.overdue = operations.mark_overdue(before=at - rule.answer_time, at=at)
    return done


def reconcile(*, day: date, ask: bool = True) -> DaySheet:
    """Return a day's sheet; `ask` compares it with the authority's own list.

    Raises AuthorityUnreachableError, AuthorityRefusedError.
    """
    return queries.day_sheet(day=day, theirs=operations.authority().day(day=day) if ask else None)


def _make(rule: AuthorityRule, at: datetime, period: date | None, most: int) -> int:
    numbers = None
    if period:
        low = yymm(period) * PERIOD_FACTOR * 10
        numbers = (low, low + PERIOD_FACTOR * 10 - 1)
    made = 0
    while made < most:
        code = f"{rule.sender}{uuid.uuid4().hex.upper()}"
        with transaction():
            count = operations.make_message(code=code, most=rule.invoices_a_message, at=at, numbers=numbers)
        if count is None:
            break
        made += count > 0
    return made


def _claim(rule: AuthorityRule, at: datetime) -> Due | None:
    with transaction():
        return next(iter(operations.claim_due(at=at, rule=rule, limit=1)), None)


def _attend(message: Due, rule: AuthorityRule, at: datetime, done: HandedOver) -> None:
    """Send a message, or ask for its answer; what fails is put off or stopped, never lost."""
    try:
        if message.status == "ready":
            _deliver(message, rule, at, done)
        else:
            _ask(message, at, done)
    except AuthorityUnreachableError as error:
        _put_off(message, rule, str(error), done)
    except UnknownMessageError:
        with transaction():
            operations.note_forgotten(message_id=message.id, at=at)
        done.waiting += 1
    except (AuthorityRefusedError, FileNotFoundError, AlteredError) as error:
        with transaction():
            operations.note_refused(message_id=message.id, problem=str(error))
        done.stopped += 1


class AlteredError(RuntimeError):
    """A message's invoices are no longer the bytes that were first sent, or that were signed."""


def _deliver(message: Due, rule: AuthorityRule, at: datetime, done: HandedOver) -> None:
    content = message_content(message_id=message.id, code=message.code, rule=rule)
    sha256 = hashlib.sha256(content).digest()
    if message.sha256 is None:
        with transaction():
            operations.note_hash(message_id=message.id, sha256=sha256)
    elif message.sha256 != sha256:
        raise AlteredError(
            "The message is not what was first sent: look for changed files before sending again."
        )
    operations.authority().deliver(code=message.code, envelope=content)
    with transaction():
        operations.note_received(message_id=message.id, at=at, ask_after=timedelta())
    done.received += 1


def _ask(message: Due, at: datetime, done: HandedOver) -> None:
    answered = operations.authority().answer(code=message.code)
    if answered is None:
        done.waiting += 1
        return
    with transaction():
        operations.keep_answer(message_id=message.id, answers=answered.answers, sha256=answered.sha256, at=at)
    done.answered += 1


def _put_off(message: Due, rule: AuthorityRule, problem: str, done: HandedOver) -> None:
    with transaction():
        if message.status == "ready" and message.tries >= rule.tries:
            operations.give_up(
                message_id=message.id, problem=f"{problem} Given up after {message.tries} tries."
            )
            done.stopped += 1
        else:
            operations.note_unreachable(message_id=message.id, problem=problem)
            done.unreachable += 1


def message_content(*, message_id: int, code: str, rule: AuthorityRule) -> bytes:
    """Return a message's envelope: each time the same bytes. Raises AlteredError, FileGoneError."""
    seller = queries.current_policy().seller
    opened: dict[str, BinaryIO] = {}
    try:
        parts = [_hdon(view, opened) for view in queries.message_invoices(message_id=message_id)]
    finally:
        for stream in opened.values():
            stream.close()
    return envelope(Dispatch(rule.sender, rule.receiver, rule.kind, code, seller.tax_code), parts)


def _hdon(view: InvoiceView, opened: dict[str, BinaryIO]) -> bytes:
    content = _file(view, opened)
    if hashlib.sha256(content).digest() != view.sha256:
        raise AlteredError(
            f"The file of invoice {view.name} is not what was signed: restore its pack from backup."
        )
    return content.removeprefix(DECLARATION)


def _file(view: InvoiceView, opened: dict[str, BinaryIO]) -> bytes:
    stream = opened.get(view.pack_sha256)
    if stream is None:
        stream = opened[view.pack_sha256] = files.open_file(sha256=view.pack_sha256)
    stream.seek(view.position or 0)
    return stream.read(view.size or 0)
