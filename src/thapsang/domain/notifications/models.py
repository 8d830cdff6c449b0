"""Messages that were sent, or tried."""

from __future__ import annotations

from django.db import models

from thapsang.kit.privacy.marking import Privacy


class Message(models.Model):
    """One message to one address through one channel."""

    privacy = Privacy(sensitive=("address_cipher",), none=("channel", "template", "status", "provider_reference", "problem"))

    channel = models.CharField(max_length=8)
    template = models.CharField(max_length=40)
    address_cipher = models.BinaryField(editable=False)
    status = models.CharField(max_length=10, default="queued")
    provider_reference = models.CharField(max_length=80, blank=True)
    problem = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.channel} {self.template}"
