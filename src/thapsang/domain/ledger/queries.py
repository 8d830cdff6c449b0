"""Balances, statements and the trial balance."""

from __future__ import annotations

from django.db import connection
from django.db.models import F, Sum, Window
from django.db.models.expressions import RowRange

from thapsang.domain.ledger.models import Account, Entry, Journal
from thapsang.domain.ledger.types import StatementLine, TrialLine, UnknownAccountError


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


def document_sums(*, account_id: int) -> dict[int, int]:
    """Return what each document (bill or payment number) moved on an account, in đồng."""
    rows = Entry.objects.filter(account_id=account_id, document__isnull=False)
    return {int(doc): int(s) for doc, s in rows.values_list("document").annotate(Sum("amount"))}


def statement_of(*, account_id: int, limit: int = 200) -> list[StatementLine]:
    """Return an account's last entries, oldest first, each with the running balance after it in đồng."""
    running = Window(Sum("amount"), order_by=["journal_id", "id"], frame=RowRange(start=None, end=0))
    rows = (
        Entry.objects.filter(account_id=account_id)
        .annotate(
            after=running, on=F("journal__business_date"), why=F("journal__kind"), ref=F("journal__reference")
        )
        .order_by("-journal_id", "-id")[:limit]
        .values_list("id", "on", "why", "ref", "document", "amount", "after")
    )
    lines = [
        StatementLine(i, on, why, ref, doc, amount, int(after))
        for i, on, why, ref, doc, amount, after in rows
    ]
    return lines[::-1]


def journal_exists(*, reference: str) -> bool:
    """Tell whether a journal with this reference is posted."""
    return Journal.objects.filter(reference=reference).exists()


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
