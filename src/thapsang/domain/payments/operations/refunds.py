"""Refunds: asked, approved by somebody else, sent to the bank in one transaction with the ledger, paid or returned.

The claim ends when the file is made: the customer's 131 is debited and the money is on its way (113), so that
nothing can spend the credit meanwhile; 112 moves when the bank says it paid (docs/adr/0025). Locks: customers'
accounts first, in ascending id, then the requests.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import F

from thapsang.domain.ledger import operations as ledger
from thapsang.domain.payments.models import Payment, RefundFile, RefundRequest
from thapsang.domain.payments.operations.intents import random_code
from thapsang.domain.payments.operations.locking import lock_payer
from thapsang.domain.payments.queries.refunds import (
    ACCOUNT,
    HOLDER,
    UnknownRefundError,
    refund_rules,
    refundable,
    written,
)
from thapsang.domain.payments.types import PaymentError
from thapsang.kit.audit import operations as audit
from thapsang.kit.audit.operations import Person
from thapsang.kit.db.statements import rows
from thapsang.kit.db.transactions import transaction_required
from thapsang.kit.privacy.cipher import encrypt

BANK, TRANSIT = "112", "113"
PROVIDER, CHANNEL = "refund", "returned"
"""A refund the bank gave back is money of the customer's again: a payment of this provider."""
_VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
_ACCOUNT_NUMBER = re.compile(r"[0-9A-Z]{6,19}")
_HOLDER_NAME = re.compile(r"[A-Z0-9 .,&()/'-]{2,70}")

_LOCK = """
SELECT r.id FROM payments_refundrequest r JOIN customers_customer c ON c.id = r.customer_id
JOIN ledger_account a ON a.id = c.account_id
WHERE r.status = 'approved' AND (%(ids)s::bigint[] IS NULL OR r.id = ANY(%(ids)s::bigint[]))
ORDER BY a.id LIMIT %(most)s FOR NO KEY UPDATE OF a
"""
_TAKE = """
WITH unused AS (
    SELECT p.id, p.amount - coalesce(a.used, 0) AS amount FROM payments_payment p
    LEFT JOIN LATERAL (SELECT sum(amount) AS used FROM payments_allocation WHERE payment_id = p.id) a ON true
    WHERE p.customer_id = %(customer)s AND p.amount > coalesce(a.used, 0)
), line AS (
    SELECT id, amount, sum(amount) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) - amount AS before FROM unused
)
INSERT INTO payments_allocation (payment_id, bill_id, amount)
SELECT id, -%(refund)s::bigint, least(amount, %(amount)s - before)::bigint FROM line WHERE before < %(amount)s
RETURNING amount
"""


class RefundRefusedError(PaymentError):
    """The refund cannot be done so; the message names the field and what to do."""

    code = "refund-refused"


class RefundStateError(RefundRefusedError):
    """The refund is not where this step begins."""

    code = "refund-state"


class SamePersonError(RefundRefusedError):
    """Who asked for a refund does not approve it."""

    code = "refund-four-eyes"


@transaction_required
def ask_refund(
    *,
    customer_code: str,
    amount: int,
    bank: str,
    account: str,
    holder: str,
    reason: str,
    by_customer: bool,
    actor: Person | str,
    at: datetime,
) -> int:
    """Ask for credit (đồng) to be paid to a bank account; return the request's number. Nothing is moved yet.

    The holder's name is kept as banks write it: capitals without diacritics. Raises UnknownCustomerError,
    RefundRefusedError: more than the credit that no bill needs, one asked for already, an unknown bank or an account
    that cannot be one.
    """
    name, number = bank_name(holder), "".join(account.split()).upper()
    if bank not in refund_rules().banks:
        raise RefundRefusedError("bank: no such bank is known. Choose one of the list.")
    if not _ACCOUNT_NUMBER.fullmatch(number):
        raise RefundRefusedError(
            "account: it is 6 to 19 digits or capital letters, as on the card or the bank's app."
        )
    if not _HOLDER_NAME.fullmatch(name):
        raise RefundRefusedError("holder: write the account holder's name, 2 to 70 letters.")
    payer = lock_payer(customer_code=customer_code)
    if RefundRequest.objects.filter(customer_id=payer.customer_id, status__in=("asked", "approved")).exists():
        raise RefundRefusedError(
            "customer: a refund is asked for already. Wait for it, or withdraw it first."
        )
    most = refundable(customer_id=payer.customer_id)
    if not 0 < amount <= most:
        raise RefundRefusedError(
            f"amount: {amount:,} đồng; from 1 to {most:,} đồng of credit can be paid back."
        )
    made = RefundRequest.objects.create(
        reference="HT" + random_code(10), customer_id=payer.customer_id, amount=amount, bank=bank,
        holder_cipher=encrypt(name, purpose=HOLDER), account_cipher=encrypt(number, purpose=ACCOUNT),
        account_tail=number[-4:], reason=reason.strip()[:300], by_customer=by_customer,
        asked_by=_number(actor), asked_name=_name(actor), asked_at=at,
    )  # fmt: skip
    _note(made, "asked", {"amount": amount, "customer": customer_code}, reason or "customer", actor, at)
    return int(made.pk)


