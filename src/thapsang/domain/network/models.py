"""Area teams, communes and reading books."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from thapsang.kit.privacy.marking import Privacy


class AreaTeam(models.Model):
    """Đội Quản lý Điện lực khu vực; its code (`PA13VH`) begins the customer codes it gives out."""

    privacy = Privacy(none=("code", "name", "doubt"))

    code = models.CharField(max_length=6, unique=True)
    name = models.CharField(max_length=120)
    doubt = models.CharField(max_length=200, blank=True)
    """How sure the code or the name is, where it is not confirmed by two sources."""

    def __str__(self) -> str:
        return self.name


class Commune(models.Model):
    """Xã or phường after 01/07/2025, by the statistics office's code."""

    privacy = Privacy(none=("code", "name", "kind", "former_names"))

    code = models.CharField(max_length=5, unique=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=[("xa", "xã"), ("phuong", "phường")])
    area_team = models.ForeignKey(AreaTeam, on_delete=models.PROTECT, related_name="communes")
    former_names = ArrayField(models.CharField(max_length=120), default=list, blank=True)

    def __str__(self) -> str:
        return self.name


class ReadingBook(models.Model):
    """Sổ ghi chỉ số: the points read on one walk on one day; also the unit of work of a bill run."""

    privacy = Privacy(none=("code",))

    code = models.CharField(max_length=12, unique=True)
    area_team = models.ForeignKey(AreaTeam, on_delete=models.PROTECT, related_name="books")
    reading_day = models.PositiveSmallIntegerField(default=1)
    """Day of the month at whose 00:00 the reading counts; 1 = the reading taken on the month's last day."""

    def __str__(self) -> str:
        return self.code
