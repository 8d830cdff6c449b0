"""The audit log: append-only, hash-chained."""

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
        indexes = [models.Index(fields=["subject", "-id"], name="audit_subject")]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"