def bank_name(text: str) -> str:
    """Return a name as banks write it: capitals, no diacritics, single spaces."""
    plain = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return " ".join("".join(letter for letter in plain if not unicodedata.combining(letter)).upper().split())


@transaction_required
def approve_refund(*, refund_id: int, reason: str, actor: Person | str, at: datetime) -> None:
    """Approve a refund somebody else asked for. Approved before by the same person, it stays as it is.

    Raises UnknownRefundError, RefundStateError, SamePersonError.
    """
    row = _locked(refund_id)
    if row.status == "approved" and row.decided_name == _name(actor):
        return
    _demand(row, "asked")
    if row.asked_name == _name(actor):
        raise SamePersonError("Who asked for a refund does not approve it: another person must.")
    _decide(row, "approved", reason, actor, at)


@transaction_required
def reject_refund(*, refund_id: int, reason: str, actor: Person | str, at: datetime) -> None:
    """Reject a refund that is not sent yet; the credit stays. Raises UnknownRefundError, RefundStateError."""
    row = _locked(refund_id)
    _demand(row, "asked", "approved")
    if not reason.strip():
        raise RefundRefusedError("reason: it is empty. The customer reads it.")
    _decide(row, "rejected", reason, actor, at)


@transaction_required
def withdraw_refund(*, refund_id: int, customer_id: int, actor: Person | str, at: datetime) -> None:
    """Take a refund of one's own back before it is sent: the credit stays for the next bill.

    Raises UnknownRefundError (also for another's), RefundStateError.
    """
    row = _locked(refund_id)
    if row.customer_id != customer_id:
        raise UnknownRefundError(f"No refund has the number {refund_id}.")
    _demand(row, "asked", "approved")
    _decide(row, "withdrawn", "", actor, at)


@transaction_required
def send_refunds(
    *, actor: Person | str, at: datetime, refund_ids: list[int] | None = None
) -> tuple[RefundFile | None, bytes]:
    """Put approved refunds (or those named) into a file for the bank and post them; return file and bytes.

    Each is taken from the credit there is at this moment, under the customer's lock; where a bill has used it
    meanwhile the request stays approved with its problem, and the file goes without it (None when nothing is left).
    Debit 131, credit 113. A request is in one file only. Raises RefundRefusedError when nothing is approved.
    """
    limits = refund_rules()
    found = rows(_LOCK, {"ids": refund_ids, "most": limits.most_in_a_file})
    waiting = RefundRequest.objects.select_for_update(of=("self",)).annotate(code=F("customer__code"))
    requests = list(waiting.filter(pk__in=[row[0] for row in found], status="approved").order_by("id"))
    if not requests:
        raise RefundRefusedError("Nothing to send: no approved refund waits. Approve one first.")
    short = [row for row in requests if refundable(customer_id=row.customer_id) < row.amount]
    RefundRequest.objects.filter(pk__in=[row.pk for row in short]).update(problem="credit-used")
    covered = [row for row in requests if row not in short]
    if not covered:
        return None, b""
    file, content = _make_file(covered, actor, at, limits.execute_in_days)
    transit = ledger.open_account(chart=TRANSIT, code=TRANSIT)
    for row in covered:
        _take(row)
        _post(
            f"refund:{row.reference}", [(_account(row), row.amount, None), (transit, -row.amount, None)], at
        )
    RefundRequest.objects.filter(pk__in=[row.pk for row in covered]).update(
        status="sent", file=file, sent_at=at, problem=""
    )
    audit.record(
        actor=actor, action="payments.refunds-sent", subject=f"refund-file:{file.pk}", before=None,
        after={"count": file.count, "total": file.total, "sha256": file.sha256, "left_out": len(short)},
        reason="bank file", at=at,
    )  # fmt: skip
    return file, content


def _make_file(
    covered: Sequence[RefundRequest], actor: Person | str, at: datetime, days: int
) -> tuple[RefundFile, bytes]:
    day = at.astimezone(_VIETNAM)
    file = RefundFile(
        message=f"HT{day:%y%m%d}-{random_code(8)}", count=len(covered), total=sum(row.amount for row in covered),
        execute_on=day.date() + timedelta(days=days), made_by=_number(actor), made_name=_name(actor),
        made_at=day.replace(microsecond=0),
    )  # fmt: skip
    content = written(file, covered)
    file.sha256 = hashlib.sha256(content).hexdigest()
    file.save()
    return file, content


def _take(row: RefundRequest) -> None:
    taken = rows(_TAKE, {"customer": row.customer_id, "refund": row.pk, "amount": row.amount})
    if sum(int(amount) for (amount,) in taken) != row.amount:
        raise RefundRefusedError(
            f"amount: the credit behind {row.reference} is less than {row.amount:,} đồng."
        )


