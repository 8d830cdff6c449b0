"""Balances and the trial balance."""

from __future__ import annotations

from django.db import connection
from django.db.models import Sum

from thapsang.domain.ledger.models import Account, Entry
from thapsang.domain.ledger.types import TrialLine, UnknownAccountError


def account_id(*, code: str) -> int:
    """Return the id of the account `code`; raise UnknownAccountError when there is none."""
    found = Account.objects.filter(code=code).values_list("id", flat=True).first()
    if found is None:
        raise UnknownAccountError(f"No ledger account has the code {code!r}: open it before posting to it.")
    return found


def balance(*, account_id: int) -> int:
    """Return an account's balance in đồng: more than 0 is owed to us, less than 0 is the owner's credit."""
    return Entry.objects.filter(account_id=account_id).aggregate(sum=Sum("amount"))["sum"] or 0


def balances(*, account_ids: list[int]) -> dict[int, int]:
    """Return the balance of each account in đồng; an account without entries has 0."""
    rows = Entry.objects.filter(account_id__in=account_ids).values_list("account_id").annotate(Sum("amount"))
    return dict.fromkeys(account_ids, 0) | {account: int(amount) for account, amount in rows}


def trial_balance() -> list[TrialLine]:
    """Return the sums of all entries by number of the chart of accounts; the balances sum to 0."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT a.chart, sum(e.n)::bigint, sum(e.debit)::bigint, sum(e.credit)::bigint
            FROM (SELECT account_id, count(*) AS n,
                         coalesce(sum(amount) FILTER (WHERE amount > 0), 0) AS debit,
                         coalesce(-sum(amount) FILTER (WHERE amount < 0), 0) AS credit
                  FROM ledger_entry GROUP BY account_id) e
            JOIN ledger_account a ON a.id = e.account_id GROUP BY a.chart ORDER BY a.chart
            """
        )
        return [TrialLine(*row) for row in cursor.fetchall()]


def unbalanced_journals(*, limit: int = 20) -> list[tuple[str, int, int]]:
    """Return journals (reference, entries, sum) that do not balance: none, while the guards stand."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT coalesce(j.reference, '#' || e.journal_id), e.n, e.s
            FROM (SELECT journal_id, count(*) AS n, sum(amount)::bigint AS s
                  FROM ledger_entry GROUP BY journal_id) e
            FULL JOIN ledger_journal j ON j.id = e.journal_id
            WHERE e.s IS DISTINCT FROM 0 OR e.n < 2 OR j.id IS NULL LIMIT %s
            """,
            [limit],
        )
        return [(reference, entries or 0, total or 0) for reference, entries, total in cursor.fetchall()]
