"""Files given to us, kept as they came, found again by their SHA-256."""

from __future__ import annotations

from django.db import models

from thapsang.kit.privacy.marking import Privacy


class StoredFile(models.Model):
    """A file on disk under its own hash; the same bytes are stored once."""

    privacy = Privacy(basic=("name",), none=("sha256", "media_type", "purpose"))

    sha256 = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=255)
    media_type = models.CharField(max_length=100)
    purpose = models.CharField(max_length=60)
    size = models.BigIntegerField()
    stored_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name
