"""Money that arrived, posted by one statement: payment, journal, entries, allocations, confirmation.

The statement is the single place outside the ledger that writes journals and entries, and it does so under
the ledger's own guards: balanced at commit, entries only with their journal (docs/adr/0008). It runs after
the payer's account was locked, in a statement of its own, so that it sees what the one it waited for did.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError

from thapsang.domain.payments.operations.intents import random_code
from thapsang.domain.payments.operations.locking import LOCK_BY_CODE, payer_of
from thapsang.domain.payments.queries.dues import OPEN_BILLS
from thapsang.domain.payments.types import (
    AlreadyRecordedError,
    IdempotencyKey,
    KeyReusedError,
    Payer,
    Receipt,
    Settled,
)
from thapsang.kit.db.statements import row, whole
from thapsang.kit.db.transactions import transaction_required

BANK, CASH = "112", "111"
"""Chart of accounts: money in the bank, cash at the counter. Debit it, credit the customer's 131."""
_VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")

# The bills meant come first, then the oldest; each takes what the ones before it have left.
_SHARES = f"""
payer AS MATERIALIZED (
    SELECT c.id AS customer, c.code, c.account_id AS account, i.id AS intent FROM customers_customer c
    LEFT JOIN payments_paymentintent i ON i.reference = %(reference)s::text AND i.customer_id = c.id
    WHERE c.code = %(code)s::text AND (%(reference)s::text = '' OR i.id IS NOT NULL)
), meant AS MATERIALIZED (
    SELECT bill_id FROM payments_intentbill WHERE intent_id = (SELECT intent FROM payer)
), open AS MATERIALIZED ({OPEN_BILLS}),
ranked AS (
    SELECT id, total - paid AS open, sum(total - paid) OVER line - (total - paid) AS before
    FROM open
    WINDOW line AS (ORDER BY id IN (SELECT bill_id FROM meant) DESC, due_on, id ROWS UNBOUNDED PRECEDING)
), shares AS MATERIALIZED (
    SELECT id, least(open, %(amount)s::bigint - before)::bigint AS amount, before
    FROM ranked WHERE before < %(amount)s::bigint
), shared AS MATERIALIZED (
    SELECT coalesce(jsonb_agg(jsonb_build_array(id, amount) ORDER BY before), '[]') AS bills FROM shares
), number AS MATERIALIZED (
    SELECT nextval(pg_get_serial_sequence('payments_payment', 'id')) AS payment
)"""  # noqa: S608 - our own text

_KEYED = """, fresh AS (
    INSERT INTO payments_confirmation (client_id, key, body_hash, status, answer, payment_id, created_at)
    SELECT %(client)s, %(key)s, %(hash)s, 201,
           jsonb_build_object('receipt', %(receipt)s::text, 'customer', payer.code,
                              'amount', %(amount)s::bigint, 'bills', shared.bills),
           number.payment, %(at)s
    FROM payer, number, shared ON CONFLICT (client_id, key) DO NOTHING RETURNING payment_id
)"""
_UNKEYED = ", fresh AS (SELECT payment AS payment_id FROM payer, number)"

_POST = """, journal AS (
    INSERT INTO ledger_journal (kind, reference, business_date, posted_at, created_in)
    SELECT 'payment', 'payment:' || %(provider)s::text || ':' || %(provider_reference)s::text,
           %(day)s, %(at)s, ''
    FROM fresh RETURNING id
), entries AS (
    INSERT INTO ledger_entry (journal_id, account_id, amount, document)
    SELECT journal.id, side.account, side.amount, number.payment
    FROM journal, number, payer, LATERAL (VALUES
        ((SELECT id FROM ledger_account WHERE code = %(bank)s::text), %(amount)s::bigint),
        (payer.account, -%(amount)s::bigint)) AS side(account, amount)
), payment AS (
    INSERT INTO payments_payment (
        id, customer_id, channel, provider, provider_reference, receipt_code, amount, intent_id, journal_id,
        business_date, paid_at, received_at)
    SELECT number.payment, payer.customer, %(channel)s, %(provider)s, %(provider_reference)s, %(receipt)s,
           %(amount)s::bigint, payer.intent, journal.id, %(day)s, %(paid_at)s, %(at)s
    FROM journal, number, payer RETURNING id
), allocated AS (
    INSERT INTO payments_allocation (payment_id, bill_id, amount)
    SELECT payment.id, shares.id, shares.amount FROM payment, shares
), closed AS (
    UPDATE payments_paymentintent SET status = 'paid' FROM payment, payer
    WHERE payments_paymentintent.id = payer.intent
      AND payments_paymentintent.amount <= %(amount)s::bigint
)
SELECT payment.id, shared.bills::text FROM payment, shared
"""
SETTLE = "WITH " + _SHARES + _UNKEYED + _POST
SETTLE_UNDER_KEY = "WITH " + _SHARES + _KEYED + _POST
_ANSWERED = """
SELECT body_hash, payment_id, answer::text FROM payments_confirmation
WHERE client_id = %(client)s AND key = %(key)s
"""