@transaction_required
def confirm_refund(*, refund_id: int, bank_reference: str, actor: Person | str, at: datetime) -> None:
    """Record that the bank paid a refund: debit 113, credit 112. The same news again changes nothing.

    Raises UnknownRefundError, RefundStateError, RefundRefusedError (no reference, or another one than before).
    """
    given = bank_reference.strip()
    if not given:
        raise RefundRefusedError("bank_reference: it is empty. Write what the bank's statement names it by.")
    row = _locked_with_account(refund_id)
    if row.status == "paid" and row.bank_reference == given:
        return
    _demand(row, "sent")
    bank, transit = (ledger.open_account(chart=code, code=code) for code in (BANK, TRANSIT))
    _post(f"refund-paid:{row.reference}", [(transit, row.amount, None), (bank, -row.amount, None)], at)
    row.status, row.paid_at, row.bank_reference = "paid", at, given
    row.save(update_fields=["status", "paid_at", "bank_reference"])
    _note(row, "paid", {"status": "paid", "bank_reference": given}, "bank", actor, at)


@transaction_required
def return_refund(*, refund_id: int, reason: str, actor: Person | str, at: datetime) -> None:
    """Record that the bank gave a refund back, also after it was paid: it is the customer's credit again.

    Debit 113 (112 when it had been paid), credit 131; the credit is a payment of the provider `refund`. The same
    news again changes nothing. Raises UnknownRefundError, RefundStateError, RefundRefusedError for no reason.
    """
    if not reason.strip():
        raise RefundRefusedError("reason: it is empty. Write what the bank says.")
    row = _locked_with_account(refund_id)
    if row.status == "returned":
        return
    _demand(row, "sent", "paid")
    code = BANK if row.status == "paid" else TRANSIT
    side = ledger.open_account(chart=code, code=code)
    entries = [(side, row.amount, None), (_account(row), -row.amount, None)]
    journal = _post(f"refund-returned:{row.reference}", entries, at)
    Payment.objects.create(
        customer_id=row.customer_id, channel=CHANNEL, provider=PROVIDER, provider_reference=row.reference,
        receipt_code=f"TL{row.reference}", amount=row.amount, journal_id=journal,
        business_date=at.astimezone(_VIETNAM).date(), paid_at=at, received_at=at,
    )  # fmt: skip
    row.status, row.returned_at, row.why_returned = "returned", at, reason.strip()[:300]
    row.save(update_fields=["status", "returned_at", "why_returned"])
    _note(row, "returned", {"status": "returned"}, reason, actor, at)


def _post(reference: str, entries: list[Any], at: datetime) -> int:
    day = at.astimezone(_VIETNAM).date()
    return ledger.post(kind="refund", reference=reference, business_date=day, at=at, entries=entries)


def _account(row: RefundRequest) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT account_id FROM customers_customer WHERE id = %s", [row.customer_id])
        return int(cursor.fetchone()[0])


def _locked(refund_id: int) -> RefundRequest:
    found = RefundRequest.objects.select_for_update().filter(pk=refund_id).first()
    if found is None:
        raise UnknownRefundError(f"No refund has the number {refund_id}: see thapsang refunds list.")
    return found


def _locked_with_account(refund_id: int) -> RefundRequest:
    code = RefundRequest.objects.filter(pk=refund_id).values_list("customer__code", flat=True).first()
    if code is None:
        raise UnknownRefundError(f"No refund has the number {refund_id}: see thapsang refunds list.")
    lock_payer(customer_code=code)
    return _locked(refund_id)


def _demand(row: RefundRequest, *states: str) -> None:
    if row.status not in states:
        raise RefundStateError(
            f"Refund {row.reference} is {row.status}; this step begins at {' or '.join(states)}."
        )


def _decide(row: RefundRequest, status: str, reason: str, actor: Person | str, at: datetime) -> None:
    before, row.status = row.status, status
    row.decided_by, row.decided_name, row.decided_at = _number(actor), _name(actor), at
    row.decision, row.problem = reason.strip()[:300], ""
    row.save(update_fields=["status", "decided_by", "decided_name", "decided_at", "decision", "problem"])
    _note(row, status, {"before": before, "status": status}, reason or status, actor, at)


def _note(
    row: RefundRequest, step: str, after: dict[str, Any], reason: str, actor: Person | str, at: datetime
) -> None:
    audit.record(
        actor=actor, action=f"payments.refund-{step}", subject=f"refund:{row.reference}", before=None, after=after,
        reason=reason, at=at,
    )  # fmt: skip


def _number(actor: Person | str) -> int | None:
    return None if isinstance(actor, str) else actor.pk


def _name(actor: Person | str) -> str:
    return actor if isinstance(actor, str) else actor.get_username()
