"""The outbox."""

from __future__ import annotations

from django.db import models

from thapsang.kit.privacy.marking import Privacy


class Event(models.Model):
    """Something that happened, written in the transaction in which it happened."""

    privacy = Privacy(none=("name", "key", "body", "problem"))

    name = models.CharField(max_length=80)
    key = models.CharField(max_length=120, unique=True)
    body = models.JSONField()
    happened_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True, blank=True)
    attempts = models.IntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True)
    """Not to be tried before: another worker has it in hand, or the last try failed."""
    problem = models.CharField(max_length=200, blank=True)
    """The class of the last failure; never its text, which may hold personal data."""

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="event_unhandled", condition=models.Q(handled_at__isnull=True))
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.key}"
