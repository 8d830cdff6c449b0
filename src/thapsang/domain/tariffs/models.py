"""Versions of the policies that made a bill."""

from __future__ import annotations

from django.db import models

from thapsang.kit.privacy.marking import Privacy


class PolicyVersion(models.Model):
    """The exact tariff data a bill was rated with, kept for ever under its hash."""

    privacy = Privacy(none=("sha256", "distributor", "content"))

    sha256 = models.CharField(max_length=64, unique=True)
    distributor = models.CharField(max_length=40)
    content = models.JSONField()
    """`format` (types.FORMAT), `files` {path under policies/: content}, `references` as the files cite them."""
    first_used_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.distributor} {self.sha256[:12]}"
