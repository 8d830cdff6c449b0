"""Money that arrived, posted by one statement: payment, journal, entries, allocations, confirmation.

The statement is the single place outside the ledger that writes journals and entries, and it does so under
the ledger's own guards: balanced at commit, entries only with their journal (docs/adr/0008). It runs after
the payer's account was locked, in a statement of its own, so that it sees what the one it waited for did.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError

from thapsang.domain.payments.operations.intents import random_code
from thapsang.domain.payments.operations.locking import LOCK_BY_CODES, payer_of
from thapsang.domain.payments.queries.dues import OPEN_BILLS, SINCE
from thapsang.domain.payments.types import (
    AlreadyRecordedError,
    IdempotencyKey,
    KeyReusedError,
    Payer,
    Receipt,
    Settled,
)
from thapsang.kit.db.gathering import Gathering
from thapsang.kit.db.statements import row, whole
from thapsang.kit.db.transactions import inside_transaction, transaction_required

BANK, CASH = "112", "111"
"""Chart of accounts: money in the bank, cash at the counter. Debit it, credit the customer's 131."""
_MONTH = 10**10
"""Numbers of bills in a month (`billing.types.bill_id`)."""
_VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")

# Every list holds one field of the money that arrived, so that one statement settles one payment or many.
# No customer stands in it twice. The bills meant come first, then the oldest; each takes what the ones before it left.
# Lists come by way of `arrived`, where the planner does not see how long they are: it would plan anew for each.
_SHARES = f"""
arrived AS MATERIALIZED (
    SELECT %(codes)s::text[] AS codes, %(references)s::text[] AS refs, %(amounts)s::bigint[] AS amounts,
           %(receipts)s::text[] AS receipts, %(providers)s::text[] AS providers,
           %(provider_references)s::text[] AS provider_references, %(days)s::date[] AS days,
           %(paid)s::timestamptz[] AS paid, %(received)s::timestamptz[] AS received, %(keys)s::text[] AS keys,
           %(hashes)s::bytea[] AS hashes
), payer AS MATERIALIZED (
    SELECT r.*, c.id AS customer, c.account_id AS account, i.id AS intent, {SINCE.format(customer="c.id")} AS since,
           nextval(pg_get_serial_sequence('payments_payment', 'id')) AS payment,
           nextval(pg_get_serial_sequence('ledger_journal', 'id')) AS journal
    FROM arrived, unnest(codes, refs, amounts, receipts, providers, provider_references, days, paid, received,
                         keys, hashes)
        AS r(code, reference, amount, receipt, provider, provider_reference, day, paid_at, at, key, hash)
    JOIN customers_customer c ON c.code = r.code
    LEFT JOIN payments_paymentintent i ON i.reference = r.reference AND i.customer_id = c.id
    WHERE r.reference = '' OR i.id IS NOT NULL
), meant AS MATERIALIZED (
    SELECT bill_id FROM payments_intentbill WHERE intent_id IN (SELECT intent FROM payer)
), open AS MATERIALIZED ({OPEN_BILLS.format(since="0")}),
ranked AS (
    SELECT payment, amount, since, id, total - paid AS open, sum(total - paid) OVER line - (total - paid) AS before
    FROM open JOIN payer USING (customer)
    WINDOW line AS (PARTITION BY payment ORDER BY id IN (SELECT bill_id FROM meant) DESC, due_on, id
                    ROWS UNBOUNDED PRECEDING)
), shares AS MATERIALIZED (
    SELECT payment, id, least(open, amount - before)::bigint AS amount, before
    FROM ranked WHERE before < amount
), upto AS (
    SELECT payment, coalesce(min(id) FILTER (WHERE before + open > amount), max(id)) / {_MONTH} * {_MONTH} AS paid_below
    FROM ranked WHERE id >= since GROUP BY 1
), shared AS MATERIALIZED (
    SELECT payer.*, coalesce(s.bills, '[]') AS bills, greatest(upto.paid_below, nullif(since, 0)) AS paid_below
    FROM payer LEFT JOIN (
        SELECT payment, jsonb_agg(jsonb_build_array(id, amount) ORDER BY before) AS bills FROM shares GROUP BY 1
    ) s USING (payment) LEFT JOIN upto USING (payment)
)"""  # noqa: S608 - our own text

_KEYED = """, answered AS (
    INSERT INTO payments_confirmation (client_id, key, body_hash, status, answer, payment_id, created_at)
    SELECT provider, key, hash, 201,
           jsonb_build_object('receipt', receipt, 'customer', code, 'amount', amount, 'bills', bills), payment, at
    FROM shared ON CONFLICT (client_id, key) DO NOTHING RETURNING payment_id
), fresh AS MATERIALIZED (SELECT * FROM shared WHERE payment IN (SELECT payment_id FROM answered))"""
_UNKEYED = ", fresh AS MATERIALIZED (SELECT * FROM shared)"

