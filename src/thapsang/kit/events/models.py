"""The outbox, and how far the sweeps that fill it have come."""

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


class Watermark(models.Model):
    """How far a sweep over a growing table has come: rows up to `value` are told."""

    privacy = Privacy(none=("name",))

    name = models.CharField(max_length=80, primary_key=True)
    value = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.name} at {self.value}"
