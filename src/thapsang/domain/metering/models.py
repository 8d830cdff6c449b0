"""Meters, installations, registers, readings, imports."""

from __future__ import annotations

from django.db import models

from thapsang.kit.privacy.marking import Privacy


class Meter(models.Model):
    """Công tơ."""

    privacy = Privacy(none=("serial", "kind"))

    serial = models.CharField(max_length=20, unique=True)
    kind = models.CharField(max_length=12, choices=[("single", "một giá"), ("three-rate", "ba giá")])
    remote = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.serial


class Installation(models.Model):
    """A meter on a supply point from a date until a date [start, end), with its CT/VT multiplier."""

    privacy = Privacy()

    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, related_name="installations")
    supply_point = models.ForeignKey("customers.SupplyPoint", on_delete=models.PROTECT, related_name="+")
    start = models.DateField()
    end = models.DateField(null=True, blank=True)
    multiplier = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["supply_point"], condition=models.Q(end__isnull=True), name="installation_one_open"),
            models.UniqueConstraint(fields=["meter"], condition=models.Q(end__isnull=True), name="installation_meter_once"),
        ]

    def __str__(self) -> str:
        return f"{self.meter_id} on {self.supply_point_id}"


class Register(models.Model):
    """Bộ chỉ số of an installation: what one dial counts (kWh, or kvarh for `reactive`)."""

    privacy = Privacy(none=("kind",))

    installation = models.ForeignKey(Installation, on_delete=models.PROTECT, related_name="registers")
    kind = models.CharField(
        max_length=10,
        choices=[
            ("total", "tổng"),
            ("normal", "bình thường"),
            ("peak", "cao điểm"),
            ("offpeak", "thấp điểm"),
            ("reactive", "phản kháng"),
        ],
    )
    digits = models.PositiveSmallIntegerField(default=6)
    """Digits of the dial; it rolls over at 10**digits."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["installation", "kind"], name="register_one_a_kind")]

    def __str__(self) -> str:
        return self.kind


class Reading(models.Model):
    """Chỉ số: the dial's value at 00:00 of `read_on`, Asia/Ho_Chi_Minh.

    A reading taken on the evening of 31/10 therefore has read_on 01/11 and closes October [01/10, 01/11).
    Partitioned by month of `read_on`; the key is (register, read_on, sequence).
    """

    privacy = Privacy(none=("source", "quality"))

    pk = models.CompositePrimaryKey("register_id", "read_on")
    register = models.ForeignKey(Register, on_delete=models.PROTECT, related_name="+", db_index=False)
    read_on = models.DateField()
    value = models.BigIntegerField()
    """Dial value in whole kWh (kvarh), before the multiplier."""
    quality = models.CharField(max_length=1, default="A", choices=[("A", "đọc"), ("E", "ước tính"), ("C", "khách báo")])
    source = models.CharField(max_length=8, default="import")
    import_file = models.ForeignKey("ReadingImport", null=True, on_delete=models.PROTECT, related_name="+", db_index=False)

    def __str__(self) -> str:
        return f"{self.value} on {self.read_on}"


class ReadingImport(models.Model):
    """One file (or API call) of readings, kept with its outcome."""

    privacy = Privacy(none=("name", "sha256", "channel", "status", "problem"))

    name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64, unique=True)
    channel = models.CharField(max_length=8, choices=[("csv", "CSV"), ("parquet", "Parquet"), ("ami", "AMI")])
    status = models.CharField(max_length=10, default="running")
    problem = models.TextField(blank=True)
    rows = models.BigIntegerField(default=0)
    accepted = models.BigIntegerField(default=0)
    repeated = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class RejectedReading(models.Model):
    """A row that did not go in: as it was given, why, and what to do."""

    privacy = Privacy(none=("raw", "code", "reason", "remedy"))

    import_file = models.ForeignKey(ReadingImport, on_delete=models.CASCADE, related_name="rejections")
    row = models.BigIntegerField()
    raw = models.JSONField()
    code = models.CharField(max_length=30)
    reason = models.TextField()
    remedy = models.TextField()
    resolved_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"row {self.row}: {self.code}"
