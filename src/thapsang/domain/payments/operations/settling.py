"""Money that arrived, posted by one statement: payment, journal, entries, allocations, confirmation.

The statement is the single place outside the ledger that writes journals and entries, and it does so under
the ledger's own guards: balanced at commit, entries only with their journal (docs/adr/0008). It runs after
the payer's account was locked, in a statement of its own, so that it sees what the one it waited for did.
"""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError

from thapsang.domain.payments.operations.intents import random_code
from thapsang.domain.payments.queries.dues import OPEN_BILLS
from thapsang.domain.payments.types import (
    AlreadyRecordedError,
    IdempotencyKey,
    KeyReusedError,
    Payer,
    Receipt,
    Settled,
)
from thapsang.kit.db.statements import row
from thapsang.kit.db.transactions import transaction_required

BANK, CASH = "112", "111"
"""Chart of accounts: money in the bank, cash at the counter. Debit it, credit the customer's 131."""
_VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")

# The bills meant come first, then the oldest; each takes what the ones before it have left.
_SHARES = f"""
open AS MATERIALIZED ({OPEN_BILLS}),
ranked AS (
    SELECT id, total - paid AS open, sum(total - paid) OVER line - (total - paid) AS before
    FROM open
    WINDOW line AS (ORDER BY id = ANY(%(meant)s::bigint[]) DESC, due_on, id ROWS UNBOUNDED PRECEDING)
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
           jsonb_build_object('receipt', %(code)s::text, 'customer', %(customer_code)s::text,
                              'amount', %(amount)s::bigint, 'bills', shared.bills),
           number.payment, %(at)s
    FROM number, shared ON CONFLICT (client_id, key) DO NOTHING RETURNING payment_id
)"""
_UNKEYED = ", fresh AS (SELECT payment AS payment_id FROM number)"

_POST = """, journal AS (
    INSERT INTO ledger_journal (kind, reference, business_date, posted_at, created_in)
    SELECT 'payment', 'payment:' || %(provider)s::text || ':' || %(provider_reference)s::text,
           %(day)s, %(at)s, ''
    FROM fresh RETURNING id
), entries AS (
    INSERT INTO ledger_entry (journal_id, account_id, amount, document)
    SELECT journal.id, side.account, side.amount, number.payment
    FROM journal, number, LATERAL (VALUES
        ((SELECT id FROM ledger_account WHERE code = %(bank)s::text), %(amount)s::bigint),
        (%(account)s::bigint, -%(amount)s::bigint)) AS side(account, amount)
), payment AS (
    INSERT INTO payments_payment (
        id, customer_id, channel, provider, provider_reference, receipt_code, amount, intent_id, journal_id,
        business_date, paid_at, received_at)
    SELECT number.payment, %(customer)s, %(channel)s, %(provider)s, %(provider_reference)s, %(code)s,
           %(amount)s::bigint, %(intent)s::bigint, journal.id, %(day)s, %(paid_at)s, %(at)s
    FROM journal, number RETURNING id
), allocated AS (
    INSERT INTO payments_allocation (payment_id, bill_id, amount)
    SELECT payment.id, shares.id, shares.amount FROM payment, shares
), closed AS (
    UPDATE payments_paymentintent SET status = 'paid' FROM payment
    WHERE payments_paymentintent.id = %(intent)s::bigint
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
    code = _receipt_code(receipt)
    payment, bills = _post(SETTLE, _values(payer, receipt, code)) or (0, "[]")
    return Settled(payment, code, receipt.amount, _pairs(json.loads(bills)))


@transaction_required
def settle_under_key(*, payer: Payer, receipt: Receipt, key: IdempotencyKey) -> Settled | None:
    """As `settle`, and keep the answer under the client's idempotency key; None when the key came before."""
    code = _receipt_code(receipt)
    values = _values(payer, receipt, code)
    values |= {"client": key.client_id, "key": key.key, "hash": key.body_hash}
    found = _post(SETTLE_UNDER_KEY, values | {"customer_code": payer.customer_code})
    return None if found is None else Settled(found[0], code, receipt.amount, _pairs(json.loads(found[1])))


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


def _post(statement: str, values: dict[str, Any]) -> tuple[Any, ...] | None:
    try:
        return row(statement, values)
    except IntegrityError as error:
        if "ledger_journal_reference" in str(error) or "payment_once" in str(error):
            text = "This transaction is recorded already; no money was moved again."
            raise AlreadyRecordedError(text) from error
        raise


def _values(payer: Payer, receipt: Receipt, code: str) -> dict[str, Any]:
    return {
        "customer": payer.customer_id, "account": payer.account_id, "intent": payer.intent_id,
        "bank": CASH if receipt.channel == "counter" else BANK,
        "meant": list(payer.intent_bills), "amount": receipt.amount, "code": code, "channel": receipt.channel,
        "provider": receipt.provider, "provider_reference": receipt.provider_reference,
        "day": receipt.paid_at.astimezone(_VIETNAM).date(), "paid_at": receipt.paid_at,
        "at": receipt.received_at,
    }  # fmt: skip


def _receipt_code(receipt: Receipt) -> str:
    return f"BN{receipt.received_at.astimezone(_VIETNAM):%y%m%d}-{random_code(8)}"


def _pairs(bills: list[list[int]]) -> tuple[tuple[int, int], ...]:
    return tuple((int(bill), int(amount)) for bill, amount in bills)
