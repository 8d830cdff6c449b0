"""The outbox."""

from __future__ import annotations

from django.db import models

from thapsang.kit.privacy.marking import Privacy


class Event(models.Model):
    """Something that happened, written in the transaction in which it happened."""

    privacy = Privacy(none=("name", "key", "body"))

    name = models.CharField(max_length=80)
    key = models.CharField(max_length=120, unique=True)
    body = models.JSONField()
    happened_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="event_unhandled", condition=models.Q(handled_at__isnull=True))
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.key}"