@transaction_required
def settle(*, payer: Payer, receipt: Receipt) -> Settled:
    """Post money that arrived: debit the bank, credit the locked payer, pay the bills meant, then the oldest.

    What is left over is the customer's credit. Raises AlreadyRecordedError when the provider's reference is
    taken; the transaction is then lost.
    """
    values = _values(payer.customer_code, payer.reference, receipt)
    with _taken_reference():
        payment, bills = row(SETTLE, values) or (0, "[]")
    return _settled(payment, bills, values)


def settle_under_key(
    *, customer_code: str, reference: str, receipt: Receipt, key: IdempotencyKey
) -> tuple[Payer, Settled | None]:
    """Lock the customer's account, then settle as `settle` does and keep the answer under the client's key.

    A transaction of its own, in one round trip: committed when it returns. None when the key was used before.
    Raises UnknownCustomerError, UnknownReferenceError, AlreadyRecordedError.
    """
    values = _values(customer_code, reference, receipt)
    values |= {"client": key.client_id, "key": key.key, "hash": key.body_hash}
    with _taken_reference():
        locked, posted = whole(LOCK_BY_CODE, SETTLE_UNDER_KEY, params=values)
    payer = payer_of(locked[0] if locked else None, reference)
    return payer, next((_settled(payment, bills, values) for payment, bills in posted), None)


def answered_before(*, key: IdempotencyKey) -> tuple[str, Settled] | None:
    """Return customer code and payment confirmed under this key before, or None.

    Raises KeyReusedError when another body came with the key.
    """
    found = row(_ANSWERED, {"client": key.client_id, "key": key.key})
    if found is None:
        return None
    body_hash, payment, text = found
    if bytes(body_hash) != key.body_hash:
        raise KeyReusedError(
            "This Idempotency-Key came before with another body: use a new key for a new payment."
        )
    answer = json.loads(text)
    return answer["customer"], Settled(payment, answer["receipt"], answer["amount"], _pairs(answer["bills"]))


@contextlib.contextmanager
def _taken_reference() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        if "ledger_journal_reference" in str(error) or "payment_once" in str(error):
            text = "This transaction is recorded already; no money was moved again."
            raise AlreadyRecordedError(text) from error
        raise


def _values(customer_code: str, reference: str, receipt: Receipt) -> dict[str, Any]:
    return {
        "code": customer_code, "reference": reference, "amount": receipt.amount,
        "bank": CASH if receipt.channel == "counter" else BANK,
        "receipt": _receipt_code(receipt), "channel": receipt.channel, "provider": receipt.provider,
        "provider_reference": receipt.provider_reference,
        "day": receipt.paid_at.astimezone(_VIETNAM).date(), "paid_at": receipt.paid_at,
        "at": receipt.received_at,
    }  # fmt: skip


def _settled(payment: int, bills: str, values: dict[str, Any]) -> Settled:
    return Settled(payment, values["receipt"], values["amount"], _pairs(json.loads(bills)))


def _receipt_code(receipt: Receipt) -> str:
    return f"BN{receipt.received_at.astimezone(_VIETNAM):%y%m%d}-{random_code(8)}"


def _pairs(bills: list[list[int]]) -> tuple[tuple[int, int], ...]:
    return tuple((int(bill), int(amount)) for bill, amount in bills)