_POST = """, journals AS (
    INSERT INTO ledger_journal (id, kind, reference, business_date, posted_at, created_in)
    SELECT journal, 'payment', 'payment:' || provider || ':' || provider_reference, day, at, '' FROM fresh
), entries AS (
    INSERT INTO ledger_entry (journal_id, account_id, amount, document)
    SELECT fresh.journal, side.account, side.amount, fresh.payment FROM fresh, LATERAL (VALUES
        ((SELECT id FROM ledger_account WHERE code = %(bank)s::text), fresh.amount),
        (fresh.account, -fresh.amount)) AS side(account, amount)
), payments AS (
    INSERT INTO payments_payment (
        id, customer_id, channel, provider, provider_reference, receipt_code, amount, intent_id, journal_id,
        business_date, paid_at, received_at, paid_below)
    SELECT payment, customer, %(channel)s, provider, provider_reference, receipt, amount, intent, journal,
           day, paid_at, at, paid_below FROM fresh
), allocated AS (
    INSERT INTO payments_allocation (payment_id, bill_id, amount)
    SELECT payment, shares.id, shares.amount FROM fresh JOIN shares USING (payment)
), closed AS (
    UPDATE payments_paymentintent i SET status = 'paid' FROM fresh
    WHERE i.id = fresh.intent AND i.amount <= fresh.amount
)
SELECT receipt, payment, bills::text FROM fresh
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
    arrived = _Arrived(payer.customer_code, payer.reference, receipt, _receipt_code(receipt))
    with _taken_reference():
        found = row(SETTLE, _values([arrived])) or ("", 0, "[]")
    return _settled(arrived, found)


def settle_under_key(
    *, customer_code: str, reference: str, receipt: Receipt, key: IdempotencyKey
) -> tuple[Payer, Settled | None]:
    """Lock the customer's account, then settle as `settle` does and keep the answer under the client's key.

    The client is the receipt's provider. Committed when it returns; what comes at the same time is settled in
    the same transaction, and alone when that fails. None when the key was used before.
    Raises UnknownCustomerError, UnknownReferenceError, AlreadyRecordedError.
    """
    arrived = _Arrived(customer_code, reference, receipt, _receipt_code(receipt), key)
    with _taken_reference():
        locked, posted = _settle_one(arrived) if inside_transaction() else _desk.ask(arrived)
    return payer_of(locked, reference), _settled(arrived, posted) if posted else None


@dataclass(frozen=True)
class _Arrived:
    """One payment on its way through the statement."""

    customer_code: str
    reference: str
    receipt: Receipt
    code: str
    key: IdempotencyKey = field(default=IdempotencyKey("", "", b""))


_Row = tuple[Any, ...]
_Answer = tuple[_Row | None, _Row | None]
"""The payer's row as locked, and the payment's as posted."""


def _settle_one(arrived: _Arrived) -> _Answer:
    return _settle_many([arrived])[0]


def _settle_many(arrived: list[_Arrived]) -> list[_Answer]:
    """Settle payments of different customers in one transaction of its own, in one round trip."""
    locked, posted = whole(LOCK_BY_CODES, SETTLE_UNDER_KEY, params=_values(arrived))
    payers, payments = {row[1]: row for row in locked}, {row[0]: row for row in posted}
    return [(payers.get(one.customer_code), payments.get(one.code)) for one in arrived]


_desk = Gathering(_settle_many, apart=lambda arrived: arrived.customer_code, most=32)


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


def _values(arrived: list[_Arrived]) -> dict[str, Any]:
    receipts, channel = [one.receipt for one in arrived], arrived[0].receipt.channel
    return {
        "channel": channel, "bank": CASH if channel == "counter" else BANK,
        "codes": [one.customer_code for one in arrived], "references": [one.reference for one in arrived],
        "receipts": [one.code for one in arrived], "amounts": [r.amount for r in receipts],
        "providers": [r.provider for r in receipts],
        "provider_references": [r.provider_reference for r in receipts],
        "days": [r.paid_at.astimezone(_VIETNAM).date() for r in receipts],
        "paid": [r.paid_at for r in receipts], "received": [r.received_at for r in receipts],
        "keys": [one.key.key for one in arrived], "hashes": [one.key.body_hash for one in arrived],
    }  # fmt: skip


def _settled(arrived: _Arrived, posted: _Row) -> Settled:
    return Settled(posted[1], arrived.code, arrived.receipt.amount, _pairs(json.loads(posted[2])))


def _receipt_code(receipt: Receipt) -> str:
    return f"BN{receipt.received_at.astimezone(_VIETNAM):%y%m%d}-{random_code(8)}"


def _pairs(bills: list[list[int]]) -> tuple[tuple[int, int], ...]:
    return tuple((int(bill), int(amount)) for bill, amount in bills)
