"""Posting to the ledger. Lock order: accounts in ascending id, always through `lock_accounts`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from django.db import connection

from thapsang.domain.ledger.models import Account
from thapsang.domain.ledger.types import AlreadyPostedError, UnbalancedError, UnknownAccountError
from thapsang.kit.db.transactions import transaction_required

Posting = tuple[int, int, int | None]
"""account id, amount in đồng (debit > 0, credit < 0), the explaining document's number or None."""

_POST = """
WITH journal AS (
    INSERT INTO ledger_journal (kind, reference, business_date, posted_at, created_in)
    VALUES (%s, %s, %s, %s, '') ON CONFLICT (reference) DO NOTHING RETURNING id
), entries AS (
    INSERT INTO ledger_entry (journal_id, account_id, amount, document)
    SELECT journal.id, e.account, e.amount, e.document
    FROM journal, unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS e(account, amount, document)
)
SELECT id FROM journal
"""


@transaction_required
def post(*, kind: str, reference: str, business_date: date, at: datetime, entries: Sequence[Posting]) -> int:
    """Post one balanced journal in one statement and return its id.

    Raises UnbalancedError (sum not 0, fewer than two, a zero amount) and AlreadyPostedError (the reference is
    taken: nothing is written, the transaction stays usable). An unknown account is refused by the database.
    """
    _demand_balance(reference, entries)
    account, amount, document = zip(*sorted(entries, key=lambda entry: entry[0]), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            _POST, [kind, reference, business_date, at, list(account), list(amount), list(document)]
        )
        row = cursor.fetchone()
    if row is None:
        raise AlreadyPostedError(f"The journal {reference!r} is posted already; nothing was written again.")
    return int(row[0])


def _demand_balance(reference: str, entries: Sequence[Posting]) -> None:
    total = sum(amount for _, amount, _ in entries)
    if len(entries) < 2 or total != 0 or any(amount == 0 for _, amount, _ in entries):
        raise UnbalancedError(
            f"The journal {reference!r} has {len(entries)} entries that sum to {total} đồng: give two "
            "or more entries other than zero whose debits (> 0) and credits (< 0) sum to 0."
        )


@transaction_required
def open_account(*, chart: str, code: str) -> int:
    """Open the account `code` under number `chart`, or find it; return its id."""
    return Account.objects.get_or_create(code=code, defaults={"chart": chart})[0].pk


@transaction_required
def lock_accounts(*, account_ids: Iterable[int]) -> None:
    """Lock accounts until the transaction ends, in ascending id: the one lock order of the ledger.

    For decisions that hang on a balance (how much of a payment goes to which bill). FOR NO KEY UPDATE lets
    postings that need no decision pass. Raises UnknownAccountError.
    """
    wanted = sorted(set(account_ids))
    rows = Account.objects.select_for_update(no_key=True).filter(id__in=wanted).order_by("id")
    missing = set(wanted) - set(rows.values_list("id", flat=True))
    if missing:
        raise UnknownAccountError(f"No ledger account has the id {min(missing)}.")
