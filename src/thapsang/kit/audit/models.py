"""The audit log: append-only, hash-chained, its head sealed."""

from __future__ import annotations

from django.db import models

from thapsang.kit.privacy.marking import Privacy


class AuditEntry(models.Model):
    """One change by one person: who, when, what before, what after, why.

    `hash` = SHA-256 over the entry's canonical JSON and `previous_hash`; triggers refuse
    UPDATE, DELETE and TRUNCATE, `thapsang audit verify` finds what went round them.
    """

    privacy = Privacy(
        basic=("actor_name", "before", "after"),
        none=("action", "subject", "reason", "hash", "previous_hash", "request_id"),
    )

    id = models.BigIntegerField(primary_key=True)
    """Place in the chain: 1, 2, 3 … without a gap, so that a missing entry has a name."""
    at = models.DateTimeField()
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=150)
    action = models.CharField(max_length=80)
    subject = models.CharField(max_length=120)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.TextField(blank=True)
    request_id = models.CharField(max_length=40, blank=True)
    previous_hash = models.BinaryField()
    hash = models.BinaryField(unique=True)

    class Meta:
        indexes = [
            models.Index(fields=["subject", "-id"], name="audit_subject"),
            models.Index(fields=["actor_id", "-id"], name="audit_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"


class AuditHead(models.Model):
    """The end of the chain, in one row: writers queue on it, and a log cut short no longer reaches it.

    `seal` is keyed (HMAC) with a secret that is not in the database, so that somebody who can
    write every table still cannot move the head to fit a chain of their own.
    """

    privacy = Privacy(none=("hash", "seal"))

    id = models.SmallIntegerField(primary_key=True, default=1)
    entries = models.BigIntegerField(default=0)
    hash = models.BinaryField()
    seal = models.BinaryField()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="audit_one_head")]

    def __str__(self) -> str:
        return f"{self.entries} entries"
