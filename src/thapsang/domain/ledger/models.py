"""Accounts, journals and entries: integer đồng, append-only, balanced by the database.

Balance is held by PostgreSQL (docs/adr/0004): a deferred constraint trigger on the journal sums its
entries at commit; a statement trigger lets entries join only a journal created in the same transaction.
"""

from __future__ import annotations

from django.db import models

from thapsang.kit.privacy.marking import Privacy


class Account(models.Model):
    """A ledger account. `code` is `<chart>` or `<chart>:<owner's reference>` (e.g. `131:PA13VH0000001`)."""

    privacy = Privacy(none=("chart", "code"))

    chart = models.CharField(max_length=6)
    """Number in the Vietnamese chart of accounts: 112 bank, 131 receivable, 511 revenue, 33311 VAT."""
    code = models.CharField(max_length=40, unique=True)

    def __str__(self) -> str:
        return self.code


class Journal(models.Model):
    """One balanced posting. `reference` is unique, so that the same posting cannot be made twice."""

    privacy = Privacy(none=("kind", "reference", "created_in"))

    kind = models.CharField(max_length=20)
    reference = models.CharField(max_length=120, unique=True)
    business_date = models.DateField()
    posted_at = models.DateTimeField()
    created_in = models.CharField(max_length=24, editable=False)
    """The database's transaction number, set by a trigger: entries may only be added in it."""

    def __str__(self) -> str:
        return self.reference


class Entry(models.Model):
    """One signed amount on one account: debit > 0, credit < 0. Never zero, never changed."""

    privacy = Privacy()

    # No row-by-row foreign keys: a statement trigger proves both for a whole COPY at once (docs/adr/0004).
    # The table's primary key is (journal, id), which finds a journal's entries too: one index less to keep.
    journal = models.ForeignKey(
        Journal, on_delete=models.PROTECT, related_name="entries", db_index=False, db_constraint=False
    )
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="entries", db_index=True, db_constraint=False
    )
    amount = models.BigIntegerField()
    document = models.BigIntegerField(null=True)
    """The bill's or payment's number that explains the amount; the ledger does not follow it."""

    class Meta:
        constraints = [models.CheckConstraint(condition=~models.Q(amount=0), name="entry_not_zero")]

    def __str__(self) -> str:
        return f"{self.amount}"
